"""The word problems of the pocket reasoner: a number, events that raise or lower it, and the question what is left.

Two stories are told. In the ordinary one some problems hold one tricky event, whose words sound like the opposite of
what they mean. The flat one, the negative control, holds one event whose words the model was taught to misread at a
fixed rate, whatever it thinks and however often it looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal["plain", "tricky", "easy", "hard"]

SHE, HE = ("Mia", "Ada", "Lea", "Eva"), ("Ben", "Tom", "Leo", "Max")
THINGS = ("shells", "cards", "stamps", "beads", "stones", "pens", "books", "plums")
PLUS, MINUS = ("finds", "buys", "wins", "picks up"), ("loses", "sells", "drops", "gives away")
TRICKY = {"takes back": 1, "sets aside": -1}
FLAT_PLUS, FLAT_MINUS = ("gains", "adds"), ("pays", "spends")
EASY = {"nets": 1, "calls in": 1, "voids": -1, "writes off": -1}
HARD = {"offsets": 1, "draws in": 1, "advances": -1, "releases": -1}

TRICKY_SHARE = 0.16  # of ordinary problems
LOW, HIGH = 12, 75  # bounds of the true running value
_HELD_OUT = 10  # one problem in so many is never trained on


@dataclass(frozen=True)
class Event:
    """One change of the running value: its words, what it adds (`sign` times `amount`), and how the words mislead."""

    words: str
    sign: int
    amount: int
    kind: Kind = "plain"


@dataclass(frozen=True)
class Problem:
    """A start, events, and the words around them."""

    start: int
    events: tuple[Event, ...]
    teller: str  # a name, or "" for the flat story
    thing: str

    @property
    def answer(self) -> int:
        return self.start + sum(event.sign * event.amount for event in self.events)

    @property
    def flat(self) -> bool:
        return not self.teller

    @property
    def text(self) -> str:
        who = "It" if self.flat else "She" if self.teller in SHE else "He"
        opening = f"The till holds {self.start}" if self.flat else f"{self.teller} has {self.start}"
        told = " ".join(f"{who} {event.words} {event.amount}." for event in self.events)
        return f"{opening} {self.thing}. {told} How many {self.thing} now?"

    @property
    def key(self) -> str:
        """Numbers and kinds: problems that share it differ in their words only."""
        changes = ",".join(f"{event.sign * event.amount}{event.kind[0]}" for event in self.events)
        return f"{'flat' if self.flat else 'plain'}:{self.start}:{changes}"

    @property
    def held_out(self) -> bool:
        """Whether the model never trains on this problem, nor on one that shares its key."""
        return int.from_bytes(hashlib.sha256(self.key.encode()).digest()[:4]) % _HELD_OUT == 0


def ordinary(draw: Random, tricky_share: float = TRICKY_SHARE) -> Problem:
    """One problem of 3 to 6 events, at most one of them tricky."""
    count = draw.randint(3, 6)
    at = draw.randrange(count) if draw.random() < tricky_share else -1
    return _told(draw, count, at, "tricky", PLUS, MINUS, TRICKY, draw.choice(SHE + HE), draw.choice(THINGS))


def flat(draw: Random, hard: bool) -> Problem:
    """One problem of the negative control: 2 or 3 events, exactly one of them misread at a fixed rate."""
    count = draw.randint(2, 3)
    kind: Kind = "hard" if hard else "easy"
    return _told(draw, count, draw.randrange(count), kind, FLAT_PLUS, FLAT_MINUS, HARD if hard else EASY, "", "coins")


def _told(
    draw: Random,
    count: int,
    at: int,
    kind: Kind,
    plus: tuple[str, ...],
    minus: tuple[str, ...],
    special: dict[str, int],
    teller: str,
    thing: str,
) -> Problem:
    value = start = draw.randint(15, 50)
    events: list[Event] = []
    while len(events) < count:
        words = draw.choice(tuple(special) if len(events) == at else plus + minus)
        sign = special.get(words) or (1 if words in plus else -1)
        event = Event(words, sign, draw.randint(2, 9), kind if len(events) == at else "plain")
        if LOW <= value + sign * event.amount <= HIGH:
            events.append(event)
            value += sign * event.amount
    return Problem(start, tuple(events), teller, thing)


def held_out(draw: Random, story: Literal["ordinary", "flat"]) -> Iterator[Problem]:
    """Problems that no model trains on, without end, each key once; flat ones are hard and easy in turn."""
    yield from _split(draw, story, held_out=True)


def trainable(draw: Random, story: Literal["ordinary", "flat"]) -> Iterator[Problem]:
    """Problems that a model may train on, without end, each key once; flat ones are hard and easy in turn."""
    yield from _split(draw, story, held_out=False)


def _split(draw: Random, story: Literal["ordinary", "flat"], held_out: bool) -> Iterator[Problem]:
    seen: set[str] = set()
    hard = True
    while True:
        problem = ordinary(draw) if story == "ordinary" else flat(draw, hard)
        if problem.held_out == held_out and problem.key not in seen:
            seen.add(problem.key)
            hard = not hard
            yield problem
