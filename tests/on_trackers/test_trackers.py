"""Claims about runs in trackers, read back as each keeps them. They need the packages: `make test-trackers`."""

from __future__ import annotations

import json
import pkgutil
import struct
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.analysis import made_runs
from tts_bench.cli.main import _run
from tts_bench.present.results import Results

Read = Callable[[str], dict[str, list[dict[str, float]]]]  # strategy -> metrics of each step
HOSTILE = "rambler\x1b[2J</script>\n=1+1"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "made"
    made = made_runs.write_run(folder, made_runs.solved(), model={"name": HOSTILE})
    (made / "curve.json").write_text("{}")
    return made


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # no login of whoever runs this
    monkeypatch.chdir(tmp_path)


def _mlflow(project: str) -> dict[str, list[dict[str, float]]]:
    from mlflow import MlflowClient

    client: Any = MlflowClient()
    experiment = client.get_experiment_by_name(project)
    found = {}
    for each in client.search_runs([experiment.experiment_id]):
        assert each.info.status == "FINISHED"
        assert {file.path for file in client.list_artifacts(each.info.run_id)} == {"curve.json"}
        assert "\x1b" not in each.data.params["model"]
        histories = {name: client.get_metric_history(each.info.run_id, name) for name in each.data.metrics}
        steps: list[dict[str, float]] = [{} for _ in histories["accuracy"]]
        for name, values in histories.items():
            for value in values:
                steps[value.step][name] = value.value
        found[each.data.params["strategy"]] = steps
    return found


def _records(file: Path) -> Iterator[Any]:
    """The records of a .wandb file: LevelDB's log of blocks of 32 KiB, behind a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record: Any = Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def _wandb(project: str) -> dict[str, list[dict[str, float]]]:
    found = {}
    for file in Path("wandb").glob("offline-run-*/run-*.wandb"):
        strategy = ""
        steps: list[dict[str, float]] = []
        for record in _records(file):
            for item in (*record.run.config.update, *record.config.update):
                if "strategy" in (item.key, *item.nested_key[:1]):
                    strategy = json.loads(item.value_json)
            items = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            if items:
                assert items["_step"] == len(steps)
                steps.append({name: value for name, value in items.items() if not name.startswith("_")})
        found[strategy] = steps
        assert (file.parent / "files" / "curve.json").is_file()
        assert not (file.parent / "files" / "curve.json").is_symlink()  # the folder may be moved before it is sent
    return found


def _trackio(project: str) -> dict[str, list[dict[str, float]]]:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    found = {}
    for each in trackio.Api().runs(project):
        logs = sorted(SQLiteStorage.get_logs(project, each.name, run_id=each.id), key=lambda log: log["step"])
        steps = [{name: value for name, value in log.items() if name not in ("step", "timestamp")} for log in logs]
        found[each.config["strategy"]] = steps
    return found


@pytest.mark.parametrize(("to", "read"), [("mlflow", _mlflow), ("wandb", _wandb), ("trackio", _trackio)])
def test_a_tracker_has_what_the_table_has_and_has_it_once(
    to: str, read: Read, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if find_spec(to) is None:
        pytest.skip(f"{to} is not installed")
    said = ["track", str(run), "--to", to, "--project", "mine"]
    assert _run(said) == 0, capfd.readouterr().err
    for _ in range(2):
        found = read("mine")
        table = Results(run).table()
        assert set(found) == set(table["strategy"])
        for strategy, steps in found.items():
            expected = table[table["strategy"] == strategy]
            for name in ("accuracy", "low", "high", "generated", "truncated", "n"):
                assert [step[name] for step in steps] == pytest.approx(list(expected[name]), abs=1e-12)
            assert {"metric/strict", "metric/lenient"} <= steps[0].keys()
        capfd.readouterr()
        assert _run(said) == 2
        assert "already" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("to", "log", "read"),
    [("wandb", "wandb.sdk.wandb_run.Run.log", _wandb), ("trackio", "trackio.run.Run.log", _trackio)],
)
def test_what_a_stopped_command_left_half_is_logged_anew_and_another_project_gets_it_too(
    to: str, log: str, read: Read, run: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec(to) is None:
        pytest.skip(f"{to} is not installed")
    module, _, name = log.rpartition(".")
    owner: Any = pkgutil.resolve_name(module.replace(".Run", ":Run"))
    real, calls = getattr(owner, name), 0

    def failing(self: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        nonlocal calls
        calls += 1
        if calls == 4:
            raise ConnectionResetError("connection reset by peer")
        return real(self, *arguments, **named)

    said = ["track", str(run), "--to", to, "--project", "half"]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing)
        assert _run(said) == 2
    assert "connection reset by peer" in capfd.readouterr().err
    assert _run(said) == 0, capfd.readouterr().err
    found, table = read("half"), Results(run).table()
    assert {strategy: len(steps) for strategy, steps in found.items()} == dict(table["strategy"].value_counts())
    assert _run(said) == 2
    assert _run([*said[:-1], "other"]) == 0, capfd.readouterr().err


def test_polars_and_pandas_have_the_same_rows(run: Path) -> None:
    pytest.importorskip("polars")
    mine, theirs = Results(run).to_polars(), Results(run).to_pandas()
    assert mine.columns == list(theirs.columns)
    for name in ("problem", "strategy", "rung", "score", "generated", "truncated", "error"):
        expected = [None if value != value else value for value in theirs[name]]
        assert mine[name].to_list() == expected
