"""Every answer of the corpora gets the verdict it deserves, and equal answers share one ballot."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.tasks.corpus import Case, read, wrong
from tts_bench.tasks.scoring import extract, strict

REPORTED = read("scoring.jsonl")
SCORED = [case for case in REPORTED if "gold" in case]
VOTED = [case for case in REPORTED if "vote_same" in case]

BY_KIND: dict[str, list[Case]] = defaultdict(list)
for _case in read("answers.jsonl"):
    BY_KIND[_case["kind"]].append(_case)


@pytest.mark.parametrize("case", SCORED, ids=lambda case: f"{case['gold']} ~ {case['output'][:40]!r}")
def test_a_reported_answer_gets_its_verdict(case: Case) -> None:
    assert wrong([case]) == [], case["why"]


@pytest.mark.parametrize("case", VOTED, ids=lambda case: case["vote_same"][0])
def test_equal_answers_share_a_ballot_and_others_have_their_own(case: Case) -> None:
    same = {extract(rf"\boxed{{{answer}}}") for answer in case["vote_same"]}
    apart = [extract(rf"\boxed{{{answer}}}") for answer in case["vote_apart"]]
    assert len(same) == 1, case["why"]
    assert len(same | set(apart)) == 1 + len(apart), case["why"]
    for gold in case["vote_same"]:
        assert all(strict(gold, rf"\boxed{{{answer}}}") for answer in case["vote_same"]), case["why"]
        assert not any(strict(gold, rf"\boxed{{{answer}}}") for answer in case["vote_apart"]), case["why"]


@pytest.mark.parametrize("kind", BY_KIND)
def test_all_answers_of_a_kind_get_their_verdicts(kind: str) -> None:
    failures = wrong(BY_KIND[kind])
    assert not failures, f"{len(failures)} of {len(BY_KIND[kind])}:\n" + "\n".join(map(_shown, failures))


def test_each_kind_holds_right_and_wrong_answers() -> None:
    assert sum(map(len, BY_KIND.values())) >= 450
    one_sided = {kind for kind, cases in BY_KIND.items() if len({case["lenient"] for case in cases}) < 2}
    assert one_sided <= {"lengths of time and mixed units"}


def _shown(case: Case) -> str:
    wanted = (case["strict"], case["lenient"])
    return f"gold {case['gold']!r}, output {case['output'][-80:]!r}: {wanted} expected, {case['found']} found"
