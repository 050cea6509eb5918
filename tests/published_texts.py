"""Published strategies that write, read and search, each in a class of under forty lines: examples, not a shelf."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tests.published_votes import once, positive, together
from tts_bench.api import Answer, Forced, Problem, Reasoner, Trace, Turn


@dataclass(frozen=True)
class NoThinking:
    """NoThinking (arXiv 2504.09858): a thought that is put in says that thinking is over; samples vote."""

    text: Annotated[str, Forced] = "Okay, I think I have finished thinking.\n"
    samples: int = 4

    def __post_init__(self) -> None:
        positive(samples=self.samples)
        if not self.text.strip():
            raise ValueError(f"text is {self.text!r}; it takes a text that is not blank")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers: list[Answer] = []
        for index in range(self.samples):
            branch = reasoner.branch(str(index))
            answers.append(await branch.answer(branch.put(None, self.text)))
            yield reasoner.vote(answers)


@dataclass(frozen=True)
class ChainOfDraft:
    """Chain of Draft (arXiv 2502.18600): the prompt asks for a few words a step."""

    words: int = 5

    def __post_init__(self) -> None:
        positive(words=self.words)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        asked = reasoner.ask(
            f"{problem.prompt}\n\nThink step by step, but keep a minimum draft only for each step, {self.words} words "
            "at most."
        )
        yield await once(asked)


@dataclass(frozen=True)
class StepBeam:
    """Beam search over paragraphs (search-and-learn), with a function as its judge: fewest doubts, then shortest."""

    width: int = 2
    expand: int = 2
    steps: int = 6
    needs = ("stops",)

    def __post_init__(self) -> None:
        positive(width=self.width, expand=self.expand, steps=self.steps)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        beams: list[tuple[Reasoner, Trace | None]] = [(reasoner, None)]
        made: list[Trace] = []
        for _ in range(self.steps):
            ended = [(door, trace) for door, trace in beams if trace and trace.thinking_ended]
            if len(ended) == len(beams):
                break
            parents = [beam for beam in beams if beam not in ended]
            forks = [(door.branch(str(index)), trace) for door, trace in parents for index in range(self.expand)]
            grown = await together([door.think(trace, stop=["\n\n"]) for door, trace in forks])
            made += grown
            found: list[tuple[Reasoner, Trace | None]] = [
                *ended,
                *((door, trace) for (door, _), trace in zip(forks, grown, strict=True)),
            ]
            beams = sorted(found, key=lambda beam: judged(beam[1]))[: self.width]
        door, best = beams[0]
        yield reasoner.choose(await door.answer(best), seen=made)


def judged(trace: Trace | None) -> tuple[int, int]:
    return (trace.text.count("Wait"), trace.thinking_tokens) if trace else (0, 0)


@dataclass(frozen=True)
class ThinkTwice:
    """Think Twice (arXiv 2503.19855): the last answer, without its thinking, stands in the next question."""

    rounds: int = 3

    def __post_init__(self) -> None:
        positive(rounds=self.rounds)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.rounds))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answer = await once(reasoner)
        yield answer
        for _ in range(self.rounds - 1):
            quoted = f"The assistant's previous answer is: <answer>{answer.text}</answer>, and please re-answer."
            answer = await once(reasoner.ask(f"{problem.prompt}\n{quoted}", seen=[answer]))
            yield answer


@dataclass(frozen=True)
class SelfRefine:
    """Self-refine (arXiv 2303.17651): the model comments on its answer, and refines it until the comment agrees."""

    rounds: int = 3

    def __post_init__(self) -> None:
        positive(rounds=self.rounds)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answer = await once(reasoner)
        yield answer
        for _ in range(self.rounds):
            talk = [
                Turn("user", problem.prompt),
                Turn("assistant", answer.text),
                Turn("user", "Is it right? Check it."),
            ]
            comment = await once(reasoner.ask(talk, seen=[answer]))
            if comment.extracted is not None and comment.extracted == answer.extracted:
                yield reasoner.choose(answer, seen=[comment])
                return
            talk += [Turn("assistant", comment.text), Turn("user", "Answer again.")]
            answer = await once(reasoner.ask(talk, seen=[comment]))
            yield answer


@dataclass(frozen=True)
class SelfAggregation:
    """RSA (arXiv 2509.26626): each of a population is written anew from some of the last one, drawn at random."""

    population: int = 4
    shown: int = 2
    loops: int = 3

    def __post_init__(self) -> None:
        positive(population=self.population, shown=self.shown, loops=self.loops)
        if self.shown > self.population:
            raise ValueError(f"shown is {self.shown}; it takes at most the population, {self.population}")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(self.population)]
        crowd = await together([once(branch) for branch in branches])
        yield reasoner.vote(crowd)
        for loop in range(1, self.loops):
            drawn = reasoner.random(f"loop {loop}")
            subsets = [drawn.sample(crowd, self.shown) for _ in branches]
            asked = [
                branch.ask(f"{problem.prompt}\nCandidates:\n" + "\n".join(each.text for each in some), seen=some)
                for branch, some in zip(branches, subsets, strict=True)
            ]
            crowd = await together([once(handle) for handle in asked])
            yield reasoner.vote(crowd)
