"""One table of measures: a row of it is a column everywhere, and files that are older than a column stay readable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.boards import content, run_folder
from tests.analysis.made_up import answer, record
from tests.analysis.run_folders import FIXTURES
from tests.pages import ROOT, blocks
from tts_bench.analysis.compute import AXES
from tts_bench.analysis.curve import read_curve, write_curve
from tts_bench.analysis.points import points
from tts_bench.cli import compare, plot
from tts_bench.cli.main import parses
from tts_bench.errors import UserError
from tts_bench.measures import MEASURES, columns, mean, named
from tts_bench.present.leaderboard.board import Board, read_entry
from tts_bench.present.leaderboard.document import document
from tts_bench.present.leaderboard.entry import Entry
from tts_bench.present.leaderboard.making import entry_of, name_of
from tts_bench.present.leaderboard.markdown import markdown
from tts_bench.present.leaderboard.recompute import as_old_as, complete, packed

OLD = FIXTURES / "old-entry"  # what version 0.1.0 made of the fixture's run, before spent and spread were columns of it
NEWEST = ("generated_median", "generated_p90", "spent")
METRICS = {"gsm8k": "exact_match"}


def worked_example() -> str:
    """The row that docs/measures.md adds."""
    text = (ROOT / "docs" / "measures.md").read_text("utf-8")
    [row] = [block.body for block in blocks(text, "measures") if block.body.startswith("Measure(")]
    return row


@pytest.mark.parametrize("added", [True, False])
def test_a_row_of_the_table_is_a_column_of_every_file_table_and_page(tmp_path: Path, added: bool) -> None:
    command: list[str | Path] = [
        sys.executable,
        Path(__file__).with_name("add_a_column.py"),
        tmp_path,
        worked_example() if added else "",
    ]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    heading = re.compile(r"^.*\btokens\b.*\breplies\b.*$", re.M)  # in one line with the others
    found = {
        "terminal": heading.search((tmp_path / "terminal.txt").read_text()),
        "compare": heading.search((tmp_path / "compare.txt").read_text()),
        "docs": "| `replies` | replies |" in (tmp_path / "docs.md").read_text(),
        "page": re.search(r"<th.*>replies</th>", (tmp_path / "board" / "index.html").read_text()),
        "readme": re.search(r"^\| rank .*\| replies \|", (tmp_path / "board" / "README.md").read_text(), re.M),
        "legend": "replies: tokens sampled while answering" in (tmp_path / "board" / "README.md").read_text(),
        "old entry": re.search(r"^\| rank .*\| replies \|", (tmp_path / "old.md").read_text(), re.M),
        "axis": "replies" in [axis["name"] for axis in json.loads((tmp_path / "report.json").read_text())["axes"]],
        "report": "replies" in [row["name"] for row in json.loads((tmp_path / "report.json").read_text())["measures"]],
    }
    for file in ("run/curve.json", "compare.json"):
        found[file] = all("replies" in point for point in json.loads((tmp_path / file).read_text())["points"])
    schema = json.loads((tmp_path / "board" / "schema.json").read_text())["$defs"]
    for part in ("Rung", "Problems"):
        found[part] = "replies" in schema[part]["properties"]
    entry = json.loads((tmp_path / "entry.json").read_text())
    line = entry["tasks"]["gsm8k"]["strategies"]["majority-vote:samples=3,budget=none"]
    found["entry"] = "replies" in line["rungs"]["3"]
    assert {place: bool(there) for place, there in found.items()} == dict.fromkeys(found, added)
    if added:
        rung = line["rungs"]["3"]
        records = [json.loads(raw) for raw in (tmp_path / "run" / "records.jsonl").read_text().splitlines()]
        told = [r["answers"][-1]["cost"]["answer"] for r in records if r["strategy"].startswith("majority")]
        assert rung["problems"]["replies"] == " ".join(map(str, told))
        assert rung["replies"] == sum(told) / len(told)


def test_no_row_names_another_that_is_not_there_and_no_two_have_one_name() -> None:
    names = [row.name for row in MEASURES]
    assert len(set(names)) == len(names)
    for row in MEASURES:
        assert {*row.parts, row.out_of or row.name, row.beside or row.name} <= {*names}
        assert bool(row.read) != bool(row.parts)
        assert row.parts or row.over is mean


def test_the_help_of_x_names_every_axis_that_there_is() -> None:
    for verb, more in ((plot.plot, ["seconds"]), (compare.compare, [])):
        [option] = get_type_hints(verb, include_extras=True)["x"].__metadata__
        assert option.help.endswith(f": {', '.join([*AXES, *more])}.")
    text = (ROOT / "docs" / "measures.md").read_text("utf-8")
    assert all(f"`{axis}`" in text.partition("## Compute axes")[2].partition("\n## ")[0] for axis in AXES)


amounts = st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=60)


@given(amounts)
def test_median_and_90th_percentile_are_numpys(values: list[float]) -> None:
    for row, percent in ((named("generated_median"), 50), (named("generated_p90"), 90)):
        assert row.over(values) == pytest.approx(np.percentile(values, percent), rel=1e-12, abs=1e-9)
        assert min(values) <= row.over(values) * (1 + 1e-12) + 1e-9


def test_one_long_answer_moves_the_mean_and_not_the_median() -> None:
    records = [record(answer(thinking=87 if doc else 10_087), doc=doc) for doc in range(20)]  # 13 tokens more each
    [point] = points(records, metrics=METRICS)
    assert (point.generated, point.generated_median, point.generated_p90) == (600.0, 100.0, 100.0)
    records = [record(answer(thinking=100 * doc), doc=doc) for doc in range(1, 12)]
    [point] = points(records, metrics=METRICS)
    assert (point.generated, point.generated_median, point.generated_p90) == (613.0, 613.0, 1013.0)


def test_repeats_are_averaged_before_their_problems_are_ordered() -> None:
    thinking = {0: (100, 300), 1: (0, 800), 2: (50, 50)}  # means 200, 400, 50
    records = [
        replace(record(answer(thinking=tokens), doc=doc), repeat=repeat)
        for doc, repeats in thinking.items()
        for repeat, tokens in enumerate(repeats)
    ]
    [point] = points(records, metrics=METRICS)
    assert point.generated_median == 213
    assert point.generated_p90 == pytest.approx(13 + 360)


@pytest.mark.parametrize("schema", [1, 2])
def test_a_curve_of_an_older_version_is_read_without_the_columns_that_it_lacks(tmp_path: Path, schema: int) -> None:
    data = json.loads((OLD / "curve.json").read_text("utf-8"))
    if schema == 1:
        data["schema"] = 1
        for point in data["points"]:
            for name in ("spent", "overall", "seeds", "between"):
                del point[name]
    (tmp_path / "curve.json").write_text(json.dumps(data))
    _, curve = read_curve(tmp_path / "curve.json")
    assert len(curve) == 8
    assert all(point.generated > 0 and point.generated_median is None for point in curve)
    assert {point.spent is None for point in curve} == {schema == 1}
    write_curve(tmp_path / "curve.json", curve, {})
    assert read_curve(tmp_path / "curve.json")[1] == curve


def test_a_curve_without_a_column_that_every_version_wrote_is_refused(tmp_path: Path) -> None:
    data = json.loads((OLD / "curve.json").read_text("utf-8"))
    del data["points"][3]["flops"]
    (tmp_path / "curve.json").write_text(json.dumps(data))
    with pytest.raises(UserError, match=r"is not a curve\.json: a point lacks flops"):
        read_curve(tmp_path / "curve.json")


def test_a_point_has_no_attribute_that_is_no_measure() -> None:
    [point] = points([record(answer())], metrics=METRICS)
    with pytest.raises(AttributeError, match="no 'tokens'"):
        _ = point.tokens
    assert {row.name for row in columns()} <= point.flat().keys()


def board_of(folder: Path, entry: bytes) -> Board:
    run = run_folder(folder / "run")
    (folder / "board" / "entries").mkdir(parents=True)
    (folder / "board" / "entries" / name_of(entry_of(run))).write_bytes(entry)
    board = Board(folder / "board", parses)
    board.build()
    return board


def test_an_entry_of_an_older_version_is_shown_and_checked_against_its_run_in_the_columns_it_has(
    tmp_path: Path,
) -> None:
    old = (OLD / "entry.json").read_bytes()
    board = board_of(tmp_path, old)
    assert board.check([tmp_path / "run"]) == (1, [])
    page = (tmp_path / "board" / "README.md").read_text("utf-8")
    heads, _, *rows = [line.split(" | ") for line in page[page.index("| rank |") :].partition("\n\n")[0].splitlines()]
    assert len(rows) == 3
    assert {row[heads.index(name)] for row in rows for name in ("median", "p90", "spent")} == {"-"}
    [path] = (tmp_path / "board" / "entries").iterdir()
    rung = next(iter(read_entry(path).tasks["gsm8k"].strategies.values())).rungs["32"]
    assert [getattr(rung, name) for name in NEWEST] == [None] * 3
    changed = old.replace(b'"cues_wanted": 2.0', b'"cues_wanted": 3.0', 1)
    assert changed != old
    path.write_bytes(changed)
    assert "cues_wanted" in str(board.check([])[1][0])


@pytest.mark.parametrize("name", NEWEST)
def test_a_newer_column_is_recomputed_where_an_entry_has_it(tmp_path: Path, name: str) -> None:
    run = run_folder(tmp_path / "run")
    path = Board(tmp_path / "board", parses).add(run)
    text = path.read_text("utf-8")
    path.write_text(re.sub(rf'"{name}": (\d)', rf'"{name}": 9\1', text, count=1), "utf-8")
    [found] = Board(tmp_path / "board", parses).check([])[1]
    assert name in str(found)
    path.write_text(text.replace('"spent": "', '"spent": null, "x": "', 1), "utf-8")
    assert Board(tmp_path / "board", parses).check([])[1]


@pytest.mark.parametrize(("spent", "told"), [(100.0, "100"), (149.0, "149"), (151.0, "151 !")])
def test_the_leaderboard_has_what_was_spent_beside_the_bill_and_marks_it_above_one_and_a_half_times(
    spent: float, told: str
) -> None:
    held = content({"a": [0, 1]})  # billed 100 tokens a problem
    rung = held["tasks"]["sums"]["strategies"]["a"]["rungs"]["only"]
    rung |= {"spent": None, "problems": {**rung["problems"], "spent": packed([spent] * 2)}}
    page = markdown(document({"a.json": Entry.model_validate(complete(held))}, parses))
    for start in ("\n| rank |", "\n| strategy |"):
        heads, _, row = [
            [cell.strip() for cell in line.split("|")] for line in page[page.index(start) :].splitlines()[1:4]
        ]
        assert (row[heads.index("tokens")], row[heads.index("spent")], row[heads.index("median")]) == ("100", told, "-")


def test_a_rung_called_like_a_column_is_none() -> None:
    """What an old entry lacks is left out of the new one that it is held against, and nothing else."""
    held = content({"a": [0, 1]})
    rungs = held["tasks"]["sums"]["strategies"]["a"]["rungs"]
    rungs["spent"] = {**rungs.pop("only"), "spent": None}
    new = complete(held)
    old = complete(content({"a": [0, 1]}), without=["spent"])
    [rung] = as_old_as(new, old)["tasks"]["sums"]["strategies"]["a"]["rungs"].items()
    assert rung[0] == "spent"
    assert "spent" not in rung[1]
    assert "spent" not in rung[1]["problems"]
    assert as_old_as(new, new) == new
