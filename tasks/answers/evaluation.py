"""What an expression is worth where its variables have given values: exactly where it is rational, else to 90 digits.

The time that takes is bounded: each operation is done once, no operation may bring up a number of more than a million
binary digits before the point, and nothing loops over what an answer says.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from tts_bench.tasks.answers.numbers import (
    BITS,
    DIGITS,
    SHOWN,
    ZERO,
    Value,
    context,
    inexact,
    is_real,
    settled,
    shown,
    tidy,
    whole_root,
)
from tts_bench.tasks.answers.syntax import Node, Unreadable

_EXPONENT = 1_000_000  # binary digits before the point of any number


class Undefined(Exception):
    """The expression has no value, or none that is real, at a point."""


def variables(tree: Node) -> frozenset[str]:
    """Names that the expression depends on; of a call such as f(x), the function's too."""
    inner = frozenset[str]().union(*(variables(argument) for argument in tree.args))
    return inner | {tree.name} if tree.op in ("symbol", "call") else inner


def imaginary(tree: Node) -> bool:
    return tree.op == "i" or any(map(imaginary, tree.args))


@lru_cache(maxsize=4096)
def _digits(name: str, place: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{place}|{name}".encode("utf-8", "replace"), digest_size=40).digest(), "big")


def coordinate(name: str, place: int) -> Value:
    """The value of a variable at a point.

    In (0.1, 0.9), then in (1.1, 3.9), then twice below zero; then large, in (30, 50), and below -30.
    """
    mp = context()
    low, width = ("0.1", "0.8") if place == 0 else ("30", "20") if place > 3 else ("1.1", "2.8")
    value = mp.mpf(_digits(name, place)) / 2**320 * mp.mpf(width) + mp.mpf(low)
    return -value if place in (2, 3, 5) else value


def evaluate(tree: Node, at: Mapping[str, Value], *, real: bool = False) -> Value:
    """The value of the tree where its variables have these values; `real`: nothing on the way may be complex.

    Raises:
        Undefined, Unreadable: as `constant`.
    """
    return _Evaluation(at, real).value(tree)


class _Evaluation:
    def __init__(self, at: Mapping[str, Value], real: bool) -> None:
        self.at = at
        self.real = real
        self.mp = context()

    def value(self, tree: Node) -> Value:
        if tree.op == "number":
            return tree.value
        if tree.op == "symbol":
            return self.at[tree.name]
        arguments = [self.value(argument) for argument in tree.args]
        try:
            return self.checked(self.apply(tree, arguments))
        except (ZeroDivisionError, ValueError, OverflowError) as error:
            raise Undefined(tree.op) from error

    def apply(self, tree: Node, arguments: list[Value]) -> Value:
        if tree.op == "+":
            return self.sum(arguments)
        if tree.op == "*":
            return self.product(arguments)
        if tree.op == "/":
            return self.quotient(*arguments)
        if tree.op == "^":
            return self.power(*arguments)
        if tree.op == "root":
            return self.root(*arguments)
        if tree.op == "call":
            return self.call(tree.name, arguments[0])
        if tree.op in ("pi", "e"):
            return +getattr(self.mp, tree.op)
        if tree.op == "i":
            return self.mp.mpc(0, 1)
        if tree.op == "degree":
            return arguments[0]
        if tree.op in ("floor", "ceil", *_WHOLE):
            return self.whole(tree.op, arguments)
        if tree.op == "abs":
            return abs(arguments[0])
        if tree.op in ("ln", *_ANALYTIC):
            return self.analytic(tree, arguments)
        raise Unreadable(tree.op)

    def checked(self, value: Value) -> Value:
        """The value, if it is finite, of a size that can be worked with, and real where it has to be."""
        if isinstance(value, Fraction):
            return value if value.numerator.bit_length() + value.denominator.bit_length() <= BITS else inexact(value)
        value = tidy(value)
        if not self.mp.isfinite(value):
            raise Undefined("not finite")
        if self.real and isinstance(value, self.mp.mpc):
            raise Undefined("not real")
        if value and abs(self.mp.mag(value)) > _EXPONENT:
            raise Unreadable("too large")
        return value

    def sum(self, terms: list[Value]) -> Value:
        if all(isinstance(term, Fraction) for term in terms):
            return sum(terms, Fraction(0))
        rounded = [inexact(term) for term in terms]
        total = self.mp.fsum(rounded)
        largest = max(abs(term) for term in rounded)
        if abs(total) <= largest * self.mp.mpf(10) ** -ZERO:
            return Fraction(0)
        if not self.at and any(term and abs(term) < largest * self.mp.mpf(10) ** -SHOWN for term in rounded):
            raise Unreadable("a term that the sum would not show")
        return total

    def product(self, factors: list[Value]) -> Value:
        left, right = factors
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            return left * right
        return inexact(left) * inexact(right)

    def quotient(self, left: Value, right: Value) -> Value:
        if right == 0:
            raise ZeroDivisionError
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            return left / right
        return inexact(left) / inexact(right)

    def power(self, base: Value, exponent: Value) -> Value:
        if isinstance(exponent, Fraction):
            if exponent.denominator == 1:
                return self.integer_power(base, exponent.numerator)
            if exponent.denominator % 2 and is_real(base) and base < 0:  # (-8)^(1/3) is -2, as pupils have it
                root = self.root(base, Fraction(exponent.denominator))
                return self.integer_power(root, exponent.numerator)
            if isinstance(base, Fraction) and exponent.denominator <= 64:
                return self.integer_power(self.root(base, Fraction(exponent.denominator)), exponent.numerator)
        if base == 0:
            raise ZeroDivisionError
        base, exponent = inexact(base), inexact(exponent)
        if self.mp.mag(exponent) > 24 or abs(exponent * self.mp.log(abs(base), 2)) > _EXPONENT:
            raise Unreadable("too large")
        return base**exponent

    def integer_power(self, base: Value, exponent: int) -> Value:
        if base == 0 and exponent <= 0:
            raise ZeroDivisionError
        if base in (0, 1):
            return base
        size = abs(self.mp.mag(inexact(base))) + 1
        if size * abs(exponent) > _EXPONENT:
            raise Unreadable("too large")
        if isinstance(base, Fraction):
            bits = sum(math.log2(abs(part)) for part in (base.numerator, base.denominator))
            if bits * abs(exponent) <= BITS:
                return base**exponent
        return inexact(base) ** exponent

    def root(self, base: Value, index: Value) -> Value:
        if not isinstance(index, Fraction) or index.denominator != 1 or not 0 < index <= 64:
            raise Unreadable("root of no small index")
        n = index.numerator
        if n % 2 and is_real(base) and base < 0:
            return -self.root(-base, index)
        if isinstance(base, Fraction) and base >= 0:
            top, below = (whole_root(part, n) for part in (base.numerator, base.denominator))
            if top is not None and below is not None:
                return Fraction(top, below)
        return self.mp.root(inexact(base), n)

    def call(self, name: str, argument: Value) -> Value:
        """A function that has but a name: some number for each argument."""
        return coordinate(f"{name}({shown(settled(argument))})", 0)

    def whole(self, op: str, arguments: list[Value]) -> Value:
        if op in ("floor", "ceil"):
            value = settled(arguments[0])
            if not is_real(value):
                raise Undefined(op)
            down = getattr(self.mp, op)(inexact(value))
            if self.mp.mag(down or 1) > BITS:
                raise Unreadable("too large")
            return Fraction(int(down))
        numbers = [settled(argument) for argument in arguments]
        if any(not is_real(n) or abs(n) > 500 for n in numbers):
            raise Unreadable(op)
        if not all(isinstance(n, Fraction) and n.denominator == 1 and n >= 0 for n in numbers):
            rounded = [inexact(n) for n in numbers]  # of variables: by the gamma function
            return self.mp.factorial(*rounded) if op == "factorial" else self.mp.binomial(*rounded)
        return Fraction(_WHOLE[op](*(argument.numerator for argument in numbers)))

    def analytic(self, tree: Node, arguments: list[Value]) -> Value:
        argument = settled(arguments[0])
        value = inexact(argument)
        if tree.op == "ln":
            if value == 0:
                raise Undefined("ln 0")
            return Fraction(0) if value == 1 else self.mp.log(value)
        if value and self.mp.mag(value) > 16:
            raise Unreadable("too large")
        if _has_degrees(tree.args[0]):
            value = value * self.mp.pi / 180
        found = _ANALYTIC[tree.op](self.mp, value)
        if tree.op not in _GROWING and self.mp.mag(found or 1) > 3 * DIGITS:  # the tangent of a right angle, as rounded
            raise Undefined(tree.op)
        if tree.op != "exp" and abs(found) <= abs(value) * self.mp.mpf(10) ** -ZERO:  # the sine of pi, as rounded
            return Fraction(0)
        return found


_GROWING = ("exp", "sinh", "cosh")  # that may be large
_WHOLE: dict[str, Callable[..., Any]] = {"factorial": math.factorial, "binom": math.comb}
_ANALYTIC: dict[str, Callable[[Any, Any], Any]] = {
    "exp": lambda mp, x: mp.exp(x),
    "sin": lambda mp, x: mp.sin(x),
    "cos": lambda mp, x: mp.cos(x),
    "tan": lambda mp, x: mp.tan(x),
    "cot": lambda mp, x: mp.cot(x),
    "sec": lambda mp, x: mp.sec(x),
    "csc": lambda mp, x: mp.csc(x),
    "sinh": lambda mp, x: mp.sinh(x),
    "cosh": lambda mp, x: mp.cosh(x),
    "tanh": lambda mp, x: mp.tanh(x),
    "coth": lambda mp, x: mp.coth(x),
    "arcsin": lambda mp, x: mp.asin(x),
    "arccos": lambda mp, x: mp.acos(x),
    "arctan": lambda mp, x: mp.atan(x),
    "arccot": lambda mp, x: mp.acot(x),
    "arcsec": lambda mp, x: mp.asec(x),
    "arccsc": lambda mp, x: mp.acsc(x),
}


def _has_degrees(tree: Node) -> bool:
    return tree.op == "degree" or any(map(_has_degrees, tree.args))
