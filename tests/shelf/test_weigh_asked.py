"""Claim: strategies in which the model chooses show it all candidates, read its choice, and pay for both."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.scripts import rambler
from tests.shelf.opened import answers, last, opened, plain, told
from tests.shelf.pools import silent
from tts_bench.api import Answer, Strategy
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.strategies.weigh.genselect import GenSelect
from tts_bench.strategies.weigh.judging import choice, shown
from tts_bench.strategies.weigh.universal_self_consistency import UniversalSelfConsistency

Decide = Callable[[list[str]], str]


class Judging:
    """A model of many answers, which says as a judge what `decide` says of the candidates; it keeps what was shown."""

    __name__ = "judging"

    def __init__(self, decide: Decide) -> None:
        self.rounds: list[list[str]] = []
        self._decide = decide

    def __call__(self, text: str, draw: Draw) -> str:
        prompt, _, thought = text.partition(THINK)
        candidates = re.findall(r"Candidate \d+:\n(.*)", prompt)
        if END_THINK not in thought:
            return f"let me see{END_THINK}" if candidates else rambler(text, draw)
        if not candidates:
            return f"\\boxed{{{int(draw(0) * 10**6)}}}{END}"
        if candidates not in self.rounds:
            self.rounds.append(candidates)
        return self._decide(candidates) + END


def largest(candidates: list[str]) -> str:
    values = [int(re.sub(r"\D", "", each)) for each in candidates]
    return f"I compared them. Choice: {values.index(max(values)) + 1}"


def second(candidates: list[str]) -> str:
    return "Choice: 1? No. **Choice:** 2."


def nobody(candidates: list[str]) -> str:
    return "They are all fine."


def beyond(candidates: list[str]) -> str:
    return "Choice: 99"


def samples(count: int) -> list[str]:
    """Texts of the first samples, in their order."""
    votes = [plain(number, opened(Judging(nobody))) for number in range(1, count + 1)]
    return [re.sub(r"\s", "", vote.traces[-1].segments[-1].text) for vote in votes]


@pytest.mark.parametrize("strategy", [UniversalSelfConsistency(8), GenSelect(8)], ids=str)
def test_all_candidates_are_shown_once_in_an_order_of_their_own_and_the_named_one_is_taken(strategy: Strategy) -> None:
    judge = Judging(second)
    answer = last(strategy, opened(judge))
    [order] = judge.rounds
    assert sorted(order) == sorted(samples(8))
    assert order != samples(8)
    assert answer.text == order[1]
    again = Judging(second)
    assert told(last(strategy, opened(again))) == told(answer)
    other = Judging(second)
    last(strategy, opened(other, seed=1))
    assert other.rounds != again.rounds == judge.rounds


@pytest.mark.parametrize("decide", [nobody, beyond])
def test_a_reply_that_names_no_candidate_falls_back_to_the_first(decide: Decide) -> None:
    assert last(UniversalSelfConsistency(6), opened(Judging(decide))).text == samples(6)[0]
    judge = Judging(decide)
    assert last(GenSelect(6), opened(judge)).text == judge.rounds[0][0]


@pytest.mark.parametrize(
    ("count", "window", "sizes"),
    [(16, 8, [8, 8, 2]), (9, 8, [8, 2]), (8, 8, [8]), (7, 2, [2, 2, 2, 2, 2, 2]), (10, 3, [3, 3, 3, 3, 2])],
)
def test_winners_of_windows_meet_until_one_is_left(count: int, window: int, sizes: list[int]) -> None:
    judge = Judging(largest)
    answer = last(GenSelect(count, window), opened(judge))
    assert sorted(map(len, judge.rounds), reverse=True) == sizes
    assert largest([answer.text, *samples(count)]) == "I compared them. Choice: 1"


@pytest.mark.parametrize("strategy", [UniversalSelfConsistency(6), GenSelect(6), GenSelect(6, 2)], ids=str)
def test_the_choice_is_paid_for_beside_all_samples(strategy: Strategy) -> None:
    judge = Judging(second)
    answer, vote = last(strategy, opened(judge)), plain(6, opened(judge))
    calls = len(judge.rounds)
    written = calls * (len(f"let me see{END_THINK}") - len(END_THINK) + 1)
    assert answer.cost.thinking + answer.cost.discarded == vote.cost.thinking + written
    assert answer.cost.answer == vote.cost.answer + calls * (len(second([])) + 1)
    assert answer.cost.context > sum(len(each) for order in judge.rounds for each in order)
    assert answer.cost.sequential > vote.cost.sequential


@pytest.mark.parametrize("strategy", [UniversalSelfConsistency(5), GenSelect(5)], ids=str)
def test_a_problem_with_braces_is_shown_as_it_is(strategy: Strategy) -> None:
    judge = Judging(second)
    [answer] = answers(strategy, opened(judge, prompt="What is {x} of \\frac{1}{2} {0}?"))
    assert answer.text == judge.rounds[0][1]


def test_where_no_sample_has_an_answer_the_first_is_taken() -> None:
    for strategy in (UniversalSelfConsistency(4), GenSelect(4)):
        answer: Answer = last(strategy, opened(silent))
        assert answer.extracted is None


@pytest.mark.parametrize(
    ("reply", "index"),
    [
        ("Choice: 3", 2),
        ("choice: 1\nOn second thoughts, CHOICE 4.", 3),
        ("**Choice:** **2**", 1),
        ("Choice: [2]", 1),
        ("Choice: Candidate 2", 1),
        ("**Choice: Candidate #2**", 1),
        ("My choice is candidate number 4.", 3),
        ("Choice:\n\nCandidate 3:", 2),
        ("Choice: the second", None),
        ("Choice: 0", None),
        ("Choice: 5", None),
        ("Candidate 2", None),
        ("", None),
    ],
)
def test_the_last_choice_of_a_reply_counts(reply: str, index: int | None) -> None:
    assert choice(reply, 4) == index


def test_a_number_of_thousands_of_digits_names_no_candidate() -> None:
    assert choice(f"Choice: {'2' * 5000}", 4) is None  # int() would refuse it


def test_candidates_are_numbered_from_one() -> None:
    assert shown([" a ", "b\nc"]) == "Candidate 1:\na\n\nCandidate 2:\nb\nc"
