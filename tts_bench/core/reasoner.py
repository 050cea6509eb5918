"""The only door from a strategy to the model: it thinks, forces, answers, branches and votes, and keeps the bill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

from tts_bench.api import Answer, Cost, Cue, LearnedToken, Problem, Segment, Trace
from tts_bench.core import cost
from tts_bench.core.poll import Poll
from tts_bench.core.scheduler import Digest, Scheduler
from tts_bench.engine import Generation, Request, Sampling, Tokenizer
from tts_bench.errors import EngineError, Misuse
from tts_bench.streams import stream_key
from tts_bench.thinking import ThinkingFormat


@dataclass(frozen=True)
class Conditions:
    """What is the same for all arms of a run."""

    format: ThinkingFormat
    seed: int = 0
    thinking: Sampling = field(default_factory=Sampling)  # up to the first end of thinking
    continuation: Sampling = field(default_factory=Sampling)  # after a cue
    answer: Sampling = field(default_factory=Sampling)
    max_thinking: int = 8192  # tokens of a trace's thinking, cues included (the paper's Bmax)
    max_answer: int = 1024  # tokens kept free for the answer on top of it
    system: str | None = None


class Ledger:
    """All that one strategy made the harness generate for one problem, and the answers it was given for it."""

    def __init__(self) -> None:
        self.closed = False  # its strategy was given up: nothing more is generated for it
        self.segments: list[Segment] = []
        self._issued: dict[int, Answer] = {}
        self._extracted: dict[str, str | None] = {}
        self._ballots: dict[int, int] = {}
        self.replies: dict[str, Segment] = {}  # answers that came with their thinking, by its origin

    def issue(self, answer: Answer, ballots: int = 0) -> Answer:
        """`ballots`: how many single answers a plain vote counted, one vote each, to make this one."""
        self._issued[id(answer)] = answer
        self._ballots[id(answer)] = ballots
        if len(answer.traces) == 1:
            self._extracted[answer.traces[0].segments[-1].origin] = answer.extracted
        return answer

    def issued(self, answer: object) -> bool:
        """Whether a reasoner made this very answer: a strategy cannot write its own bill."""
        return self._issued.get(id(answer)) is answer

    def ballots(self, answer: Answer) -> int:
        """How many answers the plain vote counted that made `answer`; 0 where none did."""
        return self._ballots.get(id(answer), 0)

    def extracted(self, segment: Segment) -> str | None:
        """What was extracted from the answer that ends with `segment`; None for every other segment."""
        return self._extracted.get(segment.origin)


class ModelReasoner:
    """`api.Reasoner` over a scheduler, for one problem and one strategy.

    Raises:
        Misuse: from every method, for a trace or an answer that is not this problem's or comes out of order.
        EngineError: the problem's prompt leaves no room to think in the model's context window.
    """

    def __init__(
        self,
        problem: Problem,
        scheduler: Scheduler,
        settings: Conditions,
        extract: Callable[[str], str | None],
        ledger: Ledger,
        *,
        answer_stops: tuple[str, ...] = (),
    ) -> None:
        self.problem = problem
        self.ledger = ledger
        self._scheduler = scheduler
        self._settings = settings
        self._extract = extract
        self._answer_stops = (*settings.format.answer_stops, *answer_stops)
        self._branch: tuple[str, ...] = ()
        self._before = 0  # tokens on the critical path before this handle was opened
        self._clock = 0  # tokens on the critical path up to the last thing this handle saw finish
        tokenizer = scheduler.engine.tokenizer
        self._closing = _Closing(settings.format, tokenizer)
        self._prompt = self._opened(settings.format.open(tokenizer.render(problem.prompt, settings.system)))
        self._digest = Digest(self._prompt.tokens)
        self._poll = Poll(scheduler.engine.info)  # the last vote: often the next is the same and one answer more
        self._room = scheduler.engine.info.context - self._prompt.spent - self._closing.longest - settings.max_answer
        if self._room < 1:
            raise EngineError(
                f"the prompt has {self._prompt.spent} tokens and {settings.max_answer} are kept for the answer: "
                f"no room to think in a context of {scheduler.engine.info.context}"
            )

    async def think(
        self, trace: Trace | None = None, *, max_tokens: int | None = None, effort: str | None = None
    ) -> Trace:
        if trace is None:
            trace = Trace((self._prompt,), before=self._before)
        self._check_open(trace)
        if effort and "effort" not in self._scheduler.engine.info.capabilities:
            raise EngineError(f"think() was given the effort {effort!r}, and the engine has no knob of its own for it")
        if self._settings.format.mode == "one-reply":
            return await self._ask_once(trace, self._limit(max_tokens), effort or "")
        if trace.thinking_ended:
            if trace.cues_wanted > trace.cues:  # a cue that had no room: there is nothing to think on from
                return trace
            raise Misuse("think() was given a trace whose thinking has ended: force() a cue or answer() it")
        room = self._limit(max_tokens) - trace.thinking_tokens
        if room <= 0:
            return replace(trace, truncated=True)
        *stood, last = trace.segments
        limit = room + last.spent if last.kind == "thinking" else room
        if last.kind != "thinking":
            stood.append(last)
        sampling = self._settings.thinking if len(stood) == 1 else self._settings.continuation
        segment, ended = await self._sample(
            "thinking", tuple(stood), sampling, limit, self._closing.stop_ids, self._closing.stop_texts, effort or ""
        )
        grown = Trace((*stood, segment), ended, not ended, trace.cues_wanted, trace.before)
        self._clock = max(self._clock, path_length(grown))
        return grown

    def force(self, trace: Trace, cue: Cue, *, max_tokens: int | None = None) -> Trace:
        self._check_open(trace)
        wanted = trace.cues_wanted + 1
        if trace.truncated:
            return replace(trace, cues_wanted=wanted)
        if not trace.thinking_ended:
            raise Misuse("force() was given a trace that has not come to its end of thinking: think() first")
        tokens, text = self._read(cue)
        if trace.thinking_tokens + len(tokens) >= self._limit(max_tokens):
            return replace(trace, cues_wanted=wanted)
        forced = self._put_in("cue", trace.segments, tokens, text)
        return Trace((*trace.segments, forced), cues_wanted=wanted, before=trace.before)

    async def answer(self, trace: Trace) -> Answer:
        self._check_open(trace)
        if len(trace.segments) == 1:
            raise Misuse("answer() was given a trace without thinking: think() first")
        if reply := self.ledger.replies.get(trace.segments[-1].origin):
            return self._answered(replace(trace, segments=(*trace.segments, reply)))
        tokens, text, paid = self._closing.after(trace.segments[-1])
        closed = (*trace.segments, self._put_in("closing", trace.segments, tokens, text, paid))
        segment, _ = await self._sample(
            "answer",
            closed,
            self._settings.answer,
            self._settings.max_answer,
            self._scheduler.engine.tokenizer.end_ids,
            self._answer_stops,
        )
        return self._answered(replace(trace, segments=(*closed, segment)))

    def branch(self, label: str) -> ModelReasoner:
        child = copy(self)
        child._branch = self._branch if label == "0" else (*self._branch, label)
        child._before = self._clock
        return child

    def vote(self, answers: Sequence[Answer]) -> Answer:
        if not answers:
            raise Misuse("vote() was given no answers")
        known = self._poll.answers
        new = answers[len(known) :] if list(answers[: len(known)]) == known else answers
        if not all(self.ledger.issued(answer) for answer in new):
            raise Misuse("vote() was given an answer that this problem's reasoner did not make")
        if new is answers:
            self._poll = Poll(self._scheduler.engine.info)
        self._poll.add(new)
        poll = self._poll
        # A vote of votes counts some samples more than once: it is no plain one.
        plain = len(poll.answers) if len(poll.answers) == len(poll.traces) else 0
        return self._issue(poll.winner().text, poll.traces, poll.lineage, poll.cost(), plain)

    def _answered(self, whole: Trace) -> Answer:
        bill = cost.Bill(self._scheduler.engine.info).add(whole.segments).total(path_length(whole))
        text = self._settings.format.answer_text(whole.segments[-1].text)
        return self._issue(text, (whole,), whole.segments, bill)

    async def _ask_once(self, trace: Trace, limit: int, effort: str) -> Trace:
        """Thinking with its answer, which comes in the same reply and waits in the ledger for `answer()`."""
        if trace.thinking_ended or trace.truncated or len(trace.segments) > 1:
            raise EngineError("the endpoint gives whole replies: it cannot think on from where a trace stands")
        stream = self._stream("thinking", effort)
        most, prompt = limit + self._settings.max_answer, self._prompt
        generation = await self._generate(
            Request(prompt.tokens, (), most, stream, self._settings.thinking, effort=effort)
        )
        place = len(generation.tokens) - generation.stop
        decode, start = self._scheduler.engine.tokenizer.decode, prompt.spent
        thought, said = generation.tokens[:place], generation.tokens[place:]
        thinking = Segment("thinking", thought, decode(thought), self._digest((), "thinking", stream), start, stream)
        answer = Segment("answer", said, decode(said), self._digest((), "answer", stream), start + place, stream)
        self.ledger.segments += [thinking, answer]
        self.ledger.replies[thinking.origin] = answer
        ended = generation.finish == "stop" or bool(said)
        grown = Trace((prompt, thinking), ended, not ended, before=trace.before)
        self._clock = max(self._clock, path_length(grown) + answer.spent)
        return grown

    def _issue(
        self, text: str, traces: tuple[Trace, ...], lineage: tuple[Segment, ...], bill: Cost, ballots: int = 0
    ) -> Answer:
        self._clock = max(self._clock, bill.sequential)
        return self.ledger.issue(Answer(text, self._extract(text), bill, traces, lineage), ballots)

    async def _sample(
        self,
        kind: Literal["thinking", "answer"],
        stood: tuple[Segment, ...],
        sampling: Sampling,
        max_tokens: int,
        stop_ids: frozenset[int],
        stop_texts: tuple[str, ...],
        effort: str = "",
    ) -> tuple[Segment, bool]:
        """The segment sampled after `stood`, and whether it came to a stop by itself."""
        stream = self._stream(kind, effort)
        prefix = _tokens(stood[1:])
        generation = await self._generate(
            Request(self._prompt.tokens, prefix, max_tokens, stream, sampling, stop_ids, stop_texts, effort=effort)
        )
        content = len(generation.tokens) - generation.stop
        tokens, end = generation.tokens[:content], generation.tokens[content:]
        text = self._scheduler.engine.tokenizer.decode(tokens)
        start = self._prompt.spent + len(prefix)
        segment = Segment(kind, tokens, text, self._digest(prefix, kind, stream), start, stream, end)
        self.ledger.segments.append(segment)
        return segment, generation.finish == "stop"

    async def _generate(self, request: Request) -> Generation:
        if self.ledger.closed:
            await asyncio.Event().wait()  # for ever: a strategy that swallows its cancellation would only come again
        return await self._scheduler.generate(request)

    def _stream(self, kind: Literal["thinking", "answer"], effort: str) -> str:
        branch = (*self._branch, f"effort {effort}") if effort else self._branch
        return stream_key(self._settings.seed, self.problem.id, branch, kind)

    def _put_in(
        self,
        kind: Literal["cue", "closing"],
        stood: tuple[Segment, ...],
        tokens: tuple[int, ...],
        text: str,
        paid: int = 0,
    ) -> Segment:
        prefix = _tokens(stood[1:])
        start = self._prompt.spent + len(prefix)
        segment = Segment(kind, tokens, text, self._digest(prefix + tokens, kind), start, paid=paid)
        self.ledger.segments.append(segment)
        return segment

    def _opened(self, text: str) -> Segment:
        tokenizer = self._scheduler.engine.tokenizer
        tokens = tokenizer.encode(text)
        shown = getattr(tokenizer, "shown", str)  # where control tokens that a problem spells were marked
        segment = Segment("prompt", tokens, shown(text), Digest(tokens)((), "prompt"), 0)
        self.ledger.segments.append(segment)
        return segment

    def _read(self, cue: Cue) -> tuple[tuple[int, ...], str]:
        if isinstance(cue, LearnedToken):
            return (self._scheduler.engine.learn(cue),), cue.name
        tokens = self._scheduler.engine.tokenizer.encode(cue)
        if not tokens:
            raise Misuse(f"force() was given the cue {cue!r}, which has no tokens")
        return tokens, cue

    def _limit(self, max_tokens: int | None) -> int:
        if max_tokens is not None and max_tokens < 1:
            raise Misuse(f"max_tokens is {max_tokens}; it takes a whole number from 1 upwards")
        return min(max_tokens or self._room, self._room, self._settings.max_thinking)

    def _check_open(self, trace: Trace) -> None:
        if trace.segments[:1] != (self._prompt,):
            raise Misuse("the trace belongs to another problem")
        if trace.segments[-1].kind == "answer":
            raise Misuse("the trace is closed by an answer: go on from the trace that was given to answer()")


class _Closing:
    """How thinking ends: what the model says, and what is put in so that every arm is asked for its answer alike."""

    def __init__(self, form: ThinkingFormat, tokenizer: Tokenizer) -> None:
        delimiter = form.end if form.mode == "delimited" else ""
        self._end = tokenizer.encode(delimiter)
        self._tokens = self._end + tokenizer.encode(form.answer_suffix)
        self._text = delimiter + form.answer_suffix
        self.longest = len(self._tokens)
        # An end of turn inside thinking ends it too; it is never read on.
        self.stop_ids = tokenizer.end_ids | frozenset(self._end if len(self._end) == 1 else ())
        self.stop_texts = (delimiter,) if len(self._end) > 1 else ()

    def after(self, last: Segment) -> tuple[tuple[int, ...], str, int]:
        """Tokens and text to put in after `last`, and how many of them the model has sampled as its end of thinking."""
        return self._tokens, self._text, len(self._end) if self._end and last.end == self._end else 0


def path_length(trace: Trace) -> int:
    """Tokens on the critical path to the end of `trace`: sampled and put in one after the other, prompt not counted."""
    return trace.before + sum(segment.spent for segment in trace.segments if segment.kind != "prompt")


def _tokens(segments: Sequence[Segment]) -> tuple[int, ...]:
    return tuple(chain.from_iterable([segment.tokens for segment in segments]))
