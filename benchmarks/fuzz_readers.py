"""The readers that `benchmarks.fuzz` attacks: a good file for each, and how it is read."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_bench.errors import UserError

ROOT = Path(__file__).parents[1]
_RUN = ROOT / "tests" / "fixtures" / "run-schema-2"
_SUM = '{"question": "What is 1 and 2?", "answer": "#### 3"}\n{"question": "And 2 and 2?", "answer": "#### 4"}\n'


@dataclass(frozen=True)
class Reader:
    """The reader of one kind of file."""

    make: Callable[[Path], Path]  # writes a good one into a folder: the file to attack
    read: Callable[[Path], object]
    refusals: tuple[type[Exception], ...] = (UserError,)
    lines: bool = False  # JSON Lines


def _copied(source: Path, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        shutil.copytree(source, folder / source.name)
        return folder / source.name / name

    return make


def _entry(folder: Path) -> Path:
    [source] = (ROOT / "leaderboard" / "entries").glob("qwen2.5-coder-0.5b-ff3b2b29.json")
    return Path(shutil.copy(source, folder))


def _read_entry(path: Path) -> object:
    from tts_bench.present.leaderboard.board import Finding, read_entry
    from tts_bench.present.leaderboard.document import document

    try:
        entry = read_entry(path)
    except Finding as finding:
        raise UserError(str(finding)) from finding
    return document({path.name: entry}, lambda words: True)


def _read_run(path: Path) -> object:
    from tts_bench.analysis.runs import read_run
    from tts_bench.present.report.payload import build

    return read_run(path.parent), build


def _claim(path: Path) -> None:
    from tts_bench.runs.folder import RunFolder

    folder = RunFolder(path.parent)
    folder.check()
    folder.claim(json.loads((_RUN / "run.json").read_text())["identity"])


def _config(folder: Path) -> Path:
    (folder / "run.toml").write_text('tasks = ["gsm8k"]\nstrategies = ["baseline"]\nseed = 3\ntemperature = 0.5\n')
    return folder / "run.toml"


def _read_config(path: Path) -> object:
    from tts_bench.config_file import built, read

    return built({"tasks": (), "strategies": (), **read(path)})


def _read_line(path: Path) -> object:
    from tts_bench.records import from_line, view

    line = path.read_bytes() if path.is_file() and path.stat().st_size < 1 << 24 else b""
    view(line)
    return from_line(line)


def _line(folder: Path) -> Path:
    (folder / "line.json").write_bytes((_RUN / "records.jsonl").read_bytes().splitlines()[0])
    return folder / "line.json"


def _curve(folder: Path) -> Path:
    from tts_bench.analysis.curve import write_curve
    from tts_bench.analysis.points import points
    from tts_bench.analysis.runs import read_header, read_records

    header = read_header(_RUN)
    write_curve(folder / "curve.json", points(read_records(_RUN, header), metrics=header["metrics"]), {})
    return folder / "curve.json"


def _read_curve(path: Path) -> object:
    from tts_bench.analysis.curve import read_curve

    return read_curve(path)


def _samples(folder: Path) -> Path:
    place = folder / "lm_eval" / "one" / "1"
    place.mkdir(parents=True)
    (place / "samples_t.jsonl").write_text('{"doc_id": 0, "target": "3"}\n{"doc_id": 1, "target": "4"}\n')
    return place / "samples_t.jsonl"


def _read_samples(path: Path) -> object:
    from tts_bench.present.report.verdicts import golds

    return golds(path.parents[3], "t")


def _token(name: str) -> Callable[[Path], Path]:
    return _copied(ROOT / "tts_bench" / "tokens" / "pocket", name)


def _read_token(path: Path) -> object:
    from tts_bench.tokens import tokenfile

    return tokenfile.load(path.parent)


def _data(folder: Path) -> Path:
    (folder / "gsm8k").mkdir()
    (folder / "gsm8k" / "test.jsonl").write_text(_SUM)
    return folder / "gsm8k" / "test.jsonl"


def _read_data(path: Path) -> object:
    from tts_bench.tasks.data import load_file, load_rows

    load_file(path)
    return load_rows("gsm8k", data_dir=path.parents[1])


def _task(folder: Path) -> Path:
    from tts_bench.scaffold import task

    for name, text in task.folder("mine").items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder / "mine.yaml"


def _read_task(path: Path) -> object:
    from tts_bench.tasks.loading import load

    return load([str(path)])


def _gguf(folder: Path) -> Path:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_block_count(1)
    writer.add_token_list(["a", "b", "c"])
    writer.add_tensor("token_embd.weight", np.zeros((3, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / "tiny.gguf"


def _read_gguf(path: Path) -> object:
    import gguf

    from tts_bench.models.lookup import examine

    if not path.is_file():  # anything that is not a file is looked up on the hub
        raise UserError("no file")
    examine(str(path))
    try:
        return gguf.GGUFReader(path)
    except Exception as error:  # as `convert` refuses it
        raise UserError(str(error)) from error


def _model(name: str) -> Callable[[Path], Path]:
    return _copied(ROOT / "tts_bench" / "models" / "pocket", name)


def _read_model(path: Path) -> object:
    from tts_bench.models import folder

    folder.check(path.parent)
    return folder.sampling_defaults(path.parent), folder.context_window(path.parent), folder.unapplied(path.parent)


def _wheel(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "model-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("../../model.gguf", b"GGUF" * 100)
    return folder / "model-1.0-py3-none-any.whl"


def _read_wheel(path: Path) -> object:
    from tts_bench.models.wheels import _data as data

    return sum(map(len, data(path)))


def _reply(folder: Path) -> Path:
    reply: dict[str, Any] = {
        "model": "m",
        "choices": [{"text": "so", "finish_reason": "stop", "token_ids": [1, 2], "logprobs": {"content": [{"id": 1}]}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    (folder / "reply.json").write_text(json.dumps(reply))
    return folder / "reply.json"


def _read_reply(path: Path) -> object:
    from tts_bench import foreign
    from tts_bench.engines.openai import wire

    return wire.read(foreign.read(path), 16)


def _refusals() -> tuple[type[Exception], ...]:
    from tts_bench.engines.openai.client import Faulty, Unbelievable

    return Faulty, Unbelievable


READERS: dict[str, Reader] = {
    "entry": Reader(_entry, _read_entry),
    "records": Reader(_copied(_RUN, "records.jsonl"), _read_run, lines=True),
    "record": Reader(_line, _read_line, (ValueError,)),
    "header": Reader(_copied(_RUN, "run.json"), _read_run),
    "settings": Reader(_config, _read_config),
    "resumed": Reader(_copied(_RUN, "run.json"), _claim),
    "curve": Reader(_curve, _read_curve),
    "samples": Reader(_samples, _read_samples, lines=True),
    "card": Reader(_token("card.json"), _read_token),
    "row": Reader(_token("token.safetensors"), _read_token),
    "data": Reader(_data, _read_data, lines=True),
    "task": Reader(_task, _read_task),
    "gguf": Reader(_gguf, _read_gguf),
    "config": Reader(_model("config.json"), _read_model),
    "tokenizer": Reader(_model("tokenizer.json"), _read_model),
    "weights": Reader(_model("model.safetensors"), _read_model),
    "generation": Reader(_model("generation_config.json"), _read_model),
    "wheel": Reader(_wheel, _read_wheel),
    "reply": Reader(_reply, _read_reply, (OSError, ValueError, *_refusals())),
}
