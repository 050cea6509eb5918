"""A strategy that uses every verb of the contract, for tests of whole runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner, Sampling, Trace


@dataclass(frozen=True)
class EveryVerb:
    """Stops, puts in, probes, cuts, races, asks, chooses, draws and votes."""

    needs = ("stops", "prefill", "logprob")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think(stop=["\n\n", "Wait"])
        probes = [await reasoner.probe(trace, "</think>", max_tokens=12, stop=["}"])]
        while trace.stopped and trace.thinking_tokens < 40:
            again = reasoner.random(f"{len(probes)}").random() < 0.5
            trace = reasoner.put(trace, trace.stopped if again else "But ")
            trace = await reasoner.think(trace, stop=["\n\n", "Wait"])
            probes.append(await reasoner.probe(trace, "</think>", max_tokens=12, stop=["}"]))
        first = await reasoner.answer(trace)
        yield reasoner.choose(first, seen=probes)
        fork = await reasoner.branch("fork").think(reasoner.cut(trace, 3), sampling=Sampling(0.7))
        yield reasoner.choose(await reasoner.answer(fork, prefill="So ", max_tokens=9), seen=[first, *probes])
        branches = [reasoner.branch(str(index)) for index in range(4)]
        traces = await reasoner.race(branches, enough=lambda ended: len(ended) > 1, cut_at=_doubt)
        pairs = [(door, each) for door, each in zip(branches, traces, strict=True) if each.thinking_ended]
        raced = [await door.answer(each) for door, each in pairs]
        weights = [sum(reasoner.logprobs(each)) for _, each in pairs]
        asked = reasoner.ask(f"{problem.prompt} Is it {first.extracted}?", seen=[first, *raced, *traces, *probes])
        told = await asked.answer(await asked.think(asked.put(None, "Hmm. ")))
        yield reasoner.vote([*raced, told], weights=[*(1 - weight for weight in weights), 1.0], ties="shortest")


def _doubt(trace: Trace) -> int | None:
    place = trace.segments[-1].text.find("Hmm")
    return place + len("Hmm") if place > 10 else None  # the first token at which it can be known
