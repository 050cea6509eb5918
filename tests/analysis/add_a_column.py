"""`python add_a_column.py FOLDER ROW`: adds `ROW` to the table of measures before anything else of the package is read.

Then makes of the fixture's run all that shows measures: FOLDER gets a file for each place.
"""

from __future__ import annotations

import io
import json
import sys
import zlib
from base64 import b64decode
from contextlib import redirect_stdout
from pathlib import Path

from tts_bench import measures

folder, row = Path(sys.argv[1]), sys.argv[2]
if row:
    added = eval(row.strip().removesuffix(","), vars(measures))  # the line of docs/measures.md
    vars(measures)["MEASURES"] = (*measures.MEASURES, added)

from rich.console import Console  # noqa: E402

from docs.measures_reference import table  # noqa: E402
from tests.analysis.boards import run_folder  # noqa: E402
from tests.analysis.run_folders import FIXTURES  # noqa: E402
from tts_bench.analysis.curve import read_curve  # noqa: E402
from tts_bench.cli.main import _run  # noqa: E402
from tts_bench.present.report.payload import build  # noqa: E402
from tts_bench.present.terminal import show  # noqa: E402

run = run_folder(folder / "run")
with (folder / "terminal.txt").open("w") as file:
    show(read_curve(run / "curve.json")[1], Console(file=file, width=200))
for verb in (["compare", "--resamples", "1000"], ["plot", "--out", str(folder / "plot.svg")]):
    code = _run([verb[0], str(run), *verb[1:], "--x", "replies"])
    assert code == (0 if row else 2), verb  # there is no such axis without it
said = io.StringIO()
with redirect_stdout(said):
    assert _run(["compare", str(run), "--resamples", "1000", "--out", str(folder / "compare.json")]) == 0
(folder / "compare.txt").write_text(said.getvalue())
index = json.loads(zlib.decompress(b64decode(build([run]).index)))
(folder / "report.json").write_text(json.dumps(index))
(folder / "docs.md").write_text(table())
board = folder / "board"
assert _run(["leaderboard", "add", str(run), "--folder", str(board)]) == 0
[made] = (board / "entries").iterdir()
(folder / "entry.json").write_text(made.read_text())
made.write_bytes((FIXTURES / "old-entry" / "entry.json").read_bytes())  # of the same run, without the column
for verb in (["build"], ["check", str(run)]):
    assert _run(["leaderboard", *verb, "--folder", str(board)]) == 0
(folder / "old.md").write_text((board / "README.md").read_text())
made.write_text((folder / "entry.json").read_text())
for verb in (["build"], ["check", str(run)]):
    assert _run(["leaderboard", *verb, "--folder", str(board)]) == 0
