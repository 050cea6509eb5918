"""Which engine holds which claim: as docs/engines.md says it, and as the suite finds it."""

from __future__ import annotations

from collections.abc import Iterable

from tests.pages import ROOT
from tts_bench.engine import Engine
from tts_bench.testing import Result

_CELLS = {"pass": "holds", "not applicable": "-"}


def table_of_engines() -> dict[str, dict[str, str]]:
    """The columns of the page's table, each by claim."""
    section = (ROOT / "docs" / "engines.md").read_text().partition("## Which claims each engine keeps")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    rows = rows[: next((place for place, row in enumerate(rows) if len(row) != len(rows[0])), len(rows))]
    head, _, *lines = rows
    return {name: {line[0].strip("`"): line[place] for line in lines} for place, name in enumerate(head) if place > 0}


def held(results: Iterable[Result[Engine]]) -> dict[str, str]:
    """A column of the table, as the suite finds it; what fails is written as its reason."""
    return {result.claim.name: _CELLS.get(result.verdict, result.reason) for result in results}
