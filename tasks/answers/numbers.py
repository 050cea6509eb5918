"""Numbers as they are worked with: fractions where they are exact, else 90 digits; and one text for each value."""

from __future__ import annotations

import hashlib
import threading
from fractions import Fraction
from typing import Any

DIGITS = 90  # worked with
SHOWN = 25  # compared
ZERO = 45  # digits by which terms may cancel before what is left counts as nothing
BITS = 2**15  # of an exact number; larger ones are worked with to `DIGITS`
_WRITTEN = 1200  # bits of a number that is written out; larger ones are shown in part, with a digest
_FOLDED = 10**20  # largest denominator that an inexact number is taken for
_TOLD = 10**40  # beyond this size times denominator squared any number is near some fraction

Value = Any  # Fraction, or mpf or mpc of the thread's context: mpmath has no types
_local = threading.local()


def context() -> Any:  # noqa: ANN401
    """This thread's own precision: mpmath's global context is anybody's to change."""
    if not hasattr(_local, "context"):
        import mpmath  # a quarter of a second, which plain numbers do not need

        _local.context = mpmath.MPContext()
        _local.context.dps = DIGITS
    return _local.context


def inexact(value: Value) -> Value:
    """The value to 90 digits."""
    return context().mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def is_real(value: Value) -> bool:
    """Whether the value has no imaginary part."""
    return not hasattr(value, "imag") or value.imag == 0


def whole_root(n: int, index: int) -> int | None:
    """The root of a whole number, if it is one."""
    if n.bit_length() > BITS:
        return None
    guess = round(n ** (1 / index)) if n.bit_length() < 50 else int(context().root(n, index) + 0.5)
    return next((near for near in (guess - 1, guess, guess + 1) if near >= 0 and near**index == n), None)


def tidy(value: Value) -> Value:
    """A complex number whose imaginary part is nothing beside it as a real one, and the other way round."""
    mp = context()
    if not isinstance(value, mp.mpc):
        return value
    size = abs(value) * mp.mpf(10) ** -ZERO
    if abs(value.imag) <= size:
        return value.real
    return mp.mpc(0, value.imag) if abs(value.real) <= size else value


def settled(value: Value) -> Value:
    """The value, as a fraction where it is one to all digits: one number has one form, however it was worked out."""
    mp = context()
    if isinstance(value, Fraction):
        return value
    value = tidy(value)
    if value == 0:
        return Fraction(0)
    if isinstance(value, mp.mpc) or abs(mp.mag(value)) > 200:
        return value
    exact = Fraction(int(mp.nint(value * 2**600)), 2**600)
    near = exact.limit_denominator(_FOLDED)
    if near.denominator > 1 and abs(near) * near.denominator**2 > _TOLD:
        return value
    return near if abs(exact - near) <= abs(near) / 10 ** (ZERO + 10) else value


def shown(value: Value) -> str:
    """A number as text, the same for equal numbers: 3/4, sqrt(2), 2/3*pi, or 25 digits."""
    mp = context()
    if isinstance(value, Fraction):
        if value.numerator.bit_length() + value.denominator.bit_length() <= _WRITTEN:
            return str(value)
        exactly = hashlib.blake2b(f"{value.numerator:x}/{value.denominator:x}".encode(), digest_size=6).hexdigest()
        return f"{mp.nstr(inexact(value), SHOWN)} #{exactly}"
    if isinstance(value, mp.mpc):
        real, imag = shown(settled(value.real)), shown(settled(value.imag))
        imag = {"1": "i", "-1": "-i"}.get(imag, f"{imag}*i")
        return imag if value.real == 0 else f"{real}{'' if imag.startswith('-') else '+'}{imag}"
    over = settled(value / mp.pi)
    if isinstance(over, Fraction) and over.denominator < 10**9:
        return {"1": "pi", "-1": "-pi"}.get(str(over), f"{over}*pi")
    square = settled(value * value)
    if isinstance(square, Fraction) and max(abs(square.numerator), square.denominator) < 10**12:
        return _surd(square, "-" if value < 0 else "")
    return str(mp.nstr(value, SHOWN))


def _surd(square: Fraction, sign: str) -> str:
    """The root of a fraction as a fraction times the root of a whole number: 2/3*sqrt(3)."""
    outside, inside = Fraction(1, square.denominator), square.numerator * square.denominator
    for factor in range(2, 1000):
        while inside % factor**2 == 0:
            outside, inside = outside * factor, inside // factor**2
    return f"{sign}sqrt({inside})" if outside == 1 else f"{sign}{outside}*sqrt({inside})"
