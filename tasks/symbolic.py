"""Algebra by math-verify and sympy, held on a short lead: no signals, so it works in any thread, and it always ends.

Two guards do that. What is too large to be worked out is refused before anyone tries, and the rest runs on fuel: a
count of function calls, not seconds, so that the same answers get the same verdict on a busy machine.
"""

from __future__ import annotations

import logging
import math
import re
import sys
from collections.abc import Callable
from functools import cache, lru_cache
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_FUEL = 3_000_000  # calls and returns: one to two seconds; nearly all comparisons of real answers take below a tenth
_BITS = 2.0**14  # size of the largest number that may be worked out
_HUGE = re.compile(r"\^\s*[{(]?\s*[-+]?\s*\d{5}")
_GROWING = re.compile(r"!|binom|choose|\\sum|\\prod|\\int|\\lim|\}_|\)_")


class _OutOfFuel(BaseException):
    """Not an Exception, as sympy and math-verify catch those."""


class _TooLarge(Exception):
    """A number in it has too many digits to be worked out."""


@lru_cache(maxsize=4096)
def canonical(cleaned: str) -> str | None:
    """One spelling for expressions that become the same when multiplied out; None where sympy cannot read it."""
    return _fuelled(lambda: _canonical(cleaned), None)


@lru_cache(maxsize=4096)
def equal(gold: str, answer: str) -> bool:
    """math-verify's verdict on two cleaned answers. What cannot be read or decided is not equal."""
    return _fuelled(lambda: _equal(gold, answer), False)


def _canonical(cleaned: str) -> str | None:
    import sympy

    read = [item for item in _parse(cleaned) if not isinstance(item, str)]
    if not read:
        return None
    expression = sympy.nsimplify(read[0].doit(), rational=True)
    if isinstance(expression, sympy.Equality):
        expression = sympy.expand(expression.lhs - expression.rhs)
        return f"{max(str(expression), str(-expression))}=0"
    return str(sympy.expand(expression))


def _equal(gold: str, answer: str) -> bool:
    from math_verify import verify
    from sympy.core.cache import clear_cache

    left, right = _parse(gold), _parse(answer)
    clear_cache()  # a warm cache would stretch the fuel
    return bool(verify(left, right, timeout_seconds=None))


@lru_cache(maxsize=4096)
def _parse(cleaned: str) -> list[Any]:
    """math-verify's reading: a sympy expression and its text. Raises _TooLarge."""
    if _HUGE.search(cleaned) or (_GROWING.search(cleaned) and re.search(r"\d{4}", cleaned)):
        raise _TooLarge(cleaned)
    parse, config = _parser()
    read: list[Any] = parse(f"\\boxed{{{cleaned}}}", config, parsing_timeout=None)
    for item in read:
        if not isinstance(item, str):
            _bits(item)
    return read


@cache
def _parser() -> tuple[Callable[..., Any], list[Any]]:
    from math_verify import LatexExtractionConfig, parse

    for name in ("math_verify.parser", "math_verify.grader"):  # they warn that nobody guards against endless work
        logging.getLogger(name).setLevel(logging.ERROR)
    return parse, [LatexExtractionConfig(boxed_match_priority=0)]


def _bits(expression: Any) -> float:  # noqa: ANN401 (sympy has no types)
    """An upper bound of the binary digits of any number that working out `expression` can bring up."""
    arguments = [_bits(argument) for argument in getattr(expression, "args", ())]
    name = type(expression).__name__
    if name in ("Integer", "Rational"):
        bits = math.log2(max(abs(expression.p), expression.q, 1))
    elif name in ("Pow", "MatPow"):
        bits = arguments[0] * 2 ** min(arguments[1], 64)
    elif "factorial" in name.lower() or name in ("binomial", "gamma"):
        bits = sum(argument * 2 ** min(argument, 64) for argument in arguments)
    else:
        bits = sum(arguments) if arguments else 1.0
    if bits > _BITS:
        raise _TooLarge(name)
    return bits


def _fuelled(work: Callable[[], T], otherwise: T) -> T:
    """What `work` returns, or `otherwise` when it fails or has made too many calls."""
    left = _FUEL
    before = sys.getprofile()

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _OutOfFuel

    sys.setprofile(count)
    try:
        return work()
    except (Exception, _OutOfFuel):
        return otherwise
    finally:
        sys.setprofile(before)
