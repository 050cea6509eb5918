"""What every verb of a reasoner needs: where traces begin and how they grow, their streams, limits and bills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Self

from tts_bench.api import Answer, Cost, Cue, LearnedToken, Problem, Sampling, Segment, Trace, Turn
from tts_bench.core import check
from tts_bench.core.closing import Closing
from tts_bench.core.conditions import Conditions
from tts_bench.core.cost import Lineage, total
from tts_bench.core.ledger import Given, Held, Ledger, path_length
from tts_bench.core.opening import Opening, open_conversation, open_prompt
from tts_bench.core.poll import Poll
from tts_bench.core.sampler import PIECE, Sampled, Sampler, Wish
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.engine import Request
from tts_bench.errors import EngineError, Misuse
from tts_bench.streams import stream_key


class Handle:
    """One prompt and one random stream of a problem, and the ledger that all its handles share."""

    def __init__(
        self,
        problem: Problem,
        scheduler: Scheduler,
        conditions: Conditions,
        extract: Callable[[str], str | None],
        ledger: Ledger,
        *,
        answer_stops: tuple[str, ...] = (),
        piece: int = PIECE,
        scoring: Scoring | None = None,
    ) -> None:
        self.problem = problem
        self.ledger = ledger
        self._engine = scheduler.engine
        self._conditions = conditions
        self._extract = extract
        self.form = conditions.format
        self.scoring = scoring
        self._answer_stops = (*conditions.format.answer_stops, *answer_stops)
        self.piece = piece  # tokens between two looks at what is sampled
        self._sampler = Sampler(scheduler, ledger, piece, conditions.columns)
        self._closing = Closing(conditions.format, self._engine.tokenizer)
        self._own = open_prompt(problem.prompt, conditions.system, conditions.format, self._engine.tokenizer)
        ledger.prompt = len(self._own.tokens)
        self._openings: dict[tuple[str, int], Opening] = {}
        self._opening = self._opened(self._own)
        self._branch: tuple[str, ...] = ()
        self._parent: Handle | None = None
        self.seen = Lineage()  # what the decision to open this handle was made from
        self._clock = 0  # tokens on the critical path up to the last thing this handle saw finish
        self._poll = self._new_poll()  # the last vote: often the next is the same and one answer more

    def begun(self) -> Held:
        """A trace that holds the prompt alone, and begins when all is done that the handles above this one saw."""
        before, above = self.seen.clock, self._parent
        while above is not None:
            before, above = max(before, above._clock), above._parent
        for segment in self._opening.segments:  # only now: a prompt from which nothing begins was never read
            self.ledger.keep(segment)
        return Held(Trace(self._opening.segments, before=before), self.seen)

    def known(self, effort: str = "") -> Segment | None:
        """What the strategy has seen of the thinking that begins behind the prompt."""
        return self.ledger.longest(self._opening.digest((), "thinking", self._stream("thinking", effort)))

    async def grow(
        self,
        held: Held,
        max_tokens: int | None,
        *,
        until: tuple[str, ...] = (),
        sampling: Sampling | None = None,
        effort: str = "",
    ) -> Held:
        """Think on from `held`. The ledger does not have the new segment yet."""
        trace = held.trace
        room = self.limit(trace, max_tokens) - trace.thinking_tokens
        if trace.thinking_ended:  # a cue had no room: there is nothing to think on from
            return held
        if room <= 0:
            return but(held, truncated=True)
        *stood, last = self._unstopped(held).trace.segments
        default = self._usual(trace.segments)
        stream = self._stream("thinking", effort, sampling, default)
        again = last.kind == "thinking" and last.stream == stream  # or else it goes on from it as a fork
        wish = Wish(
            "thinking",
            (*stood,) if again else (*stood, last),
            stream,
            sampling or default,
            self._closing.stop_ids,
            self._closing.stop_texts,
            effort,
            until,
            since=last.spent if again else 0,
        )
        stretch = await self._sampler.sample(self._opening_of(trace), wish, room + wish.since)
        grown = Trace(
            (*wish.stood, stretch.segment),
            stretch.ended,
            not stretch.ended and not stretch.stopped,
            trace.cues_wanted,
            trace.before,
            stretch.stopped,
        )
        return Held(grown, held.seen | beyond(grown, stretch.known))

    def shortened(self, held: Held, tokens: int) -> Held:
        """The first `tokens` of the thinking of `held`, which has more, and all of it as what was seen."""
        kept: list[Segment] = []
        for segment in held.trace.segments:
            if segment.kind not in ("thinking", "cue"):
                kept.append(segment)
            elif segment.spent <= tokens:
                kept.append(segment)
                tokens -= segment.spent
            else:
                if tokens and segment.kind == "thinking":
                    kept.append(self.ledger.keep(self._sampler.first(segment, tokens)))
                elif tokens:
                    part = segment.tokens[:tokens]
                    text = self._engine.tokenizer.decode(part)
                    kept.append(self._sampler.put_in(self._opening_of(held.trace), "cue", kept, part, text))
                break
        trace = replace(held.trace, segments=(*kept,), thinking_ended=False, truncated=False, stopped="")
        return Held(trace, held.lineage)

    def stopped_at(self, held: Held, tokens: int) -> Held:
        """The first `tokens` of `held`, of which the strategy has not seen more."""
        *stood, last = held.trace.segments
        if tokens < held.trace.thinking_tokens:
            last = self._sampler.first(last, tokens)
        return but(held, segments=(*stood, last), thinking_ended=False, truncated=False)

    def shown(self, held: Held) -> Trace:
        """The copy of a trace that nobody will make shorter."""
        if held.trace.segments[-1].kind == "thinking":
            self.ledger.keep(held.trace.segments[-1])
        return self._finished(held)

    def answered(self, whole: Held, prefill: str) -> Answer:
        """The answer that `whole` ends with."""
        trace = whole.trace
        text = self._conditions.format.answer_text(prefill + trace.segments[-1].text)
        return self._issue((text, self._extract(text)), (trace,), whole.lineage)

    def second_turn(self, trace: Trace) -> tuple[Turn, ...]:
        """The conversation in which a server of messages is asked for the answer; none where it is not asked so."""
        question, opening = self._conditions.format.question, self._opening_of(trace)
        thought = "".join(segment.text for segment in trace.segments[len(opening.segments) :])
        return (*opening.turns, Turn("assistant", thought), Turn("user", question)) if question and thought else ()

    async def ask_once(self, held: Held, limit: int, effort: str) -> Held:
        """Thinking with its answer, which comes in the same reply and waits in the ledger for `answer()`."""
        trace, opening = held.trace, self._opening_of(held.trace)
        if trace.thinking_ended or trace.truncated or len(trace.segments) > len(opening.segments):
            raise EngineError("the endpoint returns whole replies: it cannot continue a trace")
        stream, start = self._stream("thinking", effort), len(opening.tokens)
        most = limit + self._conditions.max_answer
        request = Request(
            opening.tokens, (), most, stream, self._conditions.thinking, effort=effort, turns=opening.turns
        )
        known = self.known(effort)
        generation = await self._sampler.generate(replace(request, columns=self._conditions.columns))
        place = len(generation.tokens) - generation.stop
        decode, digest = self._engine.tokenizer.decode, opening.digest
        thought, said = generation.tokens[:place], generation.tokens[place:]
        thinking = Segment("thinking", thought, decode(thought), digest((), "thinking", stream), start, stream)
        answer = Segment("answer", said, decode(said), digest((), "answer", stream), start + place, stream)
        self.ledger.note(thinking.origin, generation.columns.cut(place))
        self.ledger.note(answer.origin, generation.columns.after(place))
        self.ledger.replies[thinking.origin, self.ledger.keep(thinking).spent] = self.ledger.keep(answer)
        ended = generation.finish == "stop" or bool(said)
        grown = Trace((*trace.segments, thinking), ended, not ended, before=trace.before)
        self._clock = max(self._clock, path_length(grown) + answer.spent)
        return Held(grown, held.seen | beyond(grown, known))

    def passed(self, clock: int) -> None:
        """Something that this handle saw finished at `clock`."""
        self._clock = max(self._clock, clock)

    def _open(self, trace: Trace, call: str) -> Held:
        held = self.ledger.held(trace, call)
        if held.trace.segments[-1].kind == "answer":
            raise Misuse(f"{call} was given a trace closed by an answer: continue the one that answer() was given")
        return self.behind(held)

    def behind(self, held: Held) -> Held:
        """As this handle goes on from it: when all that led to this handle is done, and billed for that."""
        if not self.seen or held.seen is self.seen:
            return held
        late = max(0, self.seen.clock - path_length(held.trace))
        return Held(replace(held.trace, before=held.trace.before + late), held.seen | self.seen)

    def _finished(self, held: Held) -> Trace:
        self._clock = max(self._clock, path_length(held.trace))
        return self.ledger.trace(held)

    def _unstopped(self, held: Held) -> Held:
        """As if it had not stopped at a text: the text belongs to its thinking."""
        if not held.trace.stopped:
            return held
        *stood, last = held.trace.segments
        whole = self.ledger.keep(self._sampler.first(last, last.spent))
        return but(held, segments=(*stood, whole), stopped="")

    def _replaced_end(self, held: Held, cue: Cue, max_tokens: int | None, call: str) -> Held:
        tokens, text = self._read(cue, call)
        wanted = held.trace.cues_wanted + 1
        if held.trace.thinking_tokens + len(tokens) >= self.limit(held.trace, max_tokens):
            return but(held, cues_wanted=wanted)
        forced = self._sampler.put_in(self._opening_of(held.trace), "cue", held.trace.segments, tokens, text)
        segments = (*held.trace.segments, forced)
        return but(held, segments=segments, cues_wanted=wanted, thinking_ended=False, stopped="")

    def _issue(
        self,
        said: tuple[str, str | None],
        traces: tuple[Trace, ...],
        lineage: Lineage,
        bill: Cost | None = None,
        ballots: int = 0,
    ) -> Answer:
        self._clock = max(self._clock, lineage.clock)
        answer = Answer(*said, bill or self._total(lineage), traces, lineage.segments)
        return self.ledger.answer(Given(answer, lineage, ballots))

    def _total(self, lineage: Lineage) -> Cost:
        return total(self._engine.info, self.ledger.prompt, lineage)

    def _new_poll(self) -> Poll:
        return Poll(self._engine.info, self.ledger.prompt)

    def _child(self, seen: Sequence[Any], call: str) -> Self:
        child = copy(self)
        child._parent = self
        child._clock = 0
        child._poll = self._new_poll()
        child.seen = self.seen | self.ledger.seen(seen, call)
        return child

    def _conversation(self, prompt: str | Sequence[Turn], system: str | None) -> Opening:
        return open_conversation(prompt, system, self._conditions.format, self._engine.tokenizer, self._own)

    def _opened(self, opening: Opening, named: str = "the prompt") -> Opening:
        if self._room(opening) < 1:
            kept = self._conditions.max_answer
            raise EngineError(
                f"{named} has {len(opening.tokens)} tokens and {kept} are reserved for the answer: "
                f"no room to think in a context of {self._engine.info.context}"
            )
        self._openings[_key(opening.segments[-1])] = opening
        return opening

    def _opening_of(self, trace: Trace) -> Opening:
        begun = [segment for segment in trace.segments[:2] if segment.kind in ("prompt", "context")]
        return self._openings[_key(begun[-1])]

    def _room(self, opening: Opening) -> int:
        closing, answer = self._closing.longest, self._conditions.max_answer
        return self._engine.info.context - len(opening.tokens) - closing - answer

    def limit(self, trace: Trace, max_tokens: int | None) -> int:
        """Tokens that the thinking of `trace` may hold."""
        room = self._room(self._opening_of(trace))
        return min(max_tokens or room, room, self._conditions.max_thinking)

    def _stream(
        self, kind: Sampled, effort: str = "", sampling: Sampling | None = None, default: Sampling | None = None
    ) -> str:
        branch = (*self._branch, f"effort {effort}") if effort else self._branch
        branch = (*branch, sampling.name) if sampling and sampling != default else branch
        return stream_key(self._conditions.seed, self.problem.id, branch, kind)

    def _continues(self, call: str) -> None:
        if self._conditions.format.mode == "one-reply":
            raise EngineError(f"the endpoint returns whole replies: {call} needs one that continues a text")

    def _usual(self, segments: Sequence[Segment]) -> Sampling:
        """How thinking that ends with `segments` goes on where a call has no sampling of its own."""
        return self._conditions.continuation if _continued(segments) else self._conditions.thinking

    def _wanted(self, wanted: Sampling | None, call: str) -> Sampling | None:
        """What a strategy wants of one call, with the ids of the tokens that its bias names.

        Raises:
            Misuse: it is no `Sampling`, or biases a text of several tokens.
            EngineError: the engine takes no bias.
        """
        wanted = check.sampling(wanted, call)
        if wanted is None or not wanted.bias:
            return wanted
        if "bias" not in self._engine.info.capabilities:
            raise EngineError(f"{call} was given a bias, but the engine {self._engine.info.name} supports none")
        ids: dict[int | str, float] = {}
        for token, added in wanted.bias:
            tokens = self._engine.tokenizer.encode(token) if isinstance(token, str) else (token,)
            if len(tokens) != 1:
                raise Misuse(
                    f"{call} was given a bias for {token!r}, which is {len(tokens)} tokens: name one, or its id"
                )
            ids[tokens[0]] = added
        return replace(wanted, bias=tuple(sorted(ids.items())))

    def _read(self, cue: Cue, call: str) -> tuple[tuple[int, ...], str]:
        if isinstance(cue, LearnedToken):
            token = check.learned(cue, f"the token of {call}")
            return (self._engine.learn(token),), token.name
        tokens = self._engine.tokenizer.encode(cue := check.text(cue, f"the cue of {call}"))
        if not tokens:
            raise Misuse(f"{call} was given the cue {cue!r}, which has no tokens")
        return tokens, cue


_NOTHING = Lineage()


def but(held: Held, **changes: Any) -> Held:
    """`held` with other fields of its trace."""
    return Held(replace(held.trace, **changes), held.seen)


def beyond(trace: Trace, known: Segment | None) -> Lineage:
    """What the strategy had been shown of the generation that `trace` ends with, and `trace` lacks: it may have been
    decided from.
    """
    last = trace.segments[-1]
    if known is None or known.spent <= last.spent:
        return _NOTHING
    return Lineage(dropped=(known,), clock=path_length(trace) + known.spent - last.spent)


def _continued(segments: Sequence[Segment]) -> bool:
    """Whether a cue stands after some thinking."""
    kinds = [segment.kind for segment in segments]
    return "thinking" in kinds and "cue" in kinds[kinds.index("thinking") :]


def _key(last: Segment) -> tuple[str, int]:
    return last.origin, last.start + len(last.tokens)
