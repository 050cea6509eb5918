"""docs/versions.md says which schemas are written."""

from __future__ import annotations

import re
from pathlib import Path

from tts_bench import records
from tts_bench.analysis import curve
from tts_bench.analysis.leaderboard import entry
from tts_bench.harness import folder

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
