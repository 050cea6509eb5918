"""Scores for everything in flight: each is made once, stored, and never made again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from hashlib import blake2b
from math import isfinite
from typing import NamedTuple

from tts_bench.api import Problem
from tts_bench.core.cost import operations
from tts_bench.core.store import Store
from tts_bench.errors import EngineError
from tts_bench.scorer import Candidate, Scorer, Verdict


@dataclass
class ScoreCounts:
    """Scores since the start: `asked` by strategies, `made` by scorers, `found` in the store."""

    asked: int = 0
    made: int = 0
    found: int = 0


class Made(NamedTuple):
    """A verdict, the digest of all that determines it, and what it took to compute."""

    origin: str
    verdict: Verdict
    flops: float


class Scoring:
    """Stands between reasoners and the scorers of a run, which it knows by their names there."""

    def __init__(self, scorers: Mapping[str, Scorer] | None = None, store: Store | None = None) -> None:
        self.scorers = dict(scorers or {})
        self.counts = ScoreCounts()
        self._store = Store(None) if store is None else store
        self._in_flight: dict[bytes, asyncio.Event] = {}

    def named(self, by: str) -> str:
        """The name of the scorer that `by` speaks of; "" is the only one.

        Raises:
            EngineError: there is none, or there are several.
        """
        if by in self.scorers:
            return by
        if not by and len(self.scorers) == 1:
            return next(iter(self.scorers))
        which = (
            f"no scorer {by!r}" if by else "no scorer" if not self.scorers else "several scorers, and none was named"
        )
        known = f" Known: {', '.join(self.scorers)}." if self.scorers else ""
        raise EngineError(f"score(): the run has {which}.{known} Type --scorer {by or 'NAME'}=KIND:option=value")

    async def score(self, by: str, problem: Problem, candidates: Sequence[Candidate]) -> list[Made]:
        """The verdict of the scorer `by` on each candidate.

        Raises:
            EngineError: there is no such scorer, it fails, or its score is invalid.
        """
        scorer = self.scorers[by]
        if not scorer.info.per_sample:
            candidates = [replace(candidate, sample="") for candidate in candidates]
        keys = [self.key(by, problem, candidate) for candidate in candidates]
        wanted, held = dict(zip(keys, candidates, strict=True)), dict[bytes, Verdict]()
        self.counts.asked += len(wanted)
        while missing := {key: its for key, its in wanted.items() if key not in held}:
            free = {key: its for key, its in missing.items() if key not in self._in_flight}
            found = {key: known for key in free if (known := self._stored(key)) is not None}
            self.counts.found += len(found)
            held |= found
            if new := {key: its for key, its in free.items() if key not in found}:
                held |= await self._make(by, scorer, problem, new)
            elif not found:
                await self._in_flight[next(iter(missing))].wait()
        info = scorer.info
        tokens = {key: verdict.read + verdict.sampled for key, verdict in held.items()}
        flops = {key: operations(info.parameters, info.layers, info.width, each) for key, each in tokens.items()}
        return [Made(key.hex(), held[key], flops[key]) for key in keys]

    def key(self, by: str, problem: Problem, candidate: Candidate) -> bytes:
        """Digest of all that determines a score: the scorer, the problem, the texts."""
        info = self.scorers[by].info
        parts = [info.name, info.fingerprint, info.identity, astuple(problem), astuple(candidate)]
        return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).digest()

    async def _make(
        self, by: str, scorer: Scorer, problem: Problem, new: Mapping[bytes, Candidate]
    ) -> dict[bytes, Verdict]:
        events = {key: asyncio.Event() for key in new}
        self._in_flight |= events
        try:
            said = await _said(scorer, by, problem, list(new.values()))
            if len(said) != len(new):
                raise EngineError(f"the scorer {by!r} got {len(new)} candidates and returned {len(said)} verdicts")
            made = {key: _checked(verdict, by) for key, verdict in zip(new, said, strict=True)}
            self._store.put_verdicts((key, _dump(verdict)) for key, verdict in made.items())
        finally:
            for key, event in events.items():
                del self._in_flight[key]
                event.set()
        self.counts.made += len(made)
        return made

    def _stored(self, key: bytes) -> Verdict | None:
        found = self._store.verdict(key)
        return None if found is None else _load(found)


async def _said(scorer: Scorer, by: str, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
    """
    Raises:
        EngineError: the scorer fails.
    """
    try:
        return list(await scorer.score(problem, candidates))
    except (EngineError, ExceptionGroup):  # of a group, its first error is told
        raise
    except Exception as error:
        raise EngineError(f"the scorer {by!r} failed: {type(error).__name__}: {error}") from error


def _checked(verdict: Verdict, by: str) -> Verdict:
    if not isinstance(verdict, Verdict):
        raise EngineError(f"the scorer {by!r} returned a {type(verdict).__name__}; it returns a Verdict per candidate")
    numbers = (verdict.value, *verdict.steps)
    if not all(map(_is_finite, numbers)):
        raise EngineError(f"the scorer {by!r} returned the scores {numbers!r}; they have to be finite numbers")
    if not all(type(count) is int and count >= 0 for count in (verdict.read, verdict.sampled)):
        raise EngineError(f"the scorer {by!r} counted {verdict.read!r} and {verdict.sampled!r} tokens")
    said = str(verdict.said).encode("utf-8", "backslashreplace").decode()  # it stands in the record
    return Verdict(float(verdict.value), tuple(map(float, verdict.steps)), verdict.read, verdict.sampled, said)


def _is_finite(number: object) -> bool:
    """Whether a float can hold it."""
    try:
        return isinstance(number, int | float) and not isinstance(number, bool) and isfinite(number)
    except OverflowError:
        return False


def _dump(verdict: Verdict) -> bytes:
    return json.dumps(astuple(verdict)).encode()  # Python writes a float so that it is read back to the bit


def _load(text: bytes) -> Verdict:
    value, steps, read, sampled, said = json.loads(text)
    return Verdict(value, tuple(steps), read, sampled, said)
