"""Runs that are not finished: what is said of them is what the finished run says of the same problems."""

from __future__ import annotations

import io
import json
import shutil
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import tts_bench as tb
from tests.runs.samples import execute, write_sums
from tts_bench.analysis.compute import axis_of
from tts_bench.analysis.curve import labelled, read_curve
from tts_bench.analysis.points import points
from tts_bench.analysis.runs import read_header
from tts_bench.cli import main as root
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.errors import UserError
from tts_bench.files import held, sha256_of
from tts_bench.present import watching
from tts_bench.present.report.payload import build
from tts_bench.records import ErrorRecord, Record, from_line, to_line
from tts_bench.runs.folder import PART, RunFolder
from tts_bench.runs.run import prepare
from tts_bench.runs.unfinished import Unfinished, opened, read
from tts_bench.scaffold.task import folder as own_task

COUNT = 12
STRATEGIES = ("baseline:budgets=4+20", "budget-forcing:extensions=2", "majority-vote:samples=4")


@dataclass(frozen=True)
class Ran:
    """A finished run, and its folder as it was before anything was scored."""

    finished: Path
    lines: list[bytes]
    folder: Path

    def cut(self, size: int) -> Path:
        """The run as it stood when so many bytes of its records were written."""
        (self.folder / PART).write_bytes(b"".join(self.lines)[:size])
        return self.folder

    def of(self, documents: set[int]) -> list[str]:
        """The lines that the finished run has of some documents."""
        lines = (self.finished / "records.jsonl").read_text().splitlines(keepends=True)
        return sorted(line for line in lines if json.loads(line)["doc_id"] in documents)


def _played(folder: Path, config: RunConfig) -> Ran:
    finish, before = RunFolder.finish, folder / "before"

    def kept(self: RunFolder, records: Iterator[Record]) -> None:
        shutil.copytree(self.path, before)
        finish(self, records)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "finish", kept)
        execute(prepare(config, folder / "run"))
    return Ran(folder / "run", (before / PART).read_bytes().splitlines(keepends=True), before)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("ran")
    data = write_sums(folder / "data", COUNT)
    model = ModelConfig(engine="scripted", seed=3)
    return _played(folder, RunConfig(model, ("gsm8k",), STRATEGIES, data_dir=data, in_flight=3))


@settings(max_examples=8)
@given(share=st.floats(0, 1), more=st.floats(0, 1))
def test_a_run_cut_anywhere_has_the_records_that_it_will_have_of_the_problems_that_all_strategies_finished(
    ran: Ran, share: float, more: float
) -> None:
    size = sum(map(len, ran.lines))
    reader = Unfinished(ran.folder, read_header(ran.cut(0), unfinished=True))
    seen: list[Record] = []
    for cut in sorted({int(share * size), int(max(share, more) * size)}):  # looked at twice, it gives what is new
        folder = ran.cut(cut)
        seen += reader.new()
        lines = (folder / PART).read_bytes().splitlines(keepends=True)
        whole = [json.loads(line)["doc_id"] for line in lines if line.endswith(b"\n")]
        documents = {doc for doc in whole if whole.count(doc) == len(STRATEGIES)}
        assert sorted(map(to_line, seen)) == ran.of(documents)
        assert sorted(map(to_line, opened(folder).records())) == sorted(map(to_line, seen))
        if documents:
            assert read(folder).so_far == {"gsm8k": (len(documents), COUNT)}


def half(ran: Ran) -> Path:
    return ran.cut(sum(map(len, ran.lines[: 7 * len(STRATEGIES) + 1])))


def said_by(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = root._run(list(map(str, arguments)))
    said = capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


def test_every_command_that_shows_an_unfinished_run_says_how_much_of_it_there_is(
    ran: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, note = half(ran), "7 of 12 problems so far"
    for verb in (["compare"], ["plot", "--out", tmp_path / "x.svg"], ["curves"], ["watch"]):
        code, said = said_by(capsys, verb[0], folder, *verb[1:])
        assert (code, note in said) == (1 if verb == ["watch"] else 0, True), said
    code, said = said_by(capsys, "watch", folder, "--json")
    assert (code, json.loads(said)["state"]) == (1, "stopped")
    assert note in (tmp_path / "x.svg").read_text()
    assert "gsm8k, 7 problems so far" in said_by(capsys, "compare", folder)[1]
    assert said_by(capsys, "report", folder, "--out", tmp_path / "x.html")[0] == 0
    assert note in json.loads(zlib.decompress(b64decode(build([folder]).index)))["notes"][0]
    results = tb.load(folder)
    assert results.differences == [f"{folder} is not finished: {note}."]
    assert set(results.table()["n"]) == {7}
    assert results.to_pandas()["problem"].nunique() == 7
    with pytest.raises(UserError, match="has measured no time yet"):
        axis_of("seconds", opened(folder).header)


def test_a_run_without_a_finished_problem_says_so(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ran.cut(len(ran.lines[0]))
    for verb in ("compare", "curves", "report"):
        code, said = said_by(capsys, verb, folder)
        assert (code, "0 of 12 problems so far. Wait" in said) == (2, True), said
    assert "0 of 12 problems so far" in said_by(capsys, "watch", folder)[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: line.replace(b'"baseline', b'"bassline'), "line 1: gsm8k/.* belongs to another run"),
        (lambda line: line[:-9] + b"\n", "line 1: .*Invalid JSON"),
        (lambda line: line.replace(b'"rung":"20"', b'"rung":"21"'), "calls rung 1 '20'; lines before it call it '21'"),
    ],
)
def test_a_damaged_unfinished_run_is_refused_with_file_and_line(
    ran: Ran, change: Callable[[bytes], bytes], said: str
) -> None:
    lines = [change(ran.lines[0]), *ran.lines[1 : 3 * len(STRATEGIES)]]
    (ran.folder / PART).write_bytes(b"".join(lines))
    with pytest.raises(UserError, match=rf"records\.part\.jsonl, .*{said}"):
        read(ran.folder)


def test_data_that_are_others_score_nothing(ran: Ran, tmp_path: Path) -> None:
    header = read_header(half(ran), unfinished=True)
    header["config"] |= {"data_dir": str(write_sums(tmp_path / "data", COUNT + 1))}
    with pytest.raises(UserError, match="its data for gsm8k differ from those found here"):
        Unfinished(ran.folder, header)


def test_the_code_of_a_task_of_ones_own_is_run_only_beside_the_run_itself(tmp_path: Path) -> None:
    for name, text in own_task("my-sums").items():
        (tmp_path / "task" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "task" / name).write_text(text)
    file = str(tmp_path / "task" / "my_sums.yaml")
    ran = _played(tmp_path, RunConfig(ModelConfig(engine="scripted"), (file,), STRATEGIES[:2]))
    folder = ran.cut(10**9)
    with pytest.raises(UserError, match="The task's code runs only while the run is in progress here"):
        read(folder)
    with held(folder):
        assert read(folder).so_far == {"my_sums": (3, 3)}


def test_watch_follows_a_run_to_its_end_and_a_repeated_command_from_its_beginning(ran: Ran, tmp_path: Path) -> None:
    folder, step = tmp_path / "before", len(STRATEGIES)
    shutil.copytree(half(ran), folder)
    header = json.loads((folder / "run.json").read_text())
    header["config"] |= {"data_dir": str(ran.finished.parent / "data")}
    (folder / "run.json").write_text(json.dumps(header))
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=80)
    steps = iter([9, 2, COUNT])  # the second time another file of records is begun

    def sleep(seconds: float) -> None:
        assert seconds == 7
        if (count := next(steps, None)) is None:
            shutil.copytree(ran.finished, folder, dirs_exist_ok=True)
            return
        if count == 2:
            (folder / PART).unlink()
        (folder / PART).write_bytes(b"".join(ran.lines[: count * step]))

    with held(folder):
        view = watching.follow(folder, 7, console, sleep=sleep)
    assert (view.state, view.said) == ("finished", "")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for count in (7, 9, 2, 12):
        assert f"{count} of 12 problems so far" in shown
    assert shown.rstrip().splitlines()[-1]
    assert view.curve == watching.Watched(ran.finished).look().curve


def test_watch_shows_the_rungs_of_a_finished_run_as_the_run_itself_showed_them(ran: Ran) -> None:
    _, whole = read_curve(ran.finished / "curve.json")
    labels = read_header(ran.finished)["labels"]
    votes = [point.accuracy for point in whole if point.strategy.startswith("majority-vote")]
    expected = tb.load(ran.finished).table()
    assert votes != list(expected[expected.strategy == "majority-vote"].accuracy)  # or nothing would be claimed
    assert watching.Watched(ran.finished).look().curve == labelled(whole, labels)


def test_watch_shows_an_unfinished_run_as_a_run_of_these_problems_alone_would(ran: Ran) -> None:
    header, shown = read_header(ran.finished), watching.Watched(half(ran)).look()
    documents = {json.loads(line)["doc_id"] for line in ran.lines[: 7 * len(STRATEGIES)]}
    order = header["identity"]["strategies"]
    records = sorted(map(from_line, ran.of(documents)), key=lambda one: order.index(one.strategy))
    assert shown.curve == labelled(points(records, metrics=header["metrics"]), header["labels"])


def test_watch_shows_a_strategy_that_only_failed_as_the_run_does(ran: Ran, tmp_path: Path) -> None:
    folder, failed = tmp_path / "run", ErrorRecord("raised", "no")
    shutil.copytree(ran.finished, folder)
    lines = (folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    records = [from_line(line) for line in lines]
    broken = [replace(one, answers=(), error=failed) if "vote" in one.strategy else one for one in records]
    for kept in (broken, [one for one in broken if one.error]):
        (folder / "records.jsonl").write_text("".join(map(to_line, kept)))
        header = json.loads((folder / "run.json").read_text())
        header["records_sha256"] = sha256_of(folder / "records.jsonl")
        (folder / "run.json").write_text(json.dumps(header))
        shown = watching.Watched(folder).look().curve
        assert [(point.accuracy, point.errors) for point in shown if "vote" in point.strategy] == [(None, COUNT)]


def test_a_report_of_a_run_at_work_reloads_itself_until_the_run_ends(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target, folder, pages = tmp_path / "r.html", half(ran), []
    lock = held(folder)
    lock.__enter__()

    def sleep(seconds: float) -> None:
        assert seconds == 20
        pages.append(target.read_text())
        if len(pages) == 2:
            lock.__exit__(None, None, None)

    monkeypatch.setattr("time.sleep", sleep)
    assert said_by(capsys, "report", folder, "--out", target, "--reload", 20)[0] == 0
    refresh = '<meta http-equiv="refresh" content="20">'
    assert [refresh in page for page in [*pages, target.read_text()]] == [True, True, False]
    assert "it takes 1 to 86400" in said_by(capsys, "report", folder, "--reload", 0)[1]
