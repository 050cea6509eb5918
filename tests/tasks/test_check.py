"""The check finds all gold solutions right, and it would notice if they were not."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tasks.samples import write
from tts_bench.cli.tasks import app
from tts_bench.tasks import hooks
from tts_bench.tasks.catalog import names
from tts_bench.tasks.check import check


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTS_BENCH_DATA", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("gsm8k", 1319), ("math500", 500)])
def test_all_gold_solutions_of_the_shipped_data_are_right_and_known_wrong_responses_wrong(name: str, rows: int) -> None:
    (report,) = check([name]).tasks
    assert report.failures == []
    assert (report.right, report.rows) == (rows, rows)
    assert report.wrong > 6 * rows


def test_the_check_runs_every_task_and_tells_its_progress(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    report = check(names(), write(tmp_path), lambda *step: seen.append(step))
    assert report.ok
    assert len(report.tasks) == 14
    assert seen[:2] == [("gsm8k", 1, 2), ("gsm8k", 2, 2)]


def test_the_check_notices_a_broken_scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr(hooks, "strict", lambda gold, text: True)
    report = check(["aime25"], tmp_path)
    assert not report.ok
    assert {failure.case for failure in report.tasks[0].failures} >= {"no text", "gold answer + 1"}
    monkeypatch.setattr(hooks, "strict", lambda gold, text: False)
    assert check(["aime25"], tmp_path).tasks[0].right == 0
    assert CliRunner().invoke(app, ["check", "aime25", "--data-dir", str(tmp_path)]).exit_code == 2


def test_the_command_checks_what_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", "gsm8k", "aime24", "--data-dir", str(write(tmp_path))])
    assert done.exit_code == 0, done.output
    assert "gsm8k: 2 of 2 gold solutions right" in done.output
    assert "aime24: 2 of 2 gold solutions right" in done.output


def test_without_a_subcommand_the_tasks_are_listed() -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    assert all(name in done.output for name in names())
