"""Algebra by math-verify and sympy, held on a short lead: no signals, so it works in any thread, and it always ends.

Two guards do that. What is too large to be worked out is refused before anyone tries, and the rest runs on fuel: a
count of executed lines, not seconds, so that the same answers get the same verdict on a busy machine.
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

# Fuel, in executed lines, calls and returns: a million takes about 0.3 seconds.
_READING = 20_000_000  # a first reading takes up to 2 million, as the parser learns; later ones some thousands
_WORKING = 3_000_000  # nearly all answers take less than half a million
# Binary digits of the largest number that may be worked out: one line of Python takes as long as it likes on more.
_WRITTEN_BITS = 2.0**13
_COMPARED_BITS = 2.0**9  # sympy looks for factors here
_HUGE = re.compile(r"\d{31}|\^\s*[{(]?\s*[-+]?\s*\d{5}")
_NESTED = re.compile(r"(?:[({\[][^)}\]]*){16}")  # open brackets that the parser would take seconds for
_GROWING = re.compile(r"!|binom|choose|\\sum|\\prod|\\int|\\lim|\}_|\)_")


class _OutOfFuel(BaseException):
    """Not an Exception, as sympy and math-verify catch those."""


@lru_cache(maxsize=4096)
def canonical(cleaned: str) -> str | None:
    """One spelling for expressions that become the same when multiplied out; None where sympy cannot read it."""
    read = [item for item in _read(cleaned) if not isinstance(item, str)]
    return _fuelled(lambda: _multiplied_out(read[0]), None, _WORKING) if read else None


@lru_cache(maxsize=4096)
def equal(gold: str, answer: str) -> bool:
    """math-verify's verdict on two cleaned answers. What cannot be read or decided is not equal."""
    left, right = _read(gold), _read(answer)
    return _fuelled(lambda: _verified(left, right), False, _WORKING) if left and right else False


def _verified(gold: list[Any], answer: list[Any]) -> bool:
    from math_verify import verify

    small = all(isinstance(item, str) or _bits(item) <= _COMPARED_BITS for item in gold + answer)
    return small and bool(verify(gold, answer, timeout_seconds=None))


def _multiplied_out(expression: Any) -> str:  # noqa: ANN401 (sympy has no types)
    import sympy

    if _bits(expression) > _WRITTEN_BITS:
        raise OverflowError
    expression = sympy.nsimplify(expression.doit(), rational=True)
    if isinstance(expression, sympy.Equality):
        expression = sympy.expand(expression.lhs - expression.rhs)
        return f"{max(str(expression), str(-expression))}=0"
    return str(sympy.expand(expression))


@lru_cache(maxsize=4096)
def _read(cleaned: str) -> list[Any]:
    """math-verify's reading, nothing evaluated: a sympy expression and its text, or nothing where it is too large."""
    if _HUGE.search(cleaned) or (_GROWING.search(cleaned) and re.search(r"\d{4}", cleaned)) or _NESTED.search(cleaned):
        return []
    parse, config = _parser()
    return _fuelled(lambda: list(parse(f"\\boxed{{{cleaned}}}", config, parsing_timeout=None)), [], _READING)


@cache
def _parser() -> tuple[Callable[..., Any], list[Any]]:
    """math-verify's `parse` and its settings, warmed up: what is imported on first use must not cost an answer fuel."""
    from math_verify import LatexExtractionConfig, parse, verify

    for name in ("math_verify.parser", "math_verify.grader"):  # they warn that nobody guards against endless work
        logging.getLogger(name).setLevel(logging.ERROR)
    config = [LatexExtractionConfig(boxed_match_priority=0)]
    left, right = (
        parse(f"\\boxed{{{text}}}", config, parsing_timeout=None) for text in (r"\sqrt{x}+1", r"\frac{x}{2}")
    )
    verify(left, right, timeout_seconds=None)
    return parse, config


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
    elif name in ("Symbol", "Dummy"):
        bits = 0.0
    else:
        bits = sum(arguments) + 1
    return bits


def _fuelled(work: Callable[[], T], otherwise: T, fuel: int) -> T:
    """What `work` returns, or `otherwise` when it fails or runs out of fuel."""
    from sympy.core.cache import clear_cache

    clear_cache()  # a warm cache would stretch the fuel
    before = sys.gettrace()

    def count(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        nonlocal fuel
        fuel -= 1
        if fuel < 0:
            raise _OutOfFuel
        return count

    sys.settrace(count)
    try:
        return work()
    except (Exception, _OutOfFuel):
        return otherwise
    finally:
        sys.settrace(before)
