"""Claims about score(): what it says, what it costs, that it is made once, and what it refuses."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.best_of_n import BestOfN
from tests.scripts import World, number, rambler
from tts_bench.api import Answer, Problem, Score, Trace, aggregate
from tts_bench.core.cost import operations
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.store import Store
from tts_bench.errors import EngineError, Misuse
from tts_bench.records import ErrorRecord, Record, from_line, to_line, view
from tts_bench.scorer import Candidate, ScorerInfo, Verdict
from tts_bench.solving.solve import Arm

T = TypeVar("T")
Say = Callable[[Problem, Candidate], Verdict]


def digest(problem: Problem, candidate: Candidate) -> Verdict:
    """A number of each text that nobody can foresee; read are its letters, each of its lines is a step."""
    text = candidate.text()
    lines = tuple(hashlib.sha256(line.encode()).digest()[0] / 256 for line in text.split("\n\n"))
    return Verdict(lines[-1], lines, read=len(problem.prompt) + len(text))


def constant(problem: Problem, candidate: Candidate) -> Verdict:
    return Verdict(0.5, read=10)


def judged(problem: Problem, candidate: Candidate) -> Verdict:
    return replace(digest(problem, candidate), steps=(), sampled=7, said="hm. Yes")


class Saying:
    """A scorer that keeps what it was asked."""

    def __init__(self, say: Say) -> None:
        self.info = ScorerInfo("saying", say.__name__, say.__name__, parameters=1000, layers=2, width=16)
        self.asked: list[Candidate] = []
        self._say = say

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        await asyncio.sleep(0)
        self.asked += candidates
        return [self._say(problem, candidate) for candidate in candidates]

    async def close(self) -> None:
        pass


class Open:
    """A world with a scorer and a door to its model."""

    def __init__(self, say: Say = digest, *, seed: int = 0, store: Store | None = None) -> None:
        self.scorer = Saying(say)
        self.world = World(rambler, store, {"good": self.scorer}, seed=seed)
        self.ledger = Ledger()
        item, world = self.world.item(), self.world
        self.door = ModelReasoner(
            item.problem, world.scheduler, world.conditions, number, self.ledger, scoring=world.scoring
        )

    def best_of(self) -> Record:
        [record] = self.world.run_arms([Arm("best", BestOfN())])
        assert record.error is None, record.error
        return record


def done(work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())


async def samples(door: ModelReasoner, count: int = 4) -> list[Answer]:
    branches = [door.branch(str(index)) for index in range(count)]
    return [await branch.answer(await branch.think()) for branch in branches]


async def scored(door: ModelReasoner, count: int = 4) -> tuple[list[Answer], tuple[Score, ...]]:
    answers = await samples(door, count)
    return answers, await door.score(answers, by="good")


@given(st.integers(0, 10_000))
def test_a_scorer_that_returns_a_constant_is_the_first_sample(seed: int) -> None:
    record = Open(constant, seed=seed).best_of()
    [baseline] = World(rambler, seed=seed).run("baseline")
    assert {(rung.text, rung.extracted) for rung in record.answers} == {
        (baseline.answers[0].text, baseline.answers[0].extracted)
    }
    first, alone = record.answers[0].cost, baseline.answers[0].cost
    assert replace(first, verifier=0, flops=0.0) == replace(alone, flops=0.0)


def test_a_score_says_what_its_scorer_said_in_the_order_of_the_candidates() -> None:
    opened = Open()
    answers, scores = done(scored(opened.door))
    assert [score.candidate for score in scores] == answers
    assert {score.by for score in scores} == {"good"}
    for answer, score in zip(answers, scores, strict=True):
        thinking = "".join(segment.text for segment in answer.traces[0].segments if segment.kind == "thinking")
        verdict = digest(opened.door.problem, Candidate(thinking, answer.text, answer.extracted))
        assert (score.value, score.steps) == (verdict.value, verdict.steps)


def test_a_choice_pays_for_all_that_was_scored_and_for_each_reading_once() -> None:
    opened = Open()
    answers, scores = done(scored(opened.door))
    chosen = opened.door.choose(answers[0], seen=[*scores, *scores])
    vote = opened.door.vote(answers)
    reads = [digest(opened.door.problem, candidate).read for candidate in opened.scorer.asked]
    info = opened.scorer.info
    assert chosen.cost.verifier == sum(reads)
    assert chosen.cost.judge == 0
    assert replace(chosen.cost, verifier=0, flops=0.0) == replace(vote.cost, flops=0.0)
    own = sum(operations(info.parameters, info.layers, info.width, read) for read in reads)
    assert chosen.cost.flops == pytest.approx(vote.cost.flops + own)
    assert opened.door.choose(answers[0]).cost.verifier == 0


def test_a_score_that_a_branch_gives_for_what_was_seen_comes_after_it_and_pays_for_it() -> None:
    opened = Open(judged)
    long, short = sorted(done(samples(opened.door, 2)), key=lambda answer: -answer.cost.sequential)
    chosen = opened.door.choose(short, seen=done(opened.door.branch("1", seen=[long]).score([short])))
    assert set(chosen.lineage) == set(opened.door.vote([short, long]).lineage)
    assert chosen.cost.sequential == long.cost.sequential + 7


def test_what_a_judge_writes_is_on_the_default_axis_and_on_the_critical_path() -> None:
    opened = Open(judged)
    answers, scores = done(scored(opened.door))
    chosen, vote = opened.door.choose(answers[0], seen=scores), opened.door.vote(answers)
    assert chosen.cost.judge == 7 * len(answers)
    assert chosen.cost.generated == vote.cost.generated + chosen.cost.judge
    assert chosen.cost.sequential == vote.cost.sequential + 7  # candidates are judged side by side


def test_a_vote_by_scores_is_paid_like_a_choice_and_is_no_plain_vote() -> None:
    opened = Open()
    answers, scores = done(scored(opened.door))
    weights = [score.value for score in scores]
    vote = opened.door.vote(answers, weights=weights, seen=scores)
    assert vote.cost == opened.door.choose(answers[0], seen=scores).cost
    assert opened.ledger.given(vote, "").ballots == 0
    again = opened.door.vote([opened.door.choose(answer, seen=scores) for answer in answers])
    assert again.cost.verifier == vote.cost.verifier
    assert opened.ledger.given(again, "").ballots == 0


def test_open_traces_are_scored_where_they_stand_and_billed_as_looked_at() -> None:
    opened = Open()

    async def beam() -> tuple[Answer, tuple[Score, ...]]:
        traces = [await opened.door.branch(str(index)).think(max_tokens=5) for index in range(3)]
        scores = await opened.door.score(traces)
        return opened.door.choose(await opened.door.answer(traces[0]), seen=scores), scores

    answer, scores = done(beam())
    assert [candidate.answer for candidate in opened.scorer.asked] == [""] * 3
    dead = [score.candidate for score in scores[1:]]
    assert answer.cost.discarded == sum(trace.thinking_tokens for trace in dead if isinstance(trace, Trace))
    assert answer.cost.verifier == sum(digest(opened.door.problem, each).read for each in opened.scorer.asked)


def test_equal_texts_are_scored_once_and_cost_once_and_each_stands_in_the_record() -> None:
    opened = Open()

    async def twice() -> Answer:
        answers = await samples(opened.door, 2)
        first = await opened.door.score(answers)
        again = await opened.door.score([opened.door.choose(answer) for answer in answers])
        return opened.door.choose(answers[0], seen=[*first, *again])

    answer = done(twice())
    assert len(opened.scorer.asked) == opened.world.scoring.counts.made == 2
    assert answer.cost.verifier == sum(digest(opened.door.problem, each).read for each in opened.scorer.asked)


def test_strategies_that_ask_at_once_have_a_score_made_once(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        opened = Open(store=store)
        records = opened.world.run_arms([Arm("one", BestOfN(8)), Arm("other", BestOfN(4)), Arm("third", BestOfN(8))])
        assert not [record.error for record in records if record.error]
        assert len(opened.scorer.asked) == 8
        counts = opened.world.scoring.counts
        assert (counts.made, counts.asked) == (8, 20)


def test_a_stored_score_is_never_made_again_and_gives_the_same_bytes(tmp_path: Path) -> None:
    lines = []
    for _ in range(2):
        with Store(tmp_path / "store.sqlite") as store:
            opened = Open(judged, store=store)
            lines.append(to_line(opened.best_of()))
            made = len(opened.scorer.asked)
    assert made == 0
    assert lines[0] == lines[1]


def test_who_waits_for_a_score_makes_it_where_the_one_who_began_is_given_up() -> None:
    opened, problem, wanted = Open(), Problem("a", "b", "c"), [Candidate("x", "y"), Candidate("z", "y")]
    answered, hanging = opened.scorer.score, asyncio.Event()

    async def never(problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        hanging.set()
        opened.scorer.score = answered  # type: ignore[method-assign]
        await asyncio.Event().wait()
        return []

    async def both() -> list[Verdict]:
        opened.scorer.score = never  # type: ignore[method-assign]
        first = asyncio.create_task(opened.world.scoring.score("good", problem, wanted[:1]))
        await hanging.wait()
        second = asyncio.create_task(opened.world.scoring.score("good", problem, wanted))
        await asyncio.sleep(0.01)
        first.cancel()
        return [made.verdict for made in await asyncio.wait_for(second, 5)]

    assert done(both()) == [digest(problem, candidate) for candidate in wanted]
    assert len(opened.scorer.asked) == 2


@pytest.mark.parametrize("change", ["fingerprint", "identity", "problem"])
def test_another_scorer_or_problem_is_another_score(change: str) -> None:
    opened, problem, candidate = Open(), Problem("a", "b", "c"), Candidate("x", "y")
    key = opened.world.scoring.key("good", problem, candidate)
    assert opened.world.scoring.key("good", problem, replace(candidate)) == key
    if change == "problem":
        problem = replace(problem, prompt="d")
    else:
        changed: dict[str, Any] = {change: {"a": 1} if change == "identity" else "z"}
        opened.scorer.info = replace(opened.scorer.info, **changed)
    assert opened.world.scoring.key("good", problem, candidate) != key


def test_a_record_has_every_score_and_what_each_rung_was_decided_from() -> None:
    record = Open(judged).best_of()
    assert len(record.scored) == 8
    assert [len(rung.scored) for rung in record.answers] == [1, 2, 3, 4, 5, 6, 7, 8]
    for score in record.scored:
        assert record.segments[score.segment].kind == "answer"
        assert (score.by, score.sampled, score.said) == ("good", 7, "hm. Yes")
    last = record.answers[-1]
    assert last.cost.verifier == sum(score.read for score in record.scored) == record.spent.verifier
    assert last.cost.judge == record.spent.judge == 56
    line = to_line(record)
    assert from_line(line) == record
    assert [score.value for score in view(line.encode()).scored] == [score.value for score in record.scored]


def test_a_record_without_scores_says_nothing_of_them() -> None:
    [record] = World(rambler).run("baseline")
    assert "scored" not in to_line(record)
    assert from_line(to_line(record)) == record


def test_steps_are_aggregated_as_their_names_say() -> None:
    steps = (0.9, 0.2, 0.8)
    assert [aggregate(steps, how) for how in ("last", "min")] == [0.8, 0.2]
    assert aggregate(steps, "prod") == pytest.approx(0.144)
    assert aggregate(steps, "mean") == pytest.approx(0.6333, abs=1e-4)
    with pytest.raises(ValueError, match="no steps"):
        aggregate((), "last")
    with pytest.raises(ValueError, match="it takes one of last, min, prod, mean"):
        aggregate(steps, "sum")  # type: ignore[arg-type]


Act = Callable[[ModelReasoner, Answer, Score], Any]

MISUSES: dict[str, Act] = {
    "a text": lambda door, answer, score: done(door.score(["42"], by="good")),  # type: ignore[list-item]
    "one answer": lambda door, answer, score: done(door.score(answer, by="good")),  # type: ignore[arg-type]
    "a copy": lambda door, answer, score: done(door.score([replace(answer)], by="good")),
    "a score": lambda door, answer, score: done(door.score([score], by="good")),  # type: ignore[list-item]
    "another's answer": lambda door, answer, score: done(door.score(done(samples(Open().door)), by="good")),
    "a number as name": lambda door, answer, score: done(door.score([answer], by=1)),  # type: ignore[arg-type]
    "a changed score as seen": lambda door, answer, score: door.choose(answer, seen=[replace(score, value=9.0)]),
}


@pytest.mark.parametrize("act", MISUSES.values(), ids=MISUSES)
def test_what_nobody_issued_is_neither_scored_nor_believed(act: Act) -> None:
    opened = Open()
    answers, scores = done(scored(opened.door, 1))
    with pytest.raises(Misuse):
        act(opened.door, answers[0], scores[0])


def test_a_score_that_was_changed_in_place_is_a_misuse() -> None:
    opened = Open()
    _, scores = done(scored(opened.door, 1))
    object.__setattr__(scores[0], "value", 1e9)
    with pytest.raises(Misuse, match="a Score was changed"):
        opened.ledger.check()


def test_a_scorer_that_is_not_there_is_told_with_those_that_are() -> None:
    opened = Open()
    [answer] = done(samples(opened.door, 1))
    with pytest.raises(EngineError, match=r"no scorer 'best'\. Known: good\. Type --scorer best=KIND"):
        done(opened.door.score([answer], by="best"))
    plain = ModelReasoner(opened.door.problem, opened.world.scheduler, opened.world.conditions, number, Ledger())
    with pytest.raises(EngineError, match="the run has no scorer"):
        done(plain.score(done(samples(plain, 1))))


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(float("nan")), Verdict(1.0, (float("inf"),)), Verdict(True), Verdict("1"), Verdict(1.0, read=-1),  # type: ignore[arg-type]
        Verdict(10**400), 0.5,
    ],
    ids=lambda verdict: str(verdict)[:40],
)  # fmt: skip
def test_what_is_no_score_is_an_error_of_that_problem(verdict: Any) -> None:  # noqa: ANN401
    record_of = Open(lambda problem, candidate: verdict).world
    [record] = record_of.run_arms([Arm("best", BestOfN())])
    assert record.error is not None
    assert record.error.kind == "engine"
    assert "the scorer 'good'" in record.error.message
    assert record.spent.thinking > 0


def test_a_scorer_that_fails_is_named() -> None:
    def fails(problem: Problem, candidate: Candidate) -> Verdict:
        raise KeyError("deep")

    [record] = Open(fails).world.run_arms([Arm("best", BestOfN())])
    assert record.error == ErrorRecord("engine", "the scorer 'good' failed: KeyError: 'deep'")


def test_what_a_scorer_wrote_can_be_written_down() -> None:
    [record] = Open(lambda problem, candidate: Verdict(0.5, said="\ud800")).world.run_arms([Arm("best", BestOfN())])
    assert from_line(to_line(record)) == record
    assert {one.said for one in record.scored} == {"\\ud800"}
