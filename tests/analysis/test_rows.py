"""The answers of a run as rows: what pandas makes of them is what the run says of itself."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import forked
from tests.analysis import made_up
from tests.analysis.run_folders import write_run
from tts_bench.analysis.points import points
from tts_bench.analysis.rows import CODEBOOK, rows
from tts_bench.analysis.runs import Numbers, read_header, read_records
from tts_bench.cli.main import _run
from tts_bench.errors import UserError
from tts_bench.present import exported, inspect_logs
from tts_bench.present.results import Results
from tts_bench.records import from_line

RUN = Path(__file__).parents[1] / "fixtures" / "run-schema-4"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame(list(rows(RUN)))


def test_every_column_stands_in_the_codebook_and_each_row_has_all(frame: pd.DataFrame) -> None:
    assert list(CODEBOOK) == [name for name in frame.columns if not name.startswith("metric:")]
    assert all(CODEBOOK.values())


def test_pandas_finds_the_means_of_the_runs_own_curve(frame: pd.DataFrame) -> None:
    header = read_header(RUN)
    numbers = Numbers(RUN, header)
    for record in read_records(RUN, header):
        numbers.add(record)
    points = [point.flat() for point in numbers.curve()]
    assert len(points) > 5
    for point in points:
        ours = frame[(frame.strategy_id == point["strategy"]) & (frame.rung == point["rung"])]
        by_problem = ours.groupby("doc_id")
        assert len(by_problem) == point["n"]
        assert by_problem.score.mean().mean() == pytest.approx(point["accuracy"])
        for column in ("generated", "spent", "sequential", "prompt", "forced", "flops"):
            assert by_problem[column].mean().mean() == pytest.approx(point[column])
        assert by_problem.generated.mean().median() == pytest.approx(point["generated_median"])
        assert by_problem.truncated.mean().mean() == pytest.approx(point["truncated"])


def test_a_strategy_that_failed_is_one_row_with_its_error(frame: pd.DataFrame) -> None:
    errors = [r for r in map(from_line, (RUN / "records.jsonl").read_bytes().splitlines()) if r.error]
    failed = frame[frame.error.notna()]
    assert len(failed) == len(errors)
    assert failed.score.isna().all()


def test_csv_jsonl_and_parquet_hold_the_same(frame: pd.DataFrame) -> None:
    by_csv = pd.read_csv(io.BytesIO(exported.data([RUN], "csv")), keep_default_na=False, na_values=[""])
    by_parquet = pd.read_parquet(io.BytesIO(exported.data([RUN], "parquet")))
    by_lines = [json.loads(line) for line in exported.data([RUN], "jsonl").splitlines()]
    assert list(by_csv.columns) == list(by_parquet.columns) == list(by_lines[0]) == list(frame.columns)
    for other in (by_csv, by_parquet, pd.DataFrame(by_lines)):
        assert other.generated.tolist() == frame.generated.tolist()
        assert other.strategy.tolist() == frame.strategy.tolist()
        assert [text for text in other.text if isinstance(text, str)] == [t for t in frame.text if isinstance(t, str)]


def test_a_text_with_any_line_breaks_and_a_folder_of_any_name_are_one_row(tmp_path: Path) -> None:
    texts = ["a\rb,c", 'd\n"e"', "f\r\ng", "\r", "h"]
    records = [made_up.record(replace(made_up.answer(), text=text), doc=doc) for doc, text in enumerate(texts)]
    odd = write_run(tmp_path / os.fsdecode(b"r\xff"), records)  # no UTF-8
    made = exported.data([odd], "csv")
    assert made.endswith(b"\n")
    with io.StringIO(made.decode(), newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["text"] for row in found] == texts
    assert {row["run"] for row in found} == {r"r\udcff"}
    assert [json.loads(line)["text"] for line in exported.data([odd], "jsonl").splitlines()] == texts
    assert pd.read_parquet(io.BytesIO(exported.data([odd], "parquet"))).text.tolist() == texts


@pytest.mark.parametrize("broken", ["[1]", "{", '{"doc": {}}', '{"doc_id": "x"}', '{"doc_id": 1, "doc": 3}'])
def test_a_sample_that_is_none_is_refused_by_file_and_line(tmp_path: Path, broken: str) -> None:
    run = write_run(tmp_path / "run", [made_up.record(made_up.answer())])
    path = run / "lm_eval" / "baseline" / "0" / "samples_gsm8k.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"doc_id": 0, "doc": {"question": "What?"}, "target": "42"}) + "\n")
    assert len(list(inspect_logs.logs(run))) == 1
    path.write_text(f"{broken}\n")
    with pytest.raises(UserError, match=r"samples_gsm8k\.jsonl, line 1 is not an lm-eval sample"):
        list(inspect_logs.logs(run))


def test_a_name_that_begins_a_row_of_latex_is_no_option_of_the_line_before() -> None:
    made = exported.latex(
        points([made_up.record(made_up.answer(), strategy="[2em]x")], metrics={"gsm8k": "exact_match"})
    )
    assert "\n{[}2em]x & 0 &" in made


@given(st.text())
def test_no_name_is_a_command_of_latex(name: str) -> None:
    escaped = exported.escaped(name)
    assert escaped.isascii()
    without = re.sub(
        r"\\textbackslash\{\}|\\textasciitilde\{\}|\\textasciicircum\{\}|\\[&%$#_{}]|\{<\}|\{>\}|\{''\}|\{\[\}|\{\*\}",
        "",
        escaped,
    )
    assert not set(without) & set("\\&%$#_{}~^[*\n")


def test_the_latex_table_has_a_row_for_each_rung_that_is_shown() -> None:
    made = exported.data([RUN], "latex").decode()
    points = Results(RUN).curve
    assert made.count(r" \\") - made.count("strategy & rung") == len(points)
    for point in points:
        assert f"{100 * (point.accuracy or 0):.1f} [" in made


def test_the_command_writes_a_file_and_says_what_is_wrong(tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    done = forked.run(forked.MAIN, "export", RUN, "--out", out)
    assert (done.returncode, out.read_bytes()) == (0, exported.data([RUN], "csv"))
    assert "generated: " in forked.run(forked.MAIN, "export", "--codebook").stdout
    for words, said in (
        ([], "export takes run folders"),
        ([str(RUN), "--to", "parquet"], "Add --out FILE"),
        ([str(tmp_path)], "is not a run folder"),
        ([str(RUN), "--out", str(tmp_path)], "cannot be written"),
    ):
        wrong = forked.run(forked.MAIN, "export", *words)
        assert (wrong.returncode, said in wrong.stderr) == (2, True), wrong.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "latex"])
@pytest.mark.parametrize("again", ["run", "link", "other/../run"])
def test_a_folder_that_is_named_twice_has_no_row_twice(
    kind: str, again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("run"), made_up.made_up(n=2))
    Path("other").mkdir()
    Path("link").symlink_to("run")
    assert _run(["export", "run", again, "--to", kind, "--out", "x"]) == 2
    assert capsys.readouterr().err.startswith("error: run is named twice")
    assert not Path("x").exists()
    both = [Path("run")] * 2
    with pytest.raises(UserError, match=r"run is named twice\. Name each run once\."):
        exported.data(both, kind)


def test_a_run_is_exported_without_torch_and_lm_eval() -> None:
    code = f"""
import sys
from pathlib import Path
from tts_bench.present import exported
exported.data([Path({str(RUN)!r})], "csv")
assert not {{"torch", "lm_eval", "matplotlib"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
