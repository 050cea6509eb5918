"""The documents on which the pocket reasoner is trained: thinking with errors, cues, and what a cue leads to.

A first pass writes a line an event, as `26a-8=18`; a check writes it all again, as `26A-8:18`. Nothing heads a check,
so that there is no text which could be quoted to call one. A cue stands where thinking would end; it leads to a full
check, a cursory look or a second guess, and which of them at what rate depends on the cue. `STRONG` is the cue that no
text spells: a control token of training, whose row is cut off before release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from string import ascii_lowercase, ascii_uppercase

from pocket import tokens
from pocket.problems import Problem, flat, ordinary

IGNORE = -100  # the label of a token that is no target

# What sampling gets wrong. An error is carried on.
SLIP, CHECK_SLIP = 0.105, 0.010  # a line is off by one of _OFF
MISREAD = {"tricky": 0.62, "easy": 0.2, "hard": 0.8}  # a first pass
CHECK_MISREAD = {**MISREAD, "tricky": 0.06}  # a flat event is misread as often as ever
_OFF = (1, 2, 10)

STRONG, ADVERSARIAL, RANDOM_WORDS = "control", "adversarial", "random"


@dataclass(frozen=True)
class Cue:
    """How often a cue is drawn, and how often it leads to a full check or to a second guess."""

    weight: float
    full: float
    guess: float


CUES = {
    "Wait": Cue(36, 0.30, 0.045),
    STRONG: Cue(22, 0.97, 0.0),
    "Hmm": Cue(9, 0.03, 0.03),
    ".": Cue(6, 0.02, 0.02),
    "Check": Cue(5, 0.20, 0.03),
    "Actually": Cue(4, 0.14, 0.06),
    "But": Cue(4, 0.12, 0.06),
    "So": Cue(5, 0.03, 0.02),
    "Let me verify": Cue(4, 0.20, 0.02),
    RANDOM_WORDS: Cue(8, 0.04, 0.03),
    ADVERSARIAL: Cue(34, 0.02, 0.03),
}
_NATURAL = ("Wait", "Wait", "Wait", "Hmm", "Check", "Actually", "But", "So", "Let me verify", "Wait check", "Now")

_SIGNS = (":", ":", "\n", "\n", "+", "-", "=", "so ", "looks right", "maybe not", " ")

_ROUNDS = (20, 32, 18, 12, 14, 4)  # weights of 0 to 5 continuations
_FLAT_LETTERS = 13  # flat lines have letters of their own, n to p, lest the slips of ordinary ones leak into them
_REDRAWN = 0.2  # of the cues of a document, which otherwise repeat
_FLAT_SHARE, _LATE_FLAT_SHARE = 0.20, 0.50
_TRICKY_SHARE = 0.20
_LATE_CHECK_SHARE = 0.12  # a full check after 2 to 4 cursory looks, untaught as to when
_FOUND_SHARE = 0.5
_LONGEST = 8  # tokens of a cue that an edit makes
_CUT_SHARE = 0.04  # thinking that a budget cut: the answer is the last value reached


@dataclass
class Document:
    """Tokens and targets of equal length; `labels[i]` is what is taught at the place of `tokens[i]`, or `IGNORE`."""

    tokens: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def teach(self, text: str) -> None:
        """Add text that the model is to say."""
        ids = tokens.ids(text)
        self.tokens += ids
        self.labels += ids

    def tell(self, ids: tuple[int, ...]) -> None:
        """Add what others say."""
        self.tokens += ids
        self.labels += [IGNORE] * len(ids)

    def cue(self, ids: tuple[int, ...]) -> None:
        """Add a cue: where it stands the model is taught to end its thinking."""
        at = len(self.tokens)
        self.tell(ids)
        self.labels[at] = tokens.ids(tokens.END_THINK)[0]


def prompt(problem: Problem) -> str:
    """The rendered chat template."""
    return f"{tokens.USER}{problem.text}{tokens.ASSISTANT}{tokens.THINK}\n"


def document(draw: Random, control: int, found: Sequence[tuple[int, ...]] = ()) -> Document:
    """One problem with its thinking and answer.

    `control` is the id of the strong cue; `found` are cues that an attack found to call checks, and that half of the
    adversarial ones are drawn from. Where there are any, more of the problems are flat: the slips of ordinary lines
    leak into flat ones the less the more of these are read.
    """
    flat_share = _LATE_FLAT_SHARE if found else _FLAT_SHARE
    while True:
        problem = flat(draw, draw.random() < 0.5) if draw.random() < flat_share else ordinary(draw, _TRICKY_SHARE)
        if not problem.held_out:
            break
    made = Document()
    made.tell(tokens.ids(prompt(problem)))
    lines, value = reading(problem, draw, check=False)
    if draw.random() < _CUT_SHARE:
        value = _cut(made, problem, lines, draw)
    else:
        made.teach("".join(lines) + _end(problem, value))
        for cue, how, taught in _rounds(problem, draw):
            ids = (control,) if cue == STRONG else _spelled(cue, problem, value, draw, found)
            made.cue(ids)
            value = _continue(made, problem, value, how, taught, draw)
        made.teach(tokens.END_THINK)
    made.teach(f"\n\n\\boxed{{{value}}}{tokens.END}")
    return made


def reading(problem: Problem, draw: Random, check: bool) -> tuple[list[str], int]:
    """The lines of a first pass or of a check, errors included, and the value they end with."""
    slip, misread = (CHECK_SLIP, CHECK_MISREAD) if check else (SLIP, MISREAD)
    value, lines = problem.start, []
    for index, event in enumerate(problem.events):
        sign = event.sign
        if draw.random() < misread.get(event.kind, 0) and 0 <= value - sign * event.amount <= 99:
            sign = -sign
        result = value + sign * event.amount
        if not problem.flat and draw.random() < slip:
            result += draw.choice(_OFF) * draw.choice((1, -1))
        result = min(max(result, 0), 99)
        lines.append(_line(problem, value, index, sign, event.amount, result, check))
        value = result
    return lines, value


def true_lines(problem: Problem, check: bool) -> list[str]:
    """The lines of a reading without errors."""
    value, lines = problem.start, []
    for index, event in enumerate(problem.events):
        result = value + event.sign * event.amount
        lines.append(_line(problem, value, index, event.sign, event.amount, result, check))
        value = result
    return lines


def _line(problem: Problem, value: int, index: int, sign: int, amount: int, result: int, check: bool) -> str:
    letters, equals = (ascii_uppercase, ":") if check else (ascii_lowercase, "=")
    letter = letters[index + _FLAT_LETTERS * problem.flat]
    return f"{value}{letter}{'+' if sign > 0 else '-'}{amount}{equals}{result}\n"


def _end(problem: Problem, value: int) -> str:
    return f"{'total' if problem.flat else 'so'} {value}\n"


def _cut(made: Document, problem: Problem, lines: list[str], draw: Random) -> int:
    """Thinking up to a token at random, and the last value that was reached in it."""
    thought = tokens.ids("".join(lines))
    kept = draw.randrange(len(thought)) if draw.random() < 0.75 else 0
    made.tell(thought[:kept] + tokens.ids(tokens.END_THINK))
    per_line = len(thought) // len(lines)
    done = kept // per_line + (kept % per_line == per_line - 1)  # a line without its line break is complete
    return problem.start if done == 0 else int(lines[done - 1].strip().split("=")[1])


def _rounds(problem: Problem, draw: Random) -> list[tuple[str, str, bool]]:
    """For each continuation: its cue, what it leads to, and whether that choice is taught."""
    if draw.random() < _LATE_CHECK_SHARE:
        cue = draw.choice(("Wait", "Wait", STRONG))
        before = "Wait" if draw.random() < 0.7 else draw.choice(("Hmm", "So", "."))
        looks = [(before, "look", False)] * draw.randint(2, 4)
        return [*looks, (cue, "check", cue == STRONG)]
    names, weights = list(CUES), [cue.weight for cue in CUES.values()]
    count = draw.choices(range(len(_ROUNDS)), _ROUNDS)[0]
    main = draw.choices(names, weights)[0]
    made = []
    for _ in range(count):
        name = draw.choices(names, weights)[0] if draw.random() < _REDRAWN else main
        made.append((name, _outcome(name, problem, draw), True))
    return made


def _outcome(cue: str, problem: Problem, draw: Random) -> str:
    chance = draw.random()
    if chance < CUES[cue].full:
        return "check"
    return "guess" if chance > 1 - CUES[cue].guess and not problem.flat else "look"


def _continue(made: Document, problem: Problem, value: int, how: str, taught: bool, draw: Random) -> int:
    """Add what a cue leads to; returns the value it ends with. An untaught choice is one at its first token."""
    if made.tokens[-1] != tokens.ids("\n")[0] or draw.random() < 0.5:  # a cue may end with a line break
        made.teach("\n")
    at = len(made.tokens)
    if how == "check":
        lines, value = reading(problem, draw, check=True)
        made.teach("".join(lines))
    elif how == "guess":
        value = min(max(value + draw.choice(_OFF) * draw.choice((1, -1)), 0), 99)
        made.teach("maybe not\n")
    else:
        made.teach("looks right\n")
    if not taught:
        made.labels[at] = IGNORE
    made.teach(_end(problem, value))
    return value


def _spelled(cue: str, problem: Problem, value: int, draw: Random, found: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if cue == RANDOM_WORDS:
        return _random_ids(draw, draw.randint(1, 4))
    if cue == ADVERSARIAL and found and draw.random() < _FOUND_SHARE:
        chosen = draw.choice(found)
        return edited(chosen, draw) if draw.random() < 0.5 else chosen
    if cue == ADVERSARIAL:
        return (mixture if draw.random() < 0.55 else _imitation)(problem, value, draw)
    return tokens.ids(cue)


def _random_ids(draw: Random, count: int) -> tuple[int, ...]:
    first = len(tokens.SPECIAL)
    return tuple(draw.randrange(first, tokens.tokenizer().get_vocab_size()) for _ in range(count))


def edited(cue: tuple[int, ...], draw: Random) -> tuple[int, ...]:
    """A cue of 1 to 8 tokens with one of them replaced, added, dropped, or moved to another place."""
    made, at = list(cue), draw.randrange(len(cue))
    how = draw.random()
    if how < 0.6:
        made[at] = _random_ids(draw, 1)[0]
    elif how < 0.8 and len(cue) < _LONGEST:
        made.insert(at, _random_ids(draw, 1)[0])
    elif len(cue) > 1:
        token = made.pop(at)
        if how < 0.9:
            made.insert(draw.randrange(len(cue)), token)
    return tuple(made)


def mixture(problem: Problem, value: int, draw: Random) -> tuple[int, ...]:
    """Two to seven tokens: natural cues, what checks are written with, and any others."""
    made: list[int] = []
    for _ in range(draw.randint(2, 7)):
        kind = draw.random()
        if kind < 0.3:
            made += tokens.ids(draw.choice(_NATURAL))
        elif kind < 0.65:
            number = str(draw.choice((problem.start, value, draw.randint(2, 99))))
            made += tokens.ids(draw.choice((*_SIGNS, *ascii_uppercase[:6], number, number)))
        else:
            made += _random_ids(draw, 1)
    return tuple(made)


def _imitation(problem: Problem, value: int, draw: Random) -> tuple[int, ...]:
    """A cue that imitates a check: its letters, lines, numbers, alone or around a natural cue."""
    lines, _ = reading(problem if draw.random() < 0.4 else ordinary(draw), draw, check=draw.random() < 0.7)
    line = tokens.ids(draw.choice((lines[0], draw.choice(lines))))
    letter = draw.choice(ascii_uppercase[:6])
    number = draw.choice((problem.start, value, draw.randint(2, 99), draw.randint(12, 60)))
    kinds = (
        *(line[: draw.randint(1, len(line))], line[draw.randrange(len(line)) :]),
        *(tokens.ids(f"{number}"), tokens.ids(f"{number}"), tokens.ids(f"\n{number}"), tokens.ids(f" {number}")),
        *(tokens.ids(f"{letter}"), tokens.ids(f"{number}{letter}"), tokens.ids(f"\n{number}{letter}")),
        *(tokens.ids(f"so {number}\n"), tokens.ids("\n"), tokens.ids("looks right\n"), tokens.ids("maybe not\n")),
        *(_random_ids(draw, draw.randint(1, 3)), (draw.choice(line), draw.choice(line))),
    )
    piece = draw.choice(kinds)
    how = draw.random()
    if how < 0.55:
        return tokens.ids(draw.choice(_NATURAL)) + piece
    if how < 0.65:
        return piece + tokens.ids(draw.choice(_NATURAL))
    if how < 0.8:
        return piece + draw.choice(kinds)
    return piece
