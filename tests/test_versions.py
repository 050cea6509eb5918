"""docs/versions.md says which schemas are written; docs/decisions.md numbers and dates what was decided."""

from __future__ import annotations

import re
from pathlib import Path

from tts_bench import records
from tts_bench.analysis import curve
from tts_bench.present.leaderboard import entry
from tts_bench.runs import folder

PAGE = Path(__file__).parents[1] / "docs" / "versions.md"
WRITTEN = {
    "`records.jsonl`": records.SCHEMA,
    "`run.json`": folder.SCHEMA,
    "`curve.json`": curve.SCHEMA,
    "leaderboard entry": entry.FORMAT,
}


def test_the_table_of_schemas_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (.+?) \|$", PAGE.read_text(), re.M)
    table = {file: (int(written), read) for file, written, read in rows}
    assert {file: written for file, (written, _) in table.items() if file in WRITTEN} == WRITTEN
    assert table["`records.jsonl`"][1] == f"{records.READ[0]} to {records.READ[-1]}"
    for file, (written, read) in table.items():
        assert str(written) in read or read == "not read back", file


def test_decisions_are_numbered_dated_and_say_what_replaced_them() -> None:
    page = (PAGE.parent / "decisions.md").read_text()
    found = re.findall(r"^## (\d+)\. .+\n\*\d{4}-\d\d-\d\d · (in force|replaced by (\d+))\*\n\n", page, re.M)
    numbers = [int(number) for number, _, _ in found]
    assert numbers == sorted(set(numbers))  # a number that was never given is of no harm
    assert len(numbers) == page.count("\n## ")
    assert all(int(number) < int(later) and int(later) in numbers for number, _, later in found if later)
