"""Writes the table of columns in docs/measures.md from `tts_bench.measures`; `--check` compares instead.

python docs/measures_reference.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tts_bench.measures import MEASURES, Measure, Shown, mean

PAGE = Path(__file__).parent / "measures.md"
_START, _END = "<!-- columns -->\n", "<!-- end of columns -->\n"
_PLACES = {
    Shown.NOWHERE: "an axis only",
    Shown.FILES: "files",
    Shown.PAGES: "files, pages",
    Shown.WIDE: "files, pages, wide terminal tables",
    Shown.ALWAYS: "everywhere",
}


def table() -> str:
    """One row for each measure that is shown or drawn over."""
    rows = [row for row in MEASURES if row.shown or row.axis]
    head = "| in files | heading | what it is | over problems | shown in | `--x` |\n|---|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(_cells(row))} |\n" for row in rows)


def _cells(row: Measure) -> list[str]:
    over = "mean" if row.over is mean else row.label
    axis = f"`{row.axis.name}`" if row.axis else ""
    name = f"`{row.name}`" if row.shown else ""
    return [name, row.heading if row.shown else "", row.legend, over, _PLACES[row.shown], axis]


def page(text: str) -> str:
    """`text` of the page with the table as the rows have it."""
    before, _, rest = text.partition(_START)
    return f"{before}{_START}\n{table()}\n{_END}{rest.partition(_END)[2]}"


def main() -> None:
    """Write the table, or compare it.

    Raises:
        SystemExit: with `--check`, the page's table is not what the rows say.
    """
    text = PAGE.read_text(encoding="utf-8")
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(text), encoding="utf-8")
    elif text != page(text):
        sys.exit(f"{PAGE.name} is not what the measures say: python docs/measures_reference.py writes it")


if __name__ == "__main__":
    main()
