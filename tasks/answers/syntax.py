"""Reads one expression, as people and LaTeX write it, into a tree. Containers and relations are read elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tts_bench.tasks.answers.literals import exact, repeating, too_large
from tts_bench.tasks.answers.spelling import closing, without_text

_DEPTH = 40  # levels of brackets, fractions and powers
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+(?![\d.A-Za-z(\\]))?|\.\d+|\d+\.(?!\d)")
_DOTTED = re.compile(r"\d\.\d+\.\d")  # neither a number nor a product of two: 1.000.000
_REPEATING = re.compile(r"(?P<head>\d*\.\d*)\\(?:overline|bar|dot)\s*\{?(?P<again>\d+)\}?")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi "
    "psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar partial nabla"
).split()
_FUNCTIONS = (
    "arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth sin cos tan cot sec csc ln log lg exp sqrt "
    "floor abs gcd lcm max min"
).split()
GREEK_NAMES = (  # read without a backslash too; shorter ones are products, or words
    "alpha beta gamma delta epsilon theta iota kappa lambda sigma upsilon omega phi rho tau zeta"
).split()
_PLAIN = re.compile(rf"({'|'.join((*_FUNCTIONS, *GREEK_NAMES))}|pi|infty|infinity|inf|oo)(?![A-Za-z])")
_ONE_ARGUMENT = re.compile(r"\(\s*-?\s*(?:[\d.]+|[A-Za-z]|\\[a-z]+)\s*\)")
_ACCENTS = ("overline", "bar", "hat", "vec", "dot", "ddot", "tilde", "widehat", "overrightarrow", "mathbb", "mathfrak")
_APPLIED = re.compile(r"\(\s*(?:0|[a-z]|\\[a-z]+)\s*\)")  # the argument of a function that has but a name
_TIMES = re.compile(r"\\(?:cdot|times|ast)(?![A-Za-z])|\*")
_OVER = re.compile(r"/|\\(?:div|slash)(?![A-Za-z])")
_FACTOR = re.compile(
    r"\\(?!(?:cup|cap|in|le|ge|ne|rbrace|end|rangle|mid|rfloor|rceil)(?![A-Za-z]))[A-Za-z]|[0-9A-Za-z.({]"
)
_ARGUMENT = re.compile(r"[0-9A-Za-z.]|\\[a-z]")
_OPENER = re.compile(r"[({|[]")
_DEGREE = re.compile(r"\^\\circ ?(?![A-Za-z])")
_FACTORIAL = re.compile(r"!(?!=)")
_DIGIT, _DIGITS, _ONE_LETTER = re.compile(r"\d"), re.compile(r"\d\d"), re.compile("[A-Za-z]")
_MIXED = re.compile(
    r" ?(?:\\frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))|(?<= )(\d+) ?/ ?(\d+))(?![\d^])"
)
_INDEX = re.compile(r"\\[A-Za-z]+|\d+|.", re.DOTALL)
_SUBSCRIPT = re.compile(r"_(?!_)")
_SUPERSCRIPT = re.compile(r"\^(?!\\circ)")
_RUN = re.compile(r"\\?([A-Za-z]+)")
_BETWEEN = ("cdot", "times", "cup", "in", "le", "ge", "ne", "div")  # commands that end a function's argument
_DIFFERENTIAL = re.compile(r"\\frac\{\s*(d\^?\d?\s*\\?[A-Za-z]+)\s*\}\{\s*(d\s*[A-Za-z](?:\^\{?\d\}?)?)\s*\}")


class Unreadable(Exception):
    """What is written is no expression, or one of too many levels."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: `number` (value), `symbol` (name), or the name of a function with its arguments."""

    op: str
    args: tuple[Node, ...] = ()
    value: Fraction = Fraction(0)
    name: str = ""


def parse(text: str) -> Node:
    """The tree of an expression in the spelling of `spelling.plain`.

    Raises:
        Unreadable: it is no expression.
    """
    if _DOTTED.search(text):
        raise Unreadable(text)
    reader = _Reader(without_text(text))
    tree = reader.sum()
    reader.skip()
    if reader.place < len(reader.text):
        raise Unreadable(reader.text[reader.place :])
    return tree


def number(value: int | Fraction) -> Node:
    return Node("number", value=Fraction(value))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.depth = 0
        self.bars = 0  # open absolute values: the next bar closes one

    def skip(self) -> None:
        while self.place < len(self.text) and self.text[self.place] == " ":
            self.place += 1

    def peek(self, pattern: re.Pattern[str] | str) -> str:
        """What comes next, if it is this text or matches this pattern; else nothing."""
        self.skip()
        if isinstance(pattern, str):
            return pattern if self.text.startswith(pattern, self.place) else ""
        match = pattern.match(self.text, self.place)
        return match[0] if match else ""

    def take(self, pattern: re.Pattern[str] | str) -> str:
        found = self.peek(pattern)
        self.place += len(found)
        return found

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > _DEPTH:
            raise Unreadable("too many levels")
        terms = [self.term()]
        while sign := self.take("+") or self.take("-"):
            term = self.term()
            terms.append(term if sign == "+" else Node("*", (number(-1), term)))
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Node("+", tuple(terms))

    def term(self) -> Node:
        if self.take("+"):
            return self.term_after_sign()
        if self.take("-"):
            return Node("*", (number(-1), self.term_after_sign()))
        return self.product()

    def term_after_sign(self) -> Node:
        self.depth += 1
        if self.depth > _DEPTH:
            raise Unreadable("too many signs")
        term = self.term()
        self.depth -= 1
        return term

    def product(self) -> Node:
        found = self.factor()
        while True:
            if self.take(_TIMES):
                found = Node("*", (found, self.signed()))
            elif self.take(_OVER):
                found = Node("/", (found, self.denominator()))
            elif self.peek(_FACTOR) or (not self.bars and self.peek("|")):
                found = Node("*", (found, self.factor()))
            else:
                return found

    def denominator(self) -> Node:
        """What stands below a slash: letters right after each other belong together, as in t/RC; 1/2x is half of x."""
        found = self.signed()
        while self.place and self.text[self.place - 1].isalpha() and _ONE_LETTER.match(self.text, self.place):
            found = Node("*", (found, self.factor()))
        return found

    def signed(self) -> Node:
        return Node("*", (number(-1), self.factor())) if self.take("-") else self.factor()

    def factor(self) -> Node:
        """An atom with its powers, factorials, degrees and percent signs."""
        found = self.atom()
        while True:
            if self.take(_DEGREE):
                found = Node("degree", (found,))
            elif self.take("^"):
                found = Node("^", (found, self.group()))
            elif self.take(_FACTORIAL):
                found = Node("factorial", (found,))
            elif not self.take("%"):
                return found

    def group(self) -> Node:
        r"""The argument of `^`, `\frac` or `\sqrt`: a braced group, a number, a letter or a command."""
        self.skip()
        if self.peek("{"):
            return self.sum_in("{", "}")
        if self.take("-"):
            return Node("*", (number(-1), self.group()))
        return self.atom()

    def digit_or_group(self) -> Node:
        if digit := self.take(_DIGIT):
            return number(int(digit))
        return self.group()

    def expect(self, closer: str) -> None:
        if not self.take(closer):
            raise Unreadable(f"{closer} is missing")

    def atom(self) -> Node:
        self.skip()
        if match := _REPEATING.match(self.text, self.place):
            self.place = match.end()
            return number(repeating(match["head"], match["again"]))
        if literal := self.take(_NUMBER):
            if too_large(literal):
                raise Unreadable("too large")
            return self.mixed(number(exact(literal)))
        if derivative := self.take(_DIFFERENTIAL):
            return Node("symbol", name=re.sub(r"\\frac|[{}\s]", "", derivative))
        if self.peek(_PLAIN):
            return self.command(self.take(_PLAIN))
        if match := _COMMAND.match(self.text, self.place):
            return self.command(self.shortened(match))
        if letter := self.take(_ONE_LETTER):
            return self.symbol(letter)
        for opener, closer in (("(", ")"), ("[", "]"), ("{", "}")):
            if self.peek(opener):
                return self.sum_in(opener, closer)
        if self.take("|"):
            self.bars += 1
            inner = self.sum()
            self.bars -= 1
            self.expect("|")
            return Node("abs", (inner,))
        raise Unreadable(self.text[self.place :] or "nothing")

    def mixed(self, whole: Node) -> Node:
        """1 1/2 and `1\\frac{1}{2}` are sums; a whole number before anything else is a factor."""
        match = _MIXED.match(self.text, self.place)
        if whole.value.denominator != 1 or not match:
            return whole
        top, below = (int(part) for part in match.groups() if part)
        if below == 0 or top >= below:
            return whole
        self.place = match.end()
        return number(whole.value + Fraction(top, below))

    def shortened(self, match: re.Match[str]) -> str:
        """The command here; of one that nobody knows, the Greek letter that it begins with: `\\omegat`."""
        name = match[1]
        known = name in _GREEK or name in _FUNCTIONS or name in _ACCENTS
        if not known:
            heads = [head for head in (*_GREEK, "pi") if name.startswith(head) and head != name]
            name = max(heads, key=len, default=name)
        self.place += 1 + len(name)
        return name

    def command(self, name: str) -> Node:
        if name == "frac":
            return Node("/", (self.digit_or_group(), self.digit_or_group()))
        if name == "sqrt":
            index = self.sum_in("[", "]") if self.peek("[") else number(2)
            return Node("root", (self.group(), index))
        if name == "binom":
            return Node("binom", (self.digit_or_group(), self.digit_or_group()))
        if name in ("lfloor", "lceil"):
            inner = self.sum()
            self.expect("\\r" + name[1:])
            return Node(name[1:], (inner,))
        if name in ("pi", "infty", "infinity", "inf", "oo"):
            return Node("pi" if name == "pi" else "infty")
        if name in _GREEK:
            return self.symbol(name)
        if name in _ACCENTS:
            return self.symbol(f"{name}({self.raw()})")
        if name in _FUNCTIONS:
            return self.function(name)
        raise Unreadable(name)

    def sum_in(self, opener: str, closer: str) -> Node:
        self.expect(opener)
        bars, self.bars = self.bars, 0
        inner = self.sum()
        self.bars = bars
        self.expect(closer)
        return inner

    def raw(self) -> str:
        """The text of a braced group, or one character: part of a name."""
        self.skip()
        if self.peek("{"):
            end = closing(self.text, self.place)
            if end < 0:
                raise Unreadable("} is missing")
            inner = self.text[self.place + 1 : end]
            self.place = end + 1
            return "".join(inner.split())
        return self.take(_INDEX)

    def symbol(self, name: str) -> Node:
        while mark := self.take("'") or self.take(_SUBSCRIPT):
            name += "'" if mark == "'" else f"_{self.raw()}"
        if name == "e":
            return Node("e")
        if name == "i":
            return Node("i")
        letter = name[0] if len(name) == 1 or name[1] in "_'" else ""
        if self.peek("(") and letter and self.is_function(name, letter):
            return Node("call", (self.sum_in("(", ")"),), name=name)
        # C and c are both written for the constant of integration.
        return Node("symbol", name=name.replace("C", "c", 1) if letter == "C" else name)

    def is_function(self, name: str, letter: str) -> bool:
        """Whether a letter before brackets is a function, as in f(x+1); h(R+r) is a height times a sum."""
        if letter.isupper():
            return bool(self.peek(_APPLIED))
        if letter not in "fgh":
            return False
        if self.peek(_ONE_ARGUMENT):
            return True
        letters = _PLAIN.sub(" ", _COMMAND.sub(" ", self.text))
        return letter != "h" and not re.search(rf"{re.escape(name)}(?!['_]| ?\(|\^\{{?-1)", letters)

    def function(self, name: str) -> Node:
        base = None
        power: Node | None = None
        while mark := self.take("_") or self.take(_SUPERSCRIPT):
            if mark == "_":
                base = self.digit_or_group() if not self.peek(_DIGITS) else self.group()
            else:
                power = self.group()
        argument = self.argument()
        if name == "log" and base is not None:
            found = Node("/", (Node("ln", (argument,)), Node("ln", (base,))))
        elif name == "lg":
            found = Node("/", (Node("ln", (argument,)), Node("ln", (number(10),))))
        else:
            # Without a base `log` is the natural one: mathematicians mean it, and nobody boxes a common logarithm.
            found = Node(
                {"log": "ln", "sqrt": "root"}.get(name, name), (argument, number(2)) if name == "sqrt" else (argument,)
            )
        if power is None:
            return found
        if power == Node("*", (number(-1), number(1))) and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            return Node(f"arc{name}", (argument,))
        return Node("^", (found, power))

    def argument(self) -> Node:
        r"""Of a function: what is in brackets, else all factors up to a sign or another function, as in `\sin 2x`."""
        if self.peek(_OPENER):
            return self.atom()
        found = self.signed()
        while self.peek(_ARGUMENT) and not self.next_is_function():
            found = Node("*", (found, self.factor()))
        if self.take("/"):
            found = Node("/", (found, self.factor()))
        return found

    def next_is_function(self) -> bool:
        match = _RUN.match(self.text, self.place)
        return match is not None and (match[1] in _FUNCTIONS or match[1] in _BETWEEN)
