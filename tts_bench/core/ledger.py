"""What a strategy made the harness do for one problem: all that was generated, and all that was handed out for it.

Every value that a strategy holds is a copy. Its original stays here, and what is billed and written down is the
original: a strategy can change what it holds, and not what it costs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import fields, replace
from itertools import chain
from operator import attrgetter, is_
from threading import get_ident
from typing import Any, NamedTuple, TypeVar, cast

from tts_bench.api import Answer, Cost, Probe, Score, Segment, Trace
from tts_bench.columns import NO_COLUMNS, Columns
from tts_bench.core.cost import Lineage, Scored
from tts_bench.errors import Misuse

T = TypeVar("T")

_entered: ContextVar[Ledger | None] = ContextVar("entered", default=None)


def entered() -> Ledger | None:
    """The ledger of the problem that the caller works on; None outside all of them."""
    return _entered.get()


class Held(NamedTuple):
    """The original of a trace, and what else it depends on than its own segments."""

    trace: Trace
    seen: Lineage

    @property
    def lineage(self) -> Lineage:
        """All that it depends on. What has not been answered is dropped, until it is."""
        own, closed = self.trace.segments, self.trace.segments[-1].kind == "answer"
        return Lineage(own if closed else (), () if closed else own, path_length(self.trace)) | self.seen


class Given(NamedTuple):
    """The original of an answer, of a probe or of a score."""

    value: Answer | Probe | Score
    lineage: Lineage
    ballots: int = 0  # how many single answers a plain vote counted, one vote each, to make it
    said: Segment | None = None  # what a probe sampled

    @property
    def answer(self) -> Answer:
        return cast(Answer, self.value)


class _Issued(NamedTuple):
    copy: object  # kept, so that no other object gets its id
    original: Held | Given | None  # None: a part of others, of no use by itself
    values: tuple[object, ...]  # its class and its fields, as it was handed out


class Ledger:
    """The originals of one strategy's traces, answers, probes and scores for one problem."""

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        """`columns`: what its strategy may read beside each token; None: all that the run records."""
        self.readable = columns
        self.prompt = 0  # length of the task's own prompt in tokens
        self.closed = False  # its strategy has ended or was given up: nothing more is generated for it
        self.waiting = 0  # generations that it has asked for and does not have yet
        self._thread, self._begun = get_ident(), False
        self._unheard: BaseException | None = None  # of one of its tasks that nobody waited for
        self.segments: list[Segment] = []  # all that was made and shown
        self.scored: dict[tuple[str, tuple[str, int]], Scored] = {}  # what scorers said, by origin and what it is of
        self.replies: dict[tuple[str, int], Segment] = {}  # answers that came with their thinking, by origin and length
        self._longest: dict[str, Segment] = {}  # version that the strategy has seen of each origin
        self._columns: dict[str, Columns] = {}  # by origin
        self._extracted: dict[str, str | None] = {}
        self._issued: dict[int, _Issued] = {}  # by the id of the copy
        self._copies: dict[int, Any] = {}  # of segments and traces, by the original's id
        self._originals: list[object] = []  # of those copies: while they are kept, no other object gets their ids

    def keep(self, segment: Segment) -> Segment:
        """Enter a segment that the strategy is shown.

        Raises:
            Misuse: as `check_caller`.
        """
        self.check_caller()
        self.segments.append(segment)
        seen = self._longest.get(segment.origin)
        if seen is None or segment.spent > seen.spent:
            self._longest[segment.origin] = segment
        return segment

    def enter(self) -> None:
        """From here on the task that calls it, with all that it begins, works on this ledger's problem."""
        self._begun = True
        _entered.set(self)

    def check_caller(self) -> None:
        """
        Raises:
            Misuse: it is used from another thread, whose event loop is not the one that all requests share, or while
                another problem is worked on: what it gives would be on the wrong bill, or never come.
        """
        if get_ident() != self._thread:
            raise Misuse("the reasoner was called from a thread other than the one that runs solve()")
        if self._begun and _entered.get() is not self:
            raise Misuse("the reasoner of another problem, or of another run of solve(), was called; use its own")

    def note(self, origin: str, columns: Columns) -> None:
        """Enter the numbers beside the tokens of a generation."""
        if columns:
            self._columns[origin] = self._columns.get(origin, NO_COLUMNS).longest(columns)

    def all_columns(self) -> dict[str, Columns]:
        """Of each origin that was shown, the numbers beside its longest version."""
        return {origin: found for origin, longest in self._longest.items() if (found := self.columns(longest))}

    def columns(self, segment: Segment) -> Columns:
        """All numbers beside the tokens that were sampled for `segment`, its end among them."""
        columns = self._columns.get(segment.origin)
        return columns.cut(segment.spent) if columns else NO_COLUMNS

    def numbers(self, segment: Segment, column: str) -> tuple[float, ...]:
        """Those of one column; none where nobody asked for it."""
        return self.columns(segment).get(column, ())

    def longest(self, origin: str) -> Segment | None:
        """The longest version of `origin` that the strategy has seen."""
        return self._longest.get(origin)

    def extracted(self, segment: Segment) -> str | None:
        """What was extracted from the answer that ends with `segment`; None for every other segment."""
        return self._extracted.get(segment.origin)

    def trace(self, held: Held) -> Trace:
        """The copy of a trace for the strategy."""
        own = held.trace
        segments = self._segments(own.segments)
        copy = Trace(segments, own.thinking_ended, own.truncated, own.cues_wanted, own.before, own.stopped)
        return self._issue(copy, held)

    def glimpse(self, held: Held) -> Trace:
        """A copy that can be looked at, and is refused by every verb that bills or goes on from a trace."""
        own = held.trace
        segments = self._segments(own.segments)
        return self._issue(Trace(segments, own.thinking_ended, before=own.before), None)

    def answer(self, given: Given) -> Answer:
        """The copy of an answer for the strategy."""
        own = given.answer
        if len(own.traces) == 1:
            self._extracted[own.traces[0].segments[-1].origin] = own.extracted
        cost = self._issue(replace(own.cost), None)
        traces = tuple([self._closed(trace, given.lineage) for trace in own.traces])
        lineage = self._segments(own.lineage)
        return self._issue(Answer(own.text, own.extracted, cost, traces, lineage), given)

    def probe(self, given: Given) -> Probe:
        """The copy of a probe for the strategy; its trace is the copy that was probed."""
        own = cast(Probe, given.value)
        lineage = self._segments(own.lineage)
        return self._issue(replace(own, lineage=lineage), given)

    def score(self, given: Given, scored: Scored) -> Score:
        """The copy of a score for the strategy; its candidate is the copy that was scored."""
        self.scored[scored.origin, scored.of] = scored
        own = cast(Score, given.value)
        lineage = self._segments(own.lineage)
        return self._issue(replace(own, lineage=lineage), given)

    def candidate(self, value: object, call: str) -> Held | Given:
        """The original of an answer or a trace that was handed to `call`.

        Raises:
            Misuse: as `held`.
        """
        return self._original(value, call, Answer, Trace)

    def held(self, trace: object, call: str) -> Held:
        """The original of a trace that was handed to `call`.

        Raises:
            Misuse: it is none of this ledger's, or was changed.
        """
        return cast(Held, self._original(trace, call, Trace))

    def looked_at(self, trace: object, call: str) -> Trace:
        """A trace as it was handed out, glimpses among them.

        Raises:
            Misuse: as `held`.
        """
        if not isinstance(trace, Trace) or (issued := self._issued.get(id(trace))) is None or not _unchanged(issued):
            raise Misuse(f"{call} was given a {type(trace).__name__} that is not a trace of this problem's reasoner")
        if not all(_unchanged(self._issued[id(segment)]) for segment in trace.segments):
            raise Misuse(f"{call} was given a trace with a segment that was changed after the reasoner made it")
        return trace

    def given(self, answer: object, call: str) -> Given:
        """The original of an answer that was handed to `call`.

        Raises:
            Misuse: as `held`.
        """
        return cast(Given, self._original(answer, call, Answer))

    def said(self, probe: Probe, call: str) -> Segment:
        """What was sampled for a probe that was handed to `call`.

        Raises:
            Misuse: as `held`.
        """
        return cast(Segment, cast(Given, self._original(probe, call, Probe)).said)

    def seen(self, what: object, call: str) -> Lineage:
        """What the traces, answers, probes and scores depend on that a strategy says it has looked at.

        Raises:
            Misuse: as `held`.
        """
        values, call = listed(what, f"seen of {call}"), f"seen of {call}"
        return Lineage().joined(self._original(each, call, Trace, Answer, Probe, Score).lineage for each in values)

    def original(self, answer: Answer) -> Given:
        """Of an answer that was given, whatever the strategy has made of its copy."""
        return cast(Given, self._issued[id(answer)].original)

    def unheard(self, error: BaseException) -> None:
        """Note what a task of its strategy raised that nobody waits for."""
        self._unheard = self._unheard or error

    def check(self) -> None:
        """
        Raises:
            Misuse: something that was handed out has been changed since.
            BaseException: what a task raised that nobody waited for.
        """
        if self._unheard is not None:
            raise self._unheard
        of_kind: defaultdict[Any, list[_Issued]] = defaultdict(list)
        for issued in self._issued.values():
            of_kind[issued.values[0]].append(issued)
        for kind, all_issued in of_kind.items():
            if not _all_unchanged(kind, all_issued):
                raise Misuse(f"a {kind.__name__} was changed after the reasoner made it; it is immutable")

    def _original(self, value: object, call: str, *kinds: type) -> Held | Given:
        names = ", ".join(kind.__name__ for kind in kinds)
        if not isinstance(value, kinds):
            raise Misuse(f"{call} was given a {type(value).__name__}; it takes what this reasoner made ({names})")
        issued = self._issued.get(id(value))
        if issued is None or issued.original is None:
            raise Misuse(f"{call} was given a {type(value).__name__} that this problem's reasoner did not make")
        if not _unchanged(issued):
            raise Misuse(f"{call} was given a {type(value).__name__} that was changed after the reasoner made it")
        return issued.original

    def _issue(self, copy: T, original: Held | Given | None) -> T:
        self._issued[id(copy)] = _Issued(copy, original, _VALUES[type(copy)](copy))
        return copy

    def _segments(self, own: tuple[Segment, ...]) -> tuple[Segment, ...]:
        copies = self._copies
        try:
            return tuple([copies[id(segment)] for segment in own])  # mostly all are known: a trace grows at its end
        except KeyError:
            return tuple([copies.get(id(segment)) or self._copied(segment) for segment in own])

    def _copied(self, own: Segment) -> Segment:
        copy = Segment(own.kind, own.tokens, own.text, own.origin, own.start, own.stream, own.end, own.paid)
        return self._copy_of(own, self._issue(copy, None))

    def _closed(self, own: Trace, lineage: Lineage) -> Trace:
        known: Trace | None = self._copies.get(id(own))
        # First with the answer that it alone was made for.
        return known or self._copy_of(own, self.trace(Held(own, lineage)))

    def _copy_of(self, own: T, copy: T) -> T:
        self._originals.append(own)
        self._copies[id(own)] = copy
        return copy


def path_length(trace: Trace) -> int:
    """Tokens on the critical path to the end of `trace`: sampled and put in one after the other, prompt not counted."""
    read = sum([segment.spent for segment in trace.segments[:2] if segment.kind in ("prompt", "context")])
    return trace.before + sum([segment.spent for segment in trace.segments]) - read


def listed(what: object, call: str) -> list[object]:
    """
    Raises:
        Misuse: `what` is not a sequence.
    """
    if isinstance(what, str) or not isinstance(what, Sequence):
        raise Misuse(f"{call} is a {type(what).__name__}; it takes a list")
    return list(what)


_VALUES: dict[type, Callable[[Any], tuple[object, ...]]] = {
    kind: attrgetter("__class__", *(part.name for part in fields(kind)))
    for kind in (Segment, Trace, Cost, Answer, Probe, Score)
}


def _unchanged(issued: _Issued) -> bool:
    return _all_unchanged(issued.values[0], (issued,))


def _all_unchanged(kind: Any, all_issued: Sequence[_Issued]) -> bool:  # noqa: ANN401 - a key of `_VALUES`
    """Whether all of that kind are what they were when they were handed out."""
    try:
        now = chain.from_iterable([_VALUES[kind](issued.copy) for issued in all_issued])
        return all(map(is_, now, chain.from_iterable([issued.values for issued in all_issued])))
    except Exception:  # a field is gone, or became a property of another class
        return False
