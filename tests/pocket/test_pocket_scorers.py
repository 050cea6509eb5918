"""Claims about the pocket scorers: they know what is right, and strategies led by them gain what they must."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from pathlib import Path
from random import Random

import pytest

import pocket.problems as told
from tests.runs.samples import execute
from tts_bench.api import Problem, aggregate
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.errors import EngineError, UserError
from tts_bench.records import AnswerRecord, Record, from_line
from tts_bench.runs.run import prepare
from tts_bench.scorer import Candidate
from tts_bench.scorers import kinds, pocket

ROOT = Path(__file__).parents[2]
BEST = str(ROOT / "tests" / "best_of_n.py:BestOfN")
BEAM = "beam-search:n=4,width=2,rounds=12,stop=\n"  # the pocket model writes a line a step
TASKS = ("pocket_arithmetic", "pocket_flat")
PROBLEMS, ERROR = 300, 0.05
Z = 3.5  # standard deviations that chance may take: one in 2,000


def rows(task: str) -> Iterator[tuple[Problem, str, list[str]]]:
    """Problems with their gold answers and the lines of their gold solutions."""
    with gzip.open(ROOT / "tasks" / f"{task}.jsonl.gz", "rt") as file:
        for number, row in enumerate(map(json.loads, file)):
            lines, _, gold = row["answer"].rpartition("\n#### ")
            yield Problem(f"{task}/{number}", task, row["question"]), gold, lines.split("\n")


@pytest.mark.parametrize("task", TASKS)
def test_they_know_every_gold_answer_and_every_line_of_a_gold_solution(task: str) -> None:
    for problem, gold, lines in rows(task):
        true = pocket.values(problem)
        assert str(true[-1]) == gold
        assert all(pocket.right_line(line, true) for line in lines), (problem, lines)
        wrong = [line for line in lines if pocket.right_line(line + "1", true)]
        assert not wrong


def test_they_know_every_word_of_the_generator() -> None:
    draw = Random(0)
    for number in range(2000):
        problem = told.ordinary(draw) if number % 2 else told.flat(draw, hard=number % 4 == 0)
        assert pocket.values(Problem("", "", problem.text))[-1] == problem.answer


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("26a-8=18", True), ("26A-8:18", True), ("18b+4=22", True), ("26a-8=17", False), ("25a-8=17", False),
        ("26a-7=19", False), ("26b-8=18", False), ("18c+4=22", False), ("so 22", True), ("so 18", False),
        ("looks right", True), ("26n-8=18", True), ("", True),
    ],
)  # fmt: skip
def test_a_line_is_right_where_it_changes_the_true_value_by_its_event(line: str, right: bool) -> None:
    assert pocket.right_line(line, [26, 18, 22]) is right


PROBLEM = Problem("a", "b", "Ben has 26 books. He loses 8. He finds 4. How many books now?")


def test_errors_come_at_the_rate_that_is_stated() -> None:
    said = [pocket.outcome(PROBLEM, Candidate("", "22", "22", str(number)), 0.1) for number in range(4000)]
    assert abs(1 - sum(said) / 4000 - 0.1) < Z * sqrt(0.09 / 4000)
    lines = [f"26a-8=18\n{number}\nso 22" for number in range(4000)]
    ends = [pocket.steps(PROBLEM, Candidate(text, ""), 0.1)[-1] for text in lines]
    assert abs(1 - sum(ends) / 4000 - 0.1) < Z * sqrt(0.09 / 4000)


def test_a_longer_text_has_the_scores_of_a_shorter_one() -> None:
    text = "26a-8=18\n18b+4=22\nso 22"
    whole = pocket.steps(PROBLEM, Candidate(text, "22", "22", "one"), 0.5)
    for count in (1, 2, 3):
        part = Candidate("\n".join(text.split("\n")[:count]), "", sample="other")
        assert pocket.steps(PROBLEM, part, 0.5) == whole[:count]


def test_no_answer_is_wrong_and_no_other_problem_is_read() -> None:
    assert pocket.outcome(PROBLEM, Candidate("so 22", "I do not know", None, "x"), 0.0) == 0.0
    with pytest.raises(ValueError, match="read only problems of pocket_arithmetic"):
        pocket.values(replace(PROBLEM, prompt="What is 2 + 2?"))


@pytest.mark.parametrize("error", ["-0.1", "1.1"])
def test_an_error_rate_that_is_none_is_refused(error: str) -> None:
    with pytest.raises(UserError, match=f"error is {error}; it takes a share"):
        kinds.check([f"pocket:error={error}"])


def test_another_problem_is_an_error_of_that_problem() -> None:
    import asyncio

    [one] = kinds.check(["pocket"])
    with pytest.raises(EngineError, match="read only problems of pocket_arithmetic"):
        asyncio.run(kinds.load(one).scorer.score(Problem("a", "b", "c"), [Candidate("", "")]))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Record]]:
    """Records of strategies on the pocket model, by their labels."""
    strategies = {
        "vote": "majority-vote:samples=8",
        "baseline": "baseline",
        **{name: f"{BEST}:scorer={name}" for name in ("good", "perfect", "useless", "same")},
        "lines": f"{BEST}:scorer=line,how=min",
        "beam": f"{BEAM},scorer=line,how=min",
        "blind": f"{BEAM},scorer=useless",
    }
    says = {
        "good": f"outcome,error={ERROR}", "perfect": "outcome,error=0", "useless": "useless", "same": "constant",
        "line": "steps,error=0",
    }  # fmt: skip
    scorers = tuple(f"{name}=pocket:says={said}" for name, said in says.items())
    model = ModelConfig("pocket", "hf:workers=1,threads=1")
    config = RunConfig(model, ("pocket_arithmetic",), tuple(strategies.values()), limit=PROBLEMS, scorers=scorers)
    run = prepare(config, tmp_path_factory.mktemp("played") / "run")
    execute(run)
    names = dict(zip((arm.id for arm in run.arms), strategies, strict=True))
    found: dict[str, list[Record]] = {name: [] for name in strategies}
    for line in (run.folder.path / "records.jsonl").read_text().splitlines():
        record = from_line(line)
        found[names[record.strategy]].append(record)
    return found


def last(record: Record) -> AnswerRecord:
    assert record.error is None, record.error
    return record.answers[-1]


def accuracy(records: list[Record]) -> float:
    return sum(last(record).scores["strict"] for record in records) / len(records)


def pools(records: list[Record]) -> list[list[bool]]:
    """Of each problem whether its samples are right, in their order: that of the rungs that each joined."""
    found = []
    for record in records:
        gold = str(pocket.values(Problem("", "", record.segments[0].text))[-1])
        joined = [set(rung.scored) for rung in record.answers]
        order = [(now - before).pop() for before, now in zip([set(), *joined], joined, strict=False)]
        found.append([record.segments[record.scored[place].segment].extracted == gold for place in order])
    return found


def implied(pool: list[bool], error: float) -> float:
    """The chance that the first sample that a scorer with that error calls right is right."""
    none, right = 1.0, 0.0
    for sample in pool:
        called = 1 - error if sample else error
        right += none * called * sample
        none *= 1 - called
    return right + none * pool[0]


def near(found: float, shares: list[float]) -> bool:
    """Whether an accuracy is what draws with these chances give."""
    deviation = sqrt(sum(share * (1 - share) for share in shares)) / len(shares)
    return abs(found - sum(shares) / len(shares)) <= Z * deviation


@pytest.mark.slow
@pytest.mark.xdist_group("pocket scorers")
def test_best_of_8_by_a_good_scorer_gains_over_the_vote_what_its_error_implies(played: dict[str, list[Record]]) -> None:
    shares = [implied(pool, ERROR) for pool in pools(played["good"])]
    assert near(accuracy(played["good"]), shares)
    assert sum(shares) / len(shares) - accuracy(played["vote"]) > 0.04  # and so it gains:
    assert accuracy(played["good"]) - accuracy(played["vote"]) > 0.02


@pytest.mark.slow
@pytest.mark.xdist_group("pocket scorers")
def test_a_perfect_scorer_is_right_wherever_any_sample_is(played: dict[str, list[Record]]) -> None:
    assert accuracy(played["perfect"]) == sum(any(pool) for pool in pools(played["perfect"])) / PROBLEMS


@pytest.mark.slow
@pytest.mark.xdist_group("pocket scorers")
def test_best_of_8_by_a_useless_scorer_is_a_random_sample(played: dict[str, list[Record]]) -> None:
    assert near(accuracy(played["useless"]), [sum(pool) / 8 for pool in pools(played["useless"])])
    assert accuracy(played["vote"]) - accuracy(played["useless"]) > 0.15


@pytest.mark.slow
@pytest.mark.xdist_group("pocket scorers")
def test_best_of_8_by_a_constant_is_the_first_sample(played: dict[str, list[Record]]) -> None:
    for chosen, first in zip(played["same"], played["baseline"], strict=True):
        assert {(rung.text, rung.extracted) for rung in chosen.answers} == {(last(first).text, last(first).extracted)}


@pytest.mark.slow
@pytest.mark.xdist_group("pocket scorers")
def test_right_lines_lead_to_right_answers_and_beams_that_follow_them_too(played: dict[str, list[Record]]) -> None:
    """Best-of-8 by the least line is near its bound; a beam is above single samples, and led by chance it is not."""
    assert accuracy(played["lines"]) > accuracy(played["perfect"]) - 0.03
    assert accuracy(played["beam"]) - accuracy(played["baseline"]) > 0.2
    sample = [sum(pool) / 8 for pool in pools(played["useless"])]
    assert near(accuracy(played["blind"]), sample)


@pytest.mark.slow
@pytest.mark.xdist_group("pocket scorers")
def test_what_a_beam_drops_is_billed_as_discarded(played: dict[str, list[Record]]) -> None:
    for record in played["beam"]:
        cost = last(record).cost
        assert cost.discarded > 0
        assert cost.generated == record.spent.generated
        sizes = [aggregate(score.steps, "min") for score in record.scored]
        assert set(sizes) <= {0.0, 1.0}
