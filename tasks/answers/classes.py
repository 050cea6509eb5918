r"""The class of equal answers that an answer belongs to, as a text that a person can read.

Two answers are equal if they have one class. So equality is reflexive, symmetric and transitive, needs no gold answer,
and is what votes count. A class is never a truth value: an equation says what its unknown or its last side is worth.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from tts_bench.tasks.answers import intervals, relations, units, words
from tts_bench.tasks.answers.evaluation import Undefined
from tts_bench.tasks.answers.forms import Form, one, several
from tts_bench.tasks.answers.identity import described
from tts_bench.tasks.answers.literals import exact, ungrouped
from tts_bench.tasks.answers.spelling import closing, inwards, plain, split, tight, without_text
from tts_bench.tasks.answers.syntax import Unreadable, parse

LIMIT = 400  # characters; longer answers are compared as they are spelled
_LEVELS = 8  # of brackets and lists within each other

_DIGITS = r"(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d+)"
_NUMERAL = re.compile(
    rf"(?P<sign>[-+]?) ?(?P<whole>{_DIGITS})?(?P<part>\.\d*)?(?: ?(?P<percent>%)|_ ?\{{? ?(?P<base>\d+) ?\}}?)?"
)
_OR = re.compile(r"\\text\{\s*,?\s*or\s*\}|\bor\b|;|\\(?:lor|vee)(?![A-Za-z])")
_AND = re.compile(r"\\text\{\s*,?\s*(?:and|&)\s*\}|\band\b|,|\\(?:land|wedge)(?![A-Za-z])")
_LEAD_WORDS = (
    r"(?:(?:the )?(?:final )?answer(?: is)?\s*:?|about|approximately|approx\.?|nearly|roughly|exactly|total:|:)\s*"
)
_LEAD = re.compile(
    rf"\\text\{{\s*{_LEAD_WORDS}\}}\s*(?=\S)|{_LEAD_WORDS}(?=\S)|\\(?:therefore|implies|Rightarrow)\b", re.IGNORECASE
)
_SUCH_THAT = re.compile(r"\\mid(?![A-Za-z])|\||:")
_BUILDER = re.compile(
    r"(?:\s*(?P<name>[a-zA-Z])\s*(?:\\in(?![A-Za-z])(?P<domain>[^|:]+?))?|[^|:]*?)\s*"
    r"(?:\\mid(?![A-Za-z])|\||:)(?P<condition>.*)",
    re.DOTALL,
)
_BRACKETS = {"(": ")", "[": "]", r"\lbrace": r"\rbrace", r"\langle": r"\rangle"}
_MATRIX = re.compile(
    r"\\begin\{(?P<kind>[pbBvV]?(?:small)?matrix|array)\}(?:\{[^{}]*\})?(?P<rows>.*?)\\end\{(?P=kind)\}", re.DOTALL
)
_JOINING = re.compile(r"\\text\{([^{}]*?)[ ,]*\b(and|or|except(?: for)?|other than)\b ?([^{}]*)\}")
_ENDLESS = re.compile(r"(\d*\.\d*?)(\d+?)\2+(?:\.\.\.|\\l?dots|\\cdots|\u2026)")
_FACTOR = re.compile(r"-?(?:\d+|\d*\\(?:frac|sqrt)[^&]{1,30}|[a-z])\s*|-\s*")
_EXCEPT = re.compile(r"\bexcept(?: for)?\b|\bother than\b")
_CUP, _CAP = re.compile(r"\\cup(?![A-Za-z])"), re.compile(r"\\cap(?![A-Za-z])")
_WITHOUT = re.compile(r"\\(?:setminus|backslash)(?![A-Za-z])|-(?=\s*\\lbrace)")
_MODULUS = re.compile(r"\\pmod\{\d+\}")
_TO = re.compile(r"(\d+) ?(?:\\text\{ ?to ?\}|to) ?(\d+)")
_CASES = re.compile(
    r"(?:\\lbrace ?)?\\begin\{(?P<kind>cases|aligned|align\*?|gathered|split)\}(?P<rows>.*?)\\end\{(?P=kind)\}"
    r"|\\lbrace ?\\begin\{array\}(?:\{[^{}]*\})?(?P<array>.*?)\\end\{array\}",
    re.DOTALL,
)
_PIECE = re.compile(r"([^&]*[^&=<> ]) ?&(?! ?(?:[=<>]|\\[lg]e))([^&]+)")  # beside a sign of relation `&` is layout
_WHERE = re.compile(r"(?:if|for|when)\b")
_MARKDOWN = re.compile(r"\*[^*]+\*|_[^_]+_")
_SUBSCRIPTED = re.compile(
    r"\(?(?P<digits>-?[0-9A-F.]*\d[0-9A-F.]*)\)?(?:_\{?\(?(?:base-?)?|,?\(?(?:in)?base-?)"
    r"(?:(?P<base>\d+)|(?P<word>[a-z]{2,}))\)?\}?"
)
_PLUS_MINUS = re.compile(r"\\(pm|mp)(?![A-Za-z])")
_ALL_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_PARTED = re.compile(r"[,;=<>]|\b(?:and|or|except|other than)\b")


@lru_cache(maxsize=2**15)
def classify(answer: str) -> str:
    """The class of an answer as it stands in its box; empty where there is nothing in it. Raises nothing."""
    if len(answer) > LIMIT:
        return tight(answer)
    if quick := _numeral(answer):
        return quick
    spelled = _without_lead(plain(answer)) if answer else ""
    if not spelled:
        return ""
    try:
        return _form(spelled, _LEVELS).text
    except (ArithmeticError, ValueError, TypeError, RecursionError):  # of a notation that nobody foresaw
        return tight(spelled)


def _without_lead(text: str) -> str:
    """The answer without `The answer is` before it."""
    lead = _LEAD.match(text.strip())
    return text.strip()[lead.end() :] if lead else text.strip()


def _numeral(spelled: str) -> str | None:
    """The value of a plain number, such as 1,000 or 50%; digits in another base as they are written, 52_8."""
    match = _NUMERAL.fullmatch(spelled)
    if not match or not (match["whole"] or len(match["part"] or "") > 1):
        return None
    whole, part = re.sub("[, ]", "", match["whole"] or "0"), match["part"] or ""
    sign = "-" if match["sign"] == "-" else ""
    if match["base"]:
        return f"{sign}{whole.lstrip('0') or '0'}{part}_{match['base']}"
    value = exact(whole + (part if len(part) > 1 else ""))
    return str(-value if sign else value)


def _form(text: str, levels: int, *, inside: bool = False) -> Form:
    """What a spelled answer says; `inside`: it stands in brackets, where 1,000 is two numbers."""
    text = text.strip().strip(",").strip()
    if levels <= 0:
        return one(tight(text))
    if marked := _ALL_TEXT.fullmatch(text):
        inner = _without_lead(marked[1])
        bare = units.without_units(inner)
        text = inner if _PARTED.search(inner) or inner != marked[1].strip() else bare if _numeral(bare) else text
    elif _PARTED.search(text):
        text = _JOINING.sub(r"\\text{\1} \2 \\text{\3}", text)
        text = text.replace(r"\text{}", "").replace(r"\text{ }", "")
    money = units.without_currency(words.scaled_money(text))
    if value := (_numeral(money) or _in_words(money)):
        return one(value)
    if not inside:
        money = ungrouped(money)
    if r"\equiv" not in money:  # a remainder is known by itself
        money = _MODULUS.sub("", money).strip()
    money = _TO.sub(r"\1:\2", money)
    if cases := _CASES.fullmatch(money):
        rows = [row.strip() for row in (cases["rows"] or cases["array"] or "").split(r"\\") if row.strip()]
        pieces = [piece.groups() for piece in map(_PIECE.fullmatch, rows) if piece]
        if rows and len(pieces) == len(rows):
            return one(_piecewise(pieces, levels))
        money = re.sub(r", (?==)", " ", ", ".join(row.replace("&", "").rstrip(",") for row in rows))
    money = inwards(money)
    money = _ENDLESS.sub(r"\1\\overline{\2}", money)
    if found := _difference(money, _EXCEPT, levels) or _items(money, levels) or _combined(money, levels):
        return found
    if related := relations.read(money, lambda part: _form(part, levels - 1)):
        return related
    if bracketed := _bracketed(money, levels):
        return bracketed
    bare = units.without_units(money)
    if bare != money:
        return _form(bare, levels - 1, inside=inside)
    return _single(money, levels)


def _in_words(text: str) -> str | None:
    """The class of an answer that is written in words, a time of day or a choice among them."""
    flat = without_text(text)
    if known := words.set_of_numbers(flat):
        return known
    if not re.search("[A-Za-z:*_]", text):
        return None
    if time := words.clock(flat) or words.date(flat):
        return time
    if _MARKDOWN.fullmatch(flat):
        return _in_words(flat[1:-1]) or _numeral(flat[1:-1])
    if marked := _SUBSCRIPTED.fullmatch(flat.replace(" ", "")):
        return _subscripted(marked)
    value = next(
        (
            v
            for v in (words.value(flat), words.value(units.without_units(flat)), words.with_unit(flat))
            if v is not None
        ),
        None,
    )
    if value is not None:
        return str(value)
    return words.choice(flat)


def _subscripted(marked: re.Match[str]) -> str | None:
    """Digits with their base, 52_8 or 52_{eight}, or with a unit, 18_{dollars}."""
    digits, word = marked["digits"], marked["word"]
    base = marked["base"] or words.value(word)
    if base is not None:
        return f"{digits}_{base}"
    return _numeral(units.without_units(f"{digits} {word}"))


def _items(text: str, levels: int) -> Form | None:
    """A list: alternatives first, then what is joined by commas. Values of several unknowns are one thing."""
    for pattern in (_OR, _AND):
        parts = [part for part in split(text, pattern) if part.strip()]
        if len(parts) < 2:
            continue
        assigned = relations.assignment(parts) if pattern is _AND else None
        if assigned:
            return Form("one", (f"({', '.join(_form(part, levels - 1).text for part in assigned)})",))
        forms = [_form(part, levels - 1) for part in parts]
        if interval := relations.joined([form.text for form in forms], parts, either=pattern is _OR):
            return one(interval)
        found = [item for form in forms for item in form.parts]
        return several(list(dict.fromkeys(found)) if pattern is _OR else found)
    return None


def _difference(text: str, pattern: re.Pattern[str], levels: int) -> Form | None:
    """A set without the numbers of another."""
    parts = split(text, pattern)
    if len(parts) != 2:
        return None
    return one(intervals.without(_form(parts[0], levels - 1).text, _form(parts[1], levels - 1).parts))


def _combined(text: str, levels: int) -> Form | None:
    """Sets that are joined, cut with each other, or taken from one another."""
    for pattern, combine in ((_CUP, intervals.union), (_CAP, intervals.intersection)):
        parts = split(text, pattern)
        if len(parts) > 1 and (found := combine([_form(part, levels - 1).text for part in parts])):
            return one(found)
    return _difference(text, _WITHOUT, levels)


def _built(builder: re.Match[str], levels: int) -> str | None:
    """The set of real numbers that a condition describes, `x | 0 < x < 1`; None where it is no such set."""
    name, domain, condition = builder.groups()
    parts = [part for either in split(condition, _OR) for part in split(either, _AND)]
    if not name or not all(relations.bounds(part, name) for part in parts):
        return None
    return intervals.intersection([_form(each, levels - 1).text for each in (condition, domain or r"\mathbb{R}")])


def _bracketed(text: str, levels: int) -> Form | None:
    """A tuple, an interval or a set, where the first bracket is closed by the last one."""
    opener = next((bracket for bracket in _BRACKETS if text.startswith(bracket)), None)
    if opener is None:
        return None
    inner, closer = _inside(text, opener)
    if inner is None:
        return None
    set_like = opener == r"\lbrace"
    if set_like and (builder := _BUILDER.fullmatch(inner)):
        return one(_built(builder, levels) or "{" + tight(_SUCH_THAT.sub("|", without_text(inner))) + "}")
    if set_like and not inner.strip():
        return one("{}")
    spaced = re.search(r",\s", inner) is not None
    parts = split(ungrouped(inner, spaced=True) if spaced else inner, re.compile("[,;]"))
    if len(parts) == 1 and not set_like:
        return None
    forms = [_form(part, levels - 1, inside=True).text for part in parts]
    if set_like:
        nested = len(parts) == 1 and (parts[0].strip().startswith(r"\lbrace") or forms == ["{}"])
        return one(f"{{{forms[0]}}}") if nested else several(sorted(set(forms)))
    shown_opener, shown_closer = ("(", ")") if opener == r"\langle" else (opener, closer)
    return one(f"{shown_opener}{', '.join(forms)}{shown_closer}")


def _inside(text: str, opener: str) -> tuple[str | None, str]:
    """What stands between `opener` and the bracket that ends the text, if that closes it; and that bracket."""
    closer = next((mark for mark in (r"\rbrace", r"\rangle", ")", "]") if text.endswith(mark)), "")
    if not closer or (opener[0] == "\\") != (closer[0] == "\\") or len(text) < len(opener) + len(closer):
        return None, ""
    short = text.replace(r"\lbrace", "{").replace(r"\rbrace", "}").replace(r"\langle", "(").replace(r"\rangle", ")")
    if closing(short, 0) != len(short) - 1:
        return None, ""
    return text[len(opener) : -len(closer)], closer


def _single(text: str, levels: int) -> Form:
    r"""One expression, both signs of a `\pm`, a matrix, or words; what cannot be read is its own spelling."""
    if _PLUS_MINUS.search(text):
        plus, minus = (_with_sign(text, *signs) for signs in ("+-", "-+"))
        return several(sorted({_form(plus, levels - 1).text, _form(minus, levels - 1).text}))
    if match := _MATRIX.fullmatch(text) or _MATRIX.fullmatch(text[1:-1].strip()):
        return one(_matrix(match, "", levels))
    if (
        (match := _MATRIX.search(text))
        and match.end() == len(text)
        and _FACTOR.fullmatch(factor := text[: match.start()])
    ):
        return one(_matrix(match, factor, levels))
    flat = without_text(text)
    if ":" in flat and (ratio := _ratio(flat, levels)):
        return one(ratio)
    if words.are_words(text, flat):
        return one(words.folded(flat) or tight(flat))
    try:
        return one(_expression(text))
    except (Unreadable, Undefined):
        return one(_unread(flat))


def _matrix(match: re.Match[str], factor: str, levels: int) -> str:
    """Row by row, each entry times the factor before the matrix."""
    rows = [split(row, re.compile("&")) for row in match["rows"].split(r"\\") if row.strip()]
    factor = "-1" if factor.strip() == "-" else factor
    scaled = [[f"({factor})({cell})" if factor else cell for cell in row] for row in rows]
    if len(scaled) == 1 and len(scaled[0]) == 1:
        return _form(scaled[0][0], levels - 1).text
    cells = "; ".join(", ".join(_form(cell, levels - 1).text for cell in row) for row in scaled)
    return f"|{cells}|" if match["kind"].startswith(("v", "V")) else f"[{cells}]"


def _piecewise(rows: list[tuple[str, ...]], levels: int) -> str:
    """A function by its values and where it has them, in any order."""
    parts = [(value, _WHERE.sub("", without_text(where).lstrip())) for value, where in rows]
    return "; ".join(sorted(" for ".join(_form(part, levels - 1).text for part in pair) for pair in parts))


def _with_sign(text: str, plus_minus: str, minus_plus: str) -> str:
    return _PLUS_MINUS.sub(lambda match: plus_minus if match[1] == "pm" else minus_plus, text)


def _unread(flat: str) -> str:
    return tight(flat).replace("\\left", "").replace("\\right", "")


def _ratio(flat: str, levels: int) -> str | None:
    """3:4 in lowest terms; None where a side is no number."""
    sides = [_form(side, levels - 1).text for side in flat.split(":")]
    try:
        values = [Fraction(side) for side in sides]
    except (ValueError, ZeroDivisionError):
        return None
    from math import gcd, lcm

    scale = lcm(*(value.denominator for value in values))
    whole = [int(value * scale) for value in values]
    common = gcd(*whole) or 1
    return ":".join(str(part // common) for part in whole)


def _expression(text: str) -> str:
    tree = parse(text)
    if tree.op == "infty":
        return "oo"
    if tree.op == "*" and len(tree.args) == 2 and tree.args[1].op == "infty" and not tree.args[0].args:
        return "-oo" if tree.args[0].value < 0 else "oo"
    return described(tree)
