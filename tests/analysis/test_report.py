"""What a report is made of, and what `tts-bench report` refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import report as benchmark
from tests.analysis.made_runs import solved, write_run, write_samples
from tests.refusals import check_message, contents
from tests.unprivileged import unprivileged
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.present.report.payload import build
from tts_bench.present.report.texts import Kept, Texts, packed
from tts_bench.present.report.verdicts import golds
from tts_bench.records import Record, SegmentRecord

RECORDS = solved()
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)  # unpaired surrogates too


def unpacked(text: str) -> Any:  # noqa: ANN401
    return json.loads(zlib.decompress(b64decode(text)))


def as_in_a_page(text: str, length: int) -> str:
    """JavaScript's `text.slice(0, length)`."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * length].decode("utf-16-le", "surrogatepass")


def paired(text: str) -> str:
    """`text` as a page holds it: two halves of a pair that meet are one character."""
    return as_in_a_page(text, len(text) * 2)


@given(anything)
def test_whatever_text_is_packed_comes_back_and_cannot_end_its_element(text: str) -> None:
    held = packed({"text": text})
    assert unpacked(held) == {"text": text}
    assert held.isascii()
    assert "<" not in held


@given(st.lists(st.tuples(anything, st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=8))
def test_every_cut_of_every_text_comes_back_and_a_beginning_is_stored_once(parts: list[tuple[str, int, int]]) -> None:
    segments = tuple(
        SegmentRecord("thinking", text[:cut], cut, 0, 0, 0, "", f"origin {origin}") for text, origin, cut in parts
    )
    record = replace(RECORDS[0], segments=segments, answers=())
    texts = Texts()
    texts.add([record, replace(record, strategy="other")], [0, 1], "strict")
    blob = unpacked(texts.blobs[0])
    for entry in blob["records"]:
        found = [as_in_a_page(blob["texts"][part["text"]], part["length"]) for part in entry["segments"]]
        assert found == [paired(segment.text) for segment in segments]
    assert len(set(blob["texts"])) == len(blob["texts"]) <= len({segment.text for segment in segments})


def test_a_thought_that_strategies_share_is_stored_once(tmp_path: Path) -> None:
    payload = build([write_run(tmp_path / "run", RECORDS)])
    ends = unpacked(payload.index)["blobs"]
    for start, end in pairwise(ends):
        texts = unpacked(payload.texts[start:end])["texts"]
        assert not any(a != b and b.startswith(a) and len(a) > 9 for a in texts for b in texts)


def test_the_columns_say_what_the_records_say(tmp_path: Path) -> None:
    index = unpacked(build([write_run(tmp_path / "run", RECORDS)]).index)
    rows, answers, tables = index["records"], index["answers"], index["tables"]
    assert len(rows["doc"]) == len(RECORDS)
    for place, record in enumerate(RECORDS):
        assert tables["task"][rows["task"][place]] == record.task
        assert tables["strategy"][rows["strategy"][place]] == record.strategy
        assert (rows["doc"][place], rows["repeat"][place]) == (record.doc_id, record.repeat)
        assert (rows["error"][place] >= 0) == (record.error is not None)
        assert rows["count"][place] == len(record.answers)
        for at, answer in enumerate(record.answers, rows["first"][place]):
            assert answers["scores"]["strict"][at] == answer.scores["strict"]
            assert answers["truncated"][at] == answer.truncated
            held = answers["extracted"][at]
            assert (tables["extracted"][held] if held >= 0 else None) == answer.extracted
            for cost in ("prompt", "thinking", "forced", "answer", "sequential"):
                assert answers[cost][at] == getattr(answer.cost, cost)


def kept(payload_index: str) -> list[bool]:
    return [start < end for start, end in pairwise(unpacked(payload_index)["blobs"])]


def flips(record: Record) -> bool:
    rights = [answer.scores["strict"] for answer in record.answers]
    return any(a != b for a, b in pairwise(rights))


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("none", lambda group: False),
        ("errors", lambda group: any(record.error for record in group)),
        ("flips", lambda group: any(record.error or flips(record) for record in group)),
        ("all", lambda group: True),
    ],
)
def test_texts_keeps_the_problems_it_names(
    tmp_path: Path,
    choice: Kept,
    wanted: Callable[[list[Record]], bool],
) -> None:
    groups = [[record for record in RECORDS if record.doc_id == doc] for doc in range(10)]
    payload = build([write_run(tmp_path / "run", RECORDS)], texts=choice)
    assert kept(payload.index) == [wanted(group) for group in groups]
    assert 0 < sum(map(flips, RECORDS)) < len(RECORDS)
    assert bool(payload.note) == (choice != "all")
    assert payload.note == unpacked(payload.index)["texts_note"]


def test_what_does_not_fit_is_left_out_errors_and_flips_last_and_the_page_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", RECORDS)
    whole = build([run])
    ranks = [  # errors, flips, the rest
        0 if any(r.error for r in group) else 1 if any(map(flips, group)) else 2
        for group in ([record for record in RECORDS if record.doc_id == doc] for doc in range(10))
    ]
    held_before = 11
    for room in range(len(whole.index) + len(whole.texts), len(whole.index), -1000):
        payload = build([run], room=room)
        assert len(payload.index) + len(payload.texts) <= room
        held = kept(payload.index)
        assert sum(held) <= held_before
        held_before = sum(held)
        if not all(held):
            assert f"{sum(held)} of 10 problems" in payload.note
    assert held_before <= 2
    assert all(rank < 2 for rank, there in zip(ranks, held, strict=True) if there)


def test_the_run_that_the_benchmark_makes_up_is_one_that_is_read(tmp_path: Path) -> None:
    benchmark.write_run(tmp_path / "run", 3)
    payload = build([tmp_path / "run"])
    assert payload.traces == 3 * len(benchmark.STRATEGIES)
    assert set(unpacked(payload.index)["records"]["count"]) == {benchmark.RUNGS}


def report(*arguments: str | Path) -> int:
    return root._run(["report", *map(str, arguments)])


def in_a_process(run: Path, seed: str) -> str:
    """What a process of its own says that it has loaded after the report of `run`."""
    code = (
        "import sys\nfrom tts_bench.cli import main as root\n"
        f"assert root._run(['report', {str(run)!r}]) == 0\n"
        "print([name for name in ('torch', 'transformers', 'lm_eval', 'matplotlib') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.splitlines()[-1]


def test_nothing_heavy_is_imported_and_the_same_run_makes_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", RECORDS)
    made = set()
    for seed in ("1", "2", "3"):
        assert in_a_process(run, seed) == "[]"
        made.add((run / "report.html").read_bytes())
    assert len(made) == 1


def test_right_answers_are_read_from_the_samples_of_each_strategy(tmp_path: Path) -> None:
    path = write_samples(tmp_path, "sums", {0: "7", 2: "8"})
    more = tmp_path / "lm_eval" / "majority-vote" / "1" / path.name
    more.parent.mkdir(parents=True)
    more.write_text('{"doc_id": 1, "target": 9}\n')
    assert golds(tmp_path, "sums") == {0: "7", 1: "9", 2: "8"}
    assert golds(tmp_path, "../sums") == {}
    more.write_text('{"doc_id": 1}\n')
    with pytest.raises(UserError, match=r"majority-vote/1/samples_sums.jsonl, line 1 is not an lm-eval sample"):
        golds(tmp_path, "sums")


def test_a_report_is_replaced_by_another(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", RECORDS)
    assert report(run) == 0
    first = (run / "report.html").read_bytes()
    assert report(run, "--texts", "none") == 0
    assert len((run / "report.html").read_bytes()) < len(first)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Run `report` on arguments that it has to refuse, with every file left as it was."""

    def run(*arguments: str | Path) -> str:
        before = contents(tmp_path)
        assert report(*arguments) == 2
        message = capsys.readouterr().err
        check_message(message)
        assert contents(tmp_path) == before
        return message

    return run


def test_a_run_without_a_record_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "no record" in refused(write_run(tmp_path / "run", []))


def test_a_run_of_errors_only_is_refused_and_the_message_says_so(tmp_path: Path, refused: Callable[..., str]) -> None:
    failed = [replace(record, answers=(), error=RECORDS[-1].error) for record in RECORDS]
    assert "has only errors" in refused(write_run(tmp_path / "run", failed))


def test_what_is_no_finished_run_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "run.json" in refused(tmp_path / "nowhere", "--out", tmp_path / "r.html")
    assert "has no configuration" in refused(write_run(tmp_path / "begun", RECORDS, status="running"))
    assert "named twice" in refused(write_run(tmp_path / "run", RECORDS), tmp_path / "begun" / ".." / "run")


def test_a_damaged_record_is_refused_with_its_line(tmp_path: Path, refused: Callable[..., str]) -> None:
    run = write_run(tmp_path / "run", RECORDS)
    text = (run / "records.jsonl").read_text()
    (run / "records.jsonl").write_text(text[:-40])
    assert "line 30" in refused(run)


def test_rungs_that_do_not_fit_together_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    odd = replace(RECORDS[3], answers=tuple(replace(answer, rung="odd") for answer in RECORDS[3].answers))
    assert "'odd'" in refused(write_run(tmp_path / "run", [*RECORDS[:3], odd, *RECORDS[4:]]))


def test_a_target_that_is_not_a_report_is_never_replaced(tmp_path: Path, refused: Callable[..., str]) -> None:
    run = write_run(tmp_path / "run", RECORDS)
    (tmp_path / "mine.html").write_text("<!doctype html><p>my own page")
    (tmp_path / "picture.html").write_bytes(bytes(range(256)))
    assert "is not a tts-bench report" in refused(run, "--out", tmp_path / "mine.html")
    assert "is not a tts-bench report" in refused(run, "--out", tmp_path / "picture.html")
    assert "is a folder" in refused(run, "--out", tmp_path)
    assert "is not a folder" in refused(run, "--out", tmp_path / "none" / "r.html")
    assert "is not a folder" in refused(run, "--out", tmp_path / "mine.html" / "r.html")


def test_a_run_that_is_not_there_is_named_and_not_its_reports_place(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert "none is not a run folder" in refused(tmp_path / "none")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    run = write_run(tmp_path / "run", RECORDS)
    (tmp_path / "locked").mkdir(mode=0o500)
    with unprivileged():
        assert "cannot be written" in refused(run, "--out", tmp_path / "locked" / "r.html")
    assert not list((tmp_path / "locked").iterdir())


def test_options_out_of_range_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    run = write_run(tmp_path / "run", RECORDS)
    assert "--max-mb" in refused(run, "--max-mb", "0")
    assert "--max-mb" in refused(run, "--max-mb", "nan")
    assert "texts" in refused(run, "--texts", "some")
    assert "runs" in refused()
