"""The only door from a strategy to the model: every verb of `api.Reasoner`, over a scheduler and a ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain
from operator import is_
from random import Random
from typing import Literal, cast

from tts_bench.api import Answer, Cost, Cue, Probe, Reasoner, Sampling, Score, Seen, Trace, Turn
from tts_bench.columns import LOGPROB
from tts_bench.core import check
from tts_bench.core.cost import Lineage
from tts_bench.core.handle import Handle, beyond, but
from tts_bench.core.ledger import Given, Held, listed, path_length
from tts_bench.core.race import race
from tts_bench.core.rating import rate
from tts_bench.core.sampler import Wish
from tts_bench.errors import EngineError, Misuse
from tts_bench.streams import stream_key


class ModelReasoner(Handle):
    """`api.Reasoner`: what its verbs mean stands there, how they are done here.

    Raises:
        Misuse: from every verb, for a value that this problem's reasoner did not make, or that comes out of order.
        EngineError: a prompt leaves no room to think in the model's context window, or the engine lacks what is asked.
    """

    async def think(
        self,
        trace: Trace | None = None,
        *,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        sampling: Sampling | None = None,
        effort: str | None = None,
    ) -> Trace:
        held = self.begun() if trace is None else self._open(trace, "think()")
        max_tokens = check.count(max_tokens, "max_tokens of think()")
        until = check.texts(stop, "stop of think()")
        sampling = self._wanted(sampling, "think()")
        effort = None if effort is None else check.text(effort, "the effort of think()")
        if effort and "effort" not in self._engine.info.capabilities:
            raise EngineError(f"think() was given the effort {effort!r}, but the engine has no effort setting")
        if self._conditions.format.mode == "one-reply":
            if until or sampling:
                raise EngineError("the endpoint returns whole replies: think() takes neither stop nor sampling")
            return self.ledger.trace(await self.ask_once(held, self.limit(held.trace, max_tokens), effort or ""))
        if held.trace.thinking_ended and held.trace.cues_wanted <= held.trace.cues:
            raise Misuse("think() was given a trace whose thinking has ended: force() a cue or answer() it")
        grown = await self.grow(held, max_tokens, until=until, sampling=sampling, effort=effort or "")
        return self.shown(grown)

    def put(self, trace: Trace | None, text: Cue, *, max_tokens: int | None = None) -> Trace:
        held = self.begun() if trace is None else self._open(trace, "put()")
        self._continues("put()")
        max_tokens = check.count(max_tokens, "max_tokens of put()")
        if text and text == held.trace.stopped:
            return self.ledger.trace(self._unstopped(held))
        return self._finished(self._replaced_end(held, text, max_tokens, "put()"))

    def force(self, trace: Trace, cue: Cue, *, max_tokens: int | None = None) -> Trace:
        held = self._open(trace, "force()")
        max_tokens = check.count(max_tokens, "max_tokens of force()")
        if held.trace.truncated:
            return self._finished(but(held, cues_wanted=held.trace.cues_wanted + 1))
        if not held.trace.thinking_ended:
            raise Misuse("force() was given a trace whose thinking has not ended: think() first, or put()")
        return self._finished(self._replaced_end(held, cue, max_tokens, "force()"))

    def cut(self, trace: Trace, tokens: int) -> Trace:
        held = self._open(trace, "cut()")
        kept, length = check.some(tokens, "tokens", "cut()"), held.trace.thinking_tokens
        if kept < length:
            return self.ledger.trace(self.behind(self.shortened(held, kept)))
        # Cut at its own length, it ends where the strategy decided, even if that is where a call reached its limit.
        return self.ledger.trace(but(held, truncated=False)) if kept == length and held.trace.truncated else trace

    async def answer(
        self,
        trace: Trace | None = None,
        *,
        prefill: str = "",
        max_tokens: int | None = None,
        sampling: Sampling | None = None,
    ) -> Answer:
        held = self.begun() if trace is None else self._open(trace, "answer()")
        sampling, max_tokens = self._wanted(sampling, "answer()"), check.count(max_tokens, "max_tokens of answer()")
        prefill = check.text(prefill, "prefill of answer()")
        last = held.trace.segments[-1]
        if reply := self.ledger.replies.get((last.origin, last.spent)):
            if prefill or max_tokens or sampling:
                raise EngineError("the endpoint returns whole replies: answer() takes only the trace")
            return self.answered(but(held, segments=(*held.trace.segments, reply)), "")
        if self._conditions.format.mode == "one-reply":
            raise EngineError("the endpoint returns whole replies: answer() needs think() first")
        opening = self._opening_of(held.trace)
        tokens, text, paid = self._closing.after(held.trace.segments[-1])
        put_in = self._sampler.put_in
        closed = (*held.trace.segments, put_in(opening, "closing", held.trace.segments, tokens, text, paid))
        begun = self._engine.tokenizer.encode(prefill)
        if begun:
            closed = (*closed, put_in(opening, "prefill", closed, begun, prefill))
        room = self._conditions.max_answer - len(begun)
        if room < 1:
            most = self._conditions.max_answer
            raise Misuse(f"the prefill of answer() has {len(begun)} tokens; an answer may have {most} in all")
        limit = min(max_tokens or room, room)
        ends = self._engine.tokenizer.end_ids
        own = self._conditions.answer
        stream, turns = self._stream("answer", "", sampling, own), () if begun else self.second_turn(held.trace)
        wish = Wish("answer", closed, stream, sampling or own, ends, self._answer_stops, turns=turns)
        said = await self._sampler.sample(opening, wish, limit)
        spoken = said.segment
        if self._conditions.format.mode == "recorded-whole":  # what is scored is all that was sampled
            spoken = replace(spoken, text="".join(part.text for part in closed if part.stream) + spoken.text)
        whole = but(held, segments=(*closed, self.ledger.keep(spoken))).trace
        return self.answered(Held(whole, held.seen | beyond(whole, said.known)), prefill)

    async def probe(self, trace: Trace, text: str, *, max_tokens: int = 20, stop: Sequence[str] = ()) -> Probe:
        held = self._open(trace, "probe()")
        self._continues("probe()")
        limit = min(check.some(max_tokens, "max_tokens", "probe()"), self._conditions.max_answer)
        opening, stood = self._opening_of(held.trace), held.trace.segments
        tokens = self._engine.tokenizer.encode(text := check.text(text, "text of probe()"))
        room = self._engine.info.context - len(held.trace.tokens) - len(tokens)
        if room < 1:
            raise Misuse(f"the text of probe() has {len(tokens)} tokens and leaves no room in the context for a reply")
        asked = (self._sampler.put_in(opening, "probe", stood, tokens, text),) if tokens else ()
        wish = Wish(
            "probe", (*stood, *asked), self._stream("probe"), self._conditions.answer,
            self._engine.tokenizer.end_ids, (*self._answer_stops, *check.texts(stop, "stop of probe()")),
        )  # fmt: skip
        stretch = await self._sampler.sample(opening, wish, limit)
        said = self.ledger.keep(stretch.segment)
        probed = (*asked, said)
        side = but(held, segments=(*stood, *probed)).trace
        lineage = Lineage(probed, clock=path_length(side)) | held.lineage | beyond(side, stretch.known)
        value = Probe(said.text, self._extract(text + said.text), said.spent, trace, lineage.segments)
        return self.ledger.probe(Given(value, lineage, said=said))

    async def score(self, candidates: Sequence[Answer | Trace], *, by: str = "") -> tuple[Score, ...]:
        return await rate(self, candidates, check.text(by, "by of score()"))

    def ask(
        self, prompt: str | Sequence[Turn], *, system: str | None = None, seen: Sequence[Seen] = ()
    ) -> ModelReasoner:
        prompt = check.conversation(prompt)
        if system is not None:
            system = check.text(system, "system of ask()")
        elif isinstance(prompt, str) or all(turn.role != "system" for turn in prompt):
            system = self._conditions.system
        child = self._child(seen, "ask()")
        child._opening = opening = self._opened(self._conversation(prompt, system), "the prompt of ask()")
        if opening.tokens != self._own.tokens:  # numbers of its own: with the first prompt's it would err alike
            child._branch = (*self._branch, f"ask {opening.origin}")
        return child

    def branch(self, label: str, *, seen: Sequence[Seen] = ()) -> ModelReasoner:
        label = check.label(label, "the label of branch()")
        child = self._child(seen, "branch()")
        child._branch = self._branch if label == "0" else (*self._branch, label)
        return child

    async def race(
        self,
        handles: Sequence[Reasoner],
        *,
        enough: Callable[[Sequence[Trace]], bool] | None = None,
        cut_at: Callable[[Trace], int | None] | None = None,
        max_tokens: int | None = None,
    ) -> tuple[Trace, ...]:
        self._continues("race()")
        max_tokens = check.count(max_tokens, "max_tokens of race()")
        check.function(enough, "enough of race()")
        check.function(cut_at, "cut_at of race()")
        return await race(cast("Sequence[ModelReasoner]", check.handles(handles, self)), enough, cut_at, max_tokens)

    def vote(
        self,
        answers: Sequence[Answer],
        *,
        weights: Sequence[float] | None = None,
        ties: Literal["first", "shortest"] = "first",
        seen: Sequence[Seen] = (),
    ) -> Answer:
        of_equals = check.one_of(ties, ("first", "shortest"), "ties of vote()")
        ballots = cast("list[Answer]", listed(answers, "answers of vote()"))
        if not ballots:
            raise Misuse("vote() was given no answers")
        known = [] if weights is not None else self._poll.counted
        # By identity: anything may say that it is equal.
        begins = len(ballots) >= len(known) and all(map(is_, ballots, known))
        new = ballots[len(known) :] if begins else ballots
        originals = [self.ledger.given(answer, "vote()") for answer in new]
        poll = self._poll if len(new) + len(known) == len(ballots) and weights is None else self._new_poll()
        weighed = [1.0] * len(new) if weights is None else check.weights(weights, len(ballots))
        poll.add(new, originals, weighed)
        plain = poll.plain if of_equals == "first" and set(weighed) <= {1.0} else 0
        if weights is None:
            self._poll = poll
        winner, more = poll.winner(shortest=of_equals == "shortest"), self.ledger.seen(seen, "vote()")
        if not more:
            return self._issue((winner.text, winner.extracted), tuple(poll.traces), poll.lineage, poll.cost(), plain)
        lineage = poll.lineage | more
        return self._issue((winner.text, winner.extracted), tuple(poll.traces), lineage, self._total(lineage))

    def choose(self, answer: Answer, *, seen: Sequence[Seen] = ()) -> Answer:
        given = self.ledger.given(answer, "choose()")
        lineage, own = given.lineage | self.ledger.seen(seen, "choose()"), given.answer
        return self._issue((own.text, own.extracted), own.traces, lineage, self._total(lineage))

    def logprobs(self, trace: Trace | Probe, column: str = LOGPROB) -> tuple[float, ...]:
        known = self._conditions.columns if self.ledger.readable is None else self.ledger.readable
        if (column := check.text(column, "the column of logprobs()")) not in known:
            raise Misuse(f"logprobs() was asked for {column!r}, which is not in the `needs` of the strategy")
        if isinstance(trace, Probe):
            return self.ledger.numbers(self.ledger.said(trace, "logprobs()"), column)
        segments = self.ledger.looked_at(trace, "logprobs()").segments
        return tuple(chain.from_iterable(self.ledger.numbers(each, column) for each in segments if each.stream))

    def extract(self, text: str) -> str | None:
        return self._extract(check.text(text, "text of extract()"))

    def tokens(self, text: str) -> tuple[int, ...]:
        return self._engine.tokenizer.encode(check.text(text, "text of tokens()"))

    def sampling(self, trace: Trace | None = None) -> Sampling:
        usual = self._usual(() if trace is None else self.ledger.looked_at(trace, "sampling()").segments)
        return replace(usual)  # not the object by which the whole run samples

    def random(self, label: str) -> Random:
        phase = f"random {check.text(label, 'the label of random()')}"
        key = stream_key(self._conditions.seed, self.problem.id, self._branch, phase)
        return Random(int.from_bytes(blake2b(key.encode(), digest_size=16).digest()))

    def cost(self, *what: Seen) -> Cost:
        return self._total(self.ledger.seen(what, "cost()"))
