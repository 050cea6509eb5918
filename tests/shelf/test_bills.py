"""What each strategy of the shelf bills beside what it spent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.scripts import World
from tests.shelf.test_pool import COLUMNS
from tts_bench import presets, registry
from tts_bench.api import Reasoner
from tts_bench.conformance.stage import StageScorer, teller
from tts_bench.engine import Sampling
from tts_bench.records import Record
from tts_bench.solving.solve import Arm

PROBLEMS = 2
REWRITTEN = "self-aggregation"  # of a population, some may never be drawn for the next


def played(name: str) -> list[Record]:
    """What a strategy makes of some problems, on a model that writes steps, doubts and answers in its thinking."""
    world = World(teller, None, {"any": StageScorer()}, columns=COLUMNS, thinking=Sampling(top_k=50))
    [built] = registry.build_all([name])
    made = world.run_arms([Arm(built.id, built.strategy)], items=[world.item(number) for number in range(PROBLEMS)])
    assert not [record.error for record in made if record.error]
    return made


def longest(record: Record, places: Iterable[int]) -> dict[str, int]:
    """Tokens of each origin among these segments."""
    found: dict[str, int] = {}
    for place in places:
        segment = record.segments[place]
        found[segment.origin] = max(found.get(segment.origin, 0), segment.tokens + segment.end - segment.paid)
    return found


@pytest.mark.parametrize("name", presets.groups()[presets.SHELF])
def test_what_is_spent_is_billed_to_the_last_answer_or_is_of_earlier_ones(name: str) -> None:
    """The last answer is billed for all that was generated, but for what only earlier rungs depend on."""
    for record in played(name):
        *earlier, last = record.answers
        own = longest(record, last.segments)
        others = longest(record, [place for answer in earlier for place in answer.segments])
        more = {origin: count - own.get(origin, 0) for origin, count in others.items() if count > own.get(origin, 0)}
        assert longest(record, range(len(record.segments))) == own | {each: others[each] for each in more}
        assert record.spent.generated - last.cost.generated == sum(more.values())
        assert record.spent.prompt == last.cost.prompt
        assert {place for answer in record.answers for place in answer.scored} == set(range(len(record.scored)))
        kinds = {segment.kind for segment in record.segments if segment.origin in more}
        assert name == REWRITTEN or kinds <= {"closing", "answer"}


def test_the_page_about_bills_says_of_every_verb_why_it_is_covered() -> None:
    page = Path(__file__).parents[2] / "docs" / "billing.md"
    said = {
        name for heads in re.findall(r"^\*\*([a-z, ]+)\.\*\*", page.read_text(), re.M) for name in heads.split(", ")
    }
    assert said == {name for name in vars(Reasoner) if not name.startswith("_")}
