r"""Is a gold answer still scored right when it is written differently? Tries equivalent spellings.

python -m benchmarks.respellings [--tasks gsm8k math500] [--data-dir FOLDER]

Each spelling is one that models use and that does not change the answer: `\dfrac` for `\frac`, `\left(`, more or less
space, a full stop, a reordered sum, a unit with or without `\text`, another thousands separator. Prints how many were
tried, the share that is strictly right, in all and by kind, and each that is not. The bound is 99.9%; below it, the
exit code is 1. Without --data-dir, the shipped data are used; hendrycks_math needs a folder or the hub.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tts_bench.tasks.data import load_rows
from tts_bench.tasks.golds import answers
from tts_bench.tasks.scoring import strict

BOUND = 0.999
TASKS = ("gsm8k", "math500")

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_INTEGER = re.compile(r"-?\d{4,}")
_TEXT = re.compile(r"\\(?:text|mbox|textbf|mathrm)(?=\{)")
_SUM = re.compile(r"[A-Za-z0-9+\-*/^_{}()\\ .!]+")
_DIGIT_FRACTION = re.compile(r"\\frac\{(\d)\}\{(\d)\}")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?")
_COMMA = re.compile(r"(?<!\{),(?!\s*\\!)\s*(?!\d{3}(?!\d))")  # 1,000 is one number


def before(command: str) -> Callable[[re.Match[str]], str]:
    """Insert `command` before the matched bracket."""
    return lambda found: command + found[1]


def plainly(text: str) -> Callable[[re.Match[str]], str]:
    """Insert `text` literally: a backslash is not an escape."""
    return lambda _: text


@dataclass(frozen=True)
class Outcome:
    """One spelling of one gold answer."""

    task: str
    row: int  # from 0
    kind: str
    gold: str
    spelling: str
    right: bool


def fractions(gold: str) -> Iterator[str]:
    if r"\frac" in gold:
        yield from (gold.replace(r"\frac", name) for name in (r"\dfrac", r"\tfrac", r"\cfrac"))
        yield _DIGIT_FRACTION.sub(r"\\frac\1\2", gold)


def brackets(gold: str) -> Iterator[str]:
    marks = re.findall(r"[()\[\]]", re.sub(r"\\sqrt\[", "", gold))
    if marks and len(marks) % 2 == 0 and not re.search(r"\\left|\\sqrt\[|\\text|\\mbox|\\begin", gold):
        for size in ("", "big", "Big"):
            opener, closer = (f"\\{size}l", f"\\{size}r") if size else (r"\left", r"\right")
            marked = re.sub(r"([(\[])", before(opener), gold)
            yield re.sub(r"([)\]])", before(closer), marked)


def spaces(gold: str) -> Iterator[str]:
    yield from (
        f" {gold} ",
        f"{gold}\\,",
        f"\\,{gold}",
        f"\\;{gold}\\;",
        f"\\ {gold}",
        f"{gold}~",
        f"\n{gold}\n",
        f"\\!{gold}",
    )
    if not re.search(r"\\text|\\mbox|\\begin|[\"']", gold):
        yield re.sub(r"(?<=[\w})])([-+=])(?=[\w\\({])", r" \1 ", gold)
        if not re.search(r"\d \d|\\[A-Za-z]+ [A-Za-z0-9]|\d \\frac", gold):
            yield gold.replace(" ", "")
    if "," in gold and r"\text" not in gold:
        yield from (_COMMA.sub(comma, gold) for comma in (", ", r",\\,", r",\\ ", r",\\;", r",~"))


def dress(gold: str) -> Iterator[str]:
    yield from (f"{gold}.", f"${gold}$", f"${gold}.$", rf"\({gold}\)", rf"\displaystyle {gold}", f"{{{gold}}}")
    if not re.search(r"\\text|\\mbox|\\begin", gold):
        yield from (rf"\mathbf{{{gold}}}", rf"\boldsymbol{{{gold}}}", rf"\color{{blue}}{{{gold}}}")


def powers(gold: str) -> Iterator[str]:
    yield re.sub(r"\^(\d)(?!\d)", r"^{\1}", gold)
    yield re.sub(r"\^\{(\d)\}", r"^\1", gold)
    yield re.sub(r"\\sqrt\{(\d)\}", r"\\sqrt\1", gold)
    yield re.sub(r"\\sqrt(\d)", r"\\sqrt{\1}", gold)


def terms(text: str) -> list[str] | None:
    """The terms of a sum, each with its sign; None if it is not a sum that is certain to be parsed correctly."""
    if not _SUM.fullmatch(text) or re.search(r"\\(?:text|mbox|pm|cup|begin|in|le|ge)|_", text):
        return None
    found, depth, start = [], 0, 0
    for place, mark in enumerate(text):
        depth += (mark in "({") - (mark in ")}")
        before = text[:place].rstrip()
        if mark in "+-" and depth == 0 and before and before[-1] not in "+-*/^(" and not before.endswith("\\cdot"):
            found.append(text[start:place].strip())
            start = place
    found.append(text[start:].strip())
    return found if depth == 0 and len(found) > 1 else None


def sums(gold: str) -> Iterator[str]:
    head, equals, body = gold.rpartition("=")
    if parts := terms(body.strip().rstrip(".")):
        signed = [part if part[0] in "+-" else f"+{part}" for part in parts]
        for order in (signed[::-1], [*signed[1:], signed[0]]):
            yield head + equals + "".join(order).removeprefix("+")


def units(gold: str) -> Iterator[str]:
    if _NUMBER.fullmatch(gold):
        for unit in ("cm", "apples", "miles per hour", "square feet", "km/h"):
            yield from (rf"{gold}\text{{ {unit}}}", rf"{gold}\ \text{{{unit}}}", f"{gold} {unit}")
        yield from (rf"{gold}\,\mathrm{{cm}}", rf"{gold}\text{{ cm}}^2", rf"{gold}~\mathrm{{cm}}^{{3}}")
        yield from (rf"\text{{{gold} apples}}", rf"x = {gold}", rf"x={gold}\text{{ cm}}")
        if not gold.startswith("-"):
            yield from (
                rf"\${gold}",
                f"${gold}",
                f"€{gold}",
                f"{gold} dollars",
                rf"\text{{\${gold}}}",
                rf"\${gold}\text{{ per day}}",
            )
    elif _TEXT.search(gold):
        for command in ("text", "mbox", "textrm", "mathrm", "textbf", "textit"):
            yield _TEXT.sub(plainly(f"\\{command}"), gold)


def thousands(gold: str) -> Iterator[str]:
    plain = re.sub(r"\{,\}|,\\!|,(?=\d{3}(?!\d))", "", gold)
    if _INTEGER.fullmatch(plain):
        yield plain
        if plain.lstrip("-").startswith("0"):
            return
        for separator in (",", "{,}", r"\,", " ", r",\!", r"{\,}", "\N{NARROW NO-BREAK SPACE}"):
            yield f"{int(plain):,}".replace(",", separator)


def degrees(gold: str) -> Iterator[str]:
    if _DEGREES.search(gold) and not re.search(r"\\(?:sin|cos|tan|cot|sec|csc)", gold):
        for sign in ("°", r"^\circ", r"^{\circ}", r"^{\,\circ}", r"\degree", r"\text{ degrees}", " degrees", ""):
            yield _DEGREES.sub(plainly(sign), gold)
    elif _NUMBER.fullmatch(gold):
        yield from (f"{gold}°", rf"{gold}^\circ", rf"{gold}^{{\circ}}", rf"{gold}\text{{ degrees}}")


KINDS: tuple[Callable[[str], Iterable[str]], ...] = (
    fractions,
    brackets,
    spaces,
    dress,
    powers,
    sums,
    units,
    thousands,
    degrees,
)


def respellings(gold: str) -> Iterator[tuple[str, str]]:
    """The kind and the text of each spelling of an answer that is not its own."""
    for kind in KINDS:
        for spelling in dict.fromkeys(kind(gold)):
            if spelling != gold:
                yield kind.__name__, spelling


def score(task: str, data_dir: Path | None, every: int = 1) -> Iterator[Outcome]:
    """Strict verdicts on all spellings of every gold answer of a task, or of each `every`-th row's.

    Raises:
        UserError: as `load_rows`.
    """
    for row, data in enumerate(load_rows(task, data_dir=data_dir).rows):
        if row % every == 0:
            for gold in answers(data):
                for kind, spelling in respellings(gold):
                    right = strict(gold, rf"Hence it is \boxed{{{spelling}}}")
                    yield Outcome(task, row, kind, gold, spelling, right)


def table(outcomes: Sequence[Outcome]) -> str:
    """Each spelling that is not right, then the shares by kind and in all."""
    lines = [f"{o.task} {o.row} {o.kind}: gold {o.gold!r}, spelling {o.spelling!r}" for o in outcomes if not o.right]
    for name in [kind.__name__ for kind in KINDS if any(o.kind == kind.__name__ for o in outcomes)]:
        rights = [o.right for o in outcomes if o.kind == name]
        lines.append(f"{name:10} {sum(rights):7,} of {len(rights):7,} right, {sum(rights) / len(rights):8.3%}")
    rows = len({(o.task, o.row) for o in outcomes})
    lines.append(
        f"{len(outcomes):,} spellings of the gold answers of {rows:,} rows, {share(outcomes):.3%} strictly right"
    )
    return "\n".join(lines)


def share(outcomes: Sequence[Outcome]) -> float:
    return sum(o.right for o in outcomes) / len(outcomes)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--data-dir", type=Path)
    chosen = parser.parse_args(arguments)
    outcomes = [outcome for task in chosen.tasks for outcome in score(task, chosen.data_dir)]
    print(table(outcomes))
    return 0 if share(outcomes) >= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
