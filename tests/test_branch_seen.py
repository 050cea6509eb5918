"""Claim: what a branch is opened for is billed to all that it makes, and lies before it on the critical path."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.walking import Open, done, once
from tts_bench.api import Answer, Cost, Probe, Trace
from tts_bench.core.cost import unique
from tts_bench.core.reasoner import ModelReasoner


def test_the_critical_path_does_not_depend_on_when_branches_are_opened() -> None:
    async def early(door: ModelReasoner) -> list[Cost]:
        branches, answers, costs = [door.branch(str(index)) for index in range(4)], [], []
        for branch in branches:
            answers.append(await once(branch))
            costs.append(door.vote(answers).cost)
        return costs

    async def late(door: ModelReasoner) -> list[Cost]:
        answers, costs = [], []
        for index in range(4):
            answers.append(await once(door.branch(str(index))))
            costs.append(door.vote(answers).cost)
        return costs

    assert done(early(Open().door)) == done(late(Open().door))


def test_a_branch_that_was_opened_for_what_was_seen_comes_after_it_and_pays_for_it() -> None:
    opened = Open()

    async def windows() -> tuple[Answer, Answer]:
        first = await once(opened.door.branch("0"))
        return first, await once(opened.door.branch("1", seen=[first]))

    first, second = done(windows())
    alone = done(once(Open().door.branch("1")))
    assert second.text == alone.text
    assert second.cost.sequential == first.cost.sequential + alone.cost.sequential
    assert second.cost.thinking == first.cost.thinking + alone.cost.thinking
    assert set(second.lineage) == set(unique(first.lineage + alone.lineage))


GO_ON: dict[str, Callable[[ModelReasoner, Trace], Trace]] = {
    "answer": lambda door, trace: trace,
    "think": lambda door, trace: done(door.think(trace, max_tokens=9)),
    "put": lambda door, trace: door.put(trace, "so "),
    "force": lambda door, trace: door.force(trace, "so "),
    "cut": lambda door, trace: door.cut(trace, 4),
    "cut at its length": lambda door, trace: door.cut(trace, 5),
}


@pytest.mark.parametrize("go_on", GO_ON.values(), ids=GO_ON)
@pytest.mark.parametrize("sees", ["a probe of it", "another answer"])
def test_a_trace_that_a_branch_continues_for_what_was_seen_goes_on_after_it_and_pays_for_it(
    go_on: Callable[[ModelReasoner, Trace], Trace], sees: str
) -> None:
    def answer(named: bool) -> tuple[Probe | Answer, Answer]:
        door = Open().door
        trace = done(door.think(max_tokens=5))
        seen: Probe | Answer = done(door.probe(trace, "7")) if sees == "a probe of it" else done(once(door.branch("2")))
        branch = door.branch("1", seen=[seen] if named else [])
        return seen, done(branch.answer(go_on(branch, trace)))

    (seen, mine), (_, free) = answer(named=True), answer(named=False)
    cut = free.cost.discarded == 1
    assert (mine.text, mine.traces[0].tokens) == (free.text, free.traces[0].tokens)
    assert set(mine.lineage) == set(unique(free.lineage + seen.lineage))
    assert mine.cost.generated > free.cost.generated
    until, begun = 5 + mine.cost.probe if isinstance(seen, Probe) else seen.cost.sequential, 4 if cut else 5
    assert mine.cost.sequential == until + free.cost.sequential - begun


def test_what_a_branch_cuts_begins_after_what_the_branch_saw_whoever_goes_on_from_it() -> None:
    door = Open().door
    trace, seen = done(door.think(max_tokens=20)), done(once(door.branch("2")))
    short = door.branch("1", seen=[seen]).cut(trace, 4)
    assert short.before + 4 == seen.cost.sequential
    assert done(door.answer(short)).cost.thinking == 4 + seen.cost.thinking


def test_a_probe_of_a_branch_that_was_opened_for_another_probe_pays_for_both_one_after_the_other() -> None:
    async def probes() -> tuple[Answer, Answer]:
        door = Open().door
        trace = await door.think(max_tokens=5)
        first = await door.probe(trace, "7")
        second = await door.branch("1", seen=[first]).probe(trace, "8 or")
        answer = await door.answer(trace)
        return door.choose(answer, seen=[second]), door.choose(answer, seen=[first])

    both, one = done(probes())
    assert both.cost.probe > one.cost.probe > 0
    assert both.cost.sequential == 5 + both.cost.probe


def test_a_branch_for_what_its_own_traces_depend_on_changes_none_of_them() -> None:
    async def steps(door: ModelReasoner) -> Answer:
        trace = await door.think(max_tokens=5)
        trace = await door.think(door.put(trace, "so "), max_tokens=30)
        return await door.answer(trace)

    opened = Open()
    seen = done(once(opened.door.branch("2")))
    mine = done(steps(opened.door.branch("1", seen=[seen])))
    alone = done(steps(Open().door.branch("1")))
    assert mine.cost.sequential == seen.cost.sequential + alone.cost.sequential
    assert mine.traces[0].segments == alone.traces[0].segments
