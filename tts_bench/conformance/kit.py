"""What a claim is and what becomes of it, whether it is about a strategy or an engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar
from unittest import SkipTest

T = TypeVar("T")


class Broken(AssertionError):
    """A claim does not hold; the message says what was done and what was seen."""


class NotApplicable(SkipTest):
    """A claim says nothing of its subject; the message says why. pytest and unittest count it as skipped."""


@dataclass(frozen=True)
class Claim(Generic[T]):
    """One thing that a strategy or an engine has to keep."""

    name: str
    check: Callable[[T], None]  # raises Broken, or NotApplicable

    @property
    def sentence(self) -> str:
        return inspect.getdoc(self.check) or ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Result(Generic[T]):
    """What became of one claim."""

    claim: Claim[T]
    verdict: Literal["pass", "fail", "not applicable", "not tried"]
    reason: str = ""  # why it is not a pass


def claims_of(*checks: Callable[[T], None]) -> tuple[Claim[T], ...]:
    """Claims that are called as their functions are."""
    return tuple(Claim(check.__name__.replace("_", "-"), check) for check in checks)


def tried(claims: Sequence[Claim[T]], subject: T, first: Sequence[Claim[T]]) -> Iterator[Result[T]]:
    """Try each claim in turn; where one of the `first` fails, nothing more can be said of the subject."""
    failed = ""
    for claim in claims:
        if failed:
            yield Result(claim, "not tried", f"it needs {failed}")
            continue
        try:
            claim.check(subject)
        except Broken as broken:
            yield Result(claim, "fail", str(broken))
            failed = claim.name if claim in first else ""
        except NotApplicable as why:
            yield Result(claim, "not applicable", str(why))
        else:
            yield Result(claim, "pass")
