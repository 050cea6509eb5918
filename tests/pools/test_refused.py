"""Claims about files and settings that cannot be imported: exit 2, one message by file and line, nothing written."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.pools.questions import Q, write
from tests.refusals import check_message, contents
from tts_bench.cli import main as root
from tts_bench.cli.main import _run

GOOD = {"doc_id": 0, "response": "\\boxed{3}", "tokens": 3}
SAMPLE = {"doc_id": 0, "doc": {"question": Q[0]}, "resps": [["\\boxed{3}"]], "filter": "none", "metrics": []}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a data folder of four problems."""
    monkeypatch.chdir(tmp_path)
    write(Path("data"))
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], place: Path) -> Callable[..., str]:
    def run(*arguments: str, verb: str = "import") -> str:
        before = contents(place)
        assert root._run([verb, *arguments]) == 2
        message = capsys.readouterr().err
        check_message(message)
        assert contents(place) == before
        assert len(message) < 1000
        return message

    return run


def into(*more: str, file: str = "f.jsonl") -> list[str]:
    return [file, "--task", "gsm8k", "--model", "m", "--data-dir", "data", "--out", "out", *more]


def lines(*found: Any) -> bytes:
    return b"".join(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in found)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "f.jsonl is empty"),
    "no line": (b"\n \n", "holds no line"),
    "no JSON": (lines(GOOD, b"response: 7\n"), "line 2 is not JSON"),
    "cut off": (lines(GOOD, b'{"doc_id": 1, "respon'), "line 2 is not JSON"),
    "nested": (lines(GOOD, b"[" * 200_000 + b"\n"), "line 2 is not JSON"),
    "NaN": (lines(GOOD, b'{"doc_id": 1, "response": "x", "logprobs": [NaN]}\n'), "line 2: 'logprobs' is not a list of"),
    "enormous": (lines(GOOD, b'{"doc_id": 1, "tokens": 1e999}\n'), "line 2 is not JSON"),
    "NUL": (lines(GOOD, b"\0\n"), "line 2 is not JSON"),
    "not UTF-8": (lines(GOOD, b'{"doc_id": 1, "response": "\xff"}\n'), "line 2 is not JSON"),
    "surrogate": (lines(GOOD, b'{"doc_id": 1, "response": "\\ud800"}\n'), "line 2 is not JSON"),
    "an output before the first": (
        lines({**GOOD, "sample": -1}),
        "line 1: 'sample' is -1; expected a whole number from 0",
    ),
    "a fraction as a number": (
        lines({**GOOD, "doc_id": 0.0}),
        "line 1: 'doc_id' is 0.0; expected a whole number or a text",
    ),
    "digits that int() takes and JSON does not": (
        lines({**GOOD, "doc_id": "\u0660"}),
        "gsm8k has no problem '\u0660'",
    ),
    "a list": (lines(GOOD, [1]), "line 2: the line is a JSON list; expected an object"),
    "no problem": (lines(GOOD, {"response": "7"}), "line 2 names no problem"),
    "no output": (lines(GOOD, {"doc_id": 1}), "line 2 has no output"),
    "no outputs": (lines(GOOD, {"doc_id": 1, "responses": []}), "line 2: 'responses' is empty"),
    "a number for a text": (lines(GOOD, {"doc_id": 1, "response": 7}), "line 2: 'response' is a JSON number"),
    "a truth value for a count": (lines({**GOOD, "tokens": True}), "line 1: 'tokens' is a JSON truth value"),
    "a count below 0": (lines({**GOOD, "tokens": -1}), "line 1: 'tokens' is -1"),
    "a count above all": (lines({**GOOD, "tokens": 10**9}), "line 1: 'tokens' is 1,000,000,000"),
    "no tokens for a text": (lines({**GOOD, "tokens": 0}), "line 1: it has 0 tokens for a text"),
    "counts that contradict": (
        lines({**GOOD, "thinking_tokens": 2, "answer_tokens": 2}),
        "line 1: it has 2 and 2 tokens, and 3 in all",
    ),
    "too few log-probabilities": (
        lines({**GOOD, "logprobs": [-1.0]}),
        "line 1: its tokens number 3, its log-probabilities 1; expected",
    ),
    "texts as log-probabilities": (lines({**GOOD, "logprobs": ["a"]}), "line 1: 'logprobs' is not a list of numbers"),
    "a problem that is not there": (lines(GOOD, {**GOOD, "doc_id": 4}), "line 2: gsm8k has no problem '4'"),
    "a question that is not there": (
        lines({"question": "Who?", "response": "7"}),
        "no problem with the question 'Who?'",
    ),
    "one output twice": (
        lines({**GOOD, "sample": 0}, {**GOOD, "sample": 0}),
        "line 2: output 0 of the problem is already there",
    ),
    "an output that is skipped": (lines({**GOOD, "sample": 1}), "output 0 of gsm8k/0 is missing"),
    "an enormous place": (lines({**GOOD, "sample": 10**6}), "line 1: 'sample' is 1,000,000"),
    "no counts": (lines({"doc_id": 0, "response": "7"}), "line 1: an output has no token count"),
    "thinking that comes late": (
        lines(*[GOOD] * 1000, {**GOOD, "response": "a</think>b"}),
        "line 1001: an output holds </think>",
    ),
    "probabilities for log-probabilities": (
        lines(GOOD, {**GOOD, "logprobs": [0.9, 0.8, 1.0]}),
        "line 2: a log-probability is 0.9; expected natural logarithms",
    ),
    "a probability of a token": (
        lines({**GOOD, "logprobs": {"content": [{"token": "7", "logprob": 0.5}]}}),
        "line 1: a log-probability is 0.5",
    ),
    "a probability of another token": (
        lines({**GOOD, "logprobs": {"content": [{"logprob": -1, "top_logprobs": [{"logprob": 0.25}]}]}}),
        "line 1: a log-probability is 0.25",
    ),
    "more values than responses": (
        lines(GOOD, {"doc_id": 1, "responses": ["a", "b"], "tokens": [1, 2, 3]}),
        "line 2: 'tokens' stands beside 'responses' and has 3 values for 2 responses; give one for each, or put it",
    ),
    "one value for all samples": (
        lines({"doc_id": 1, "samples": ["a", "b"], "finish_reason": "stop"}),
        "line 1: 'finish_reason' stands beside 'samples' and is a JSON text; give one for each",
    ),
    "a value beside and within": (
        lines({"doc_id": 1, "responses": [{"response": "a", "completion_tokens": 2}], "tokens": [1]}),
        "line 1: 'tokens' stands beside 'responses', and 'completion_tokens' in one of them",
    ),
    "a response beside responses": (
        lines({"doc_id": 1, "responses": ["a"], "response": "b"}),
        "line 1: 'response' stands beside 'responses'",
    ),
    "a number of one of several": (
        lines({"doc_id": 1, "responses": ["a"], "sample": 1}),
        "line 1: 'sample' stands beside 'responses', whose order numbers the outputs",
    ),
    "gzip": (gzip.compress(lines(GOOD)), "it is gzip-compressed; unpack it: gunzip f.jsonl"),
    "UTF-16": (lines(GOOD).decode().encode("utf-16"), "it is UTF-16; save it as UTF-8"),
    "UTF-16 without a mark": (lines(GOOD).decode().encode("utf-16-be"), "it is UTF-16; save it as UTF-8"),
    "a document twice": (lines(SAMPLE, SAMPLE), "line 2: document 0 is already in line 1"),
    "samples of no text": (lines({**SAMPLE, "resps": [[[-1.0, True]]]}), "line 1: 'resps' is not a list of texts"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_wrong_is_refused_by_file_and_line(name: str, refused: Callable[..., str], place: Path) -> None:
    content, said = HOSTILE[name]
    (place / "f.jsonl").write_bytes(content)
    assert said in refused(*into())


def test_a_line_a_file_or_an_archive_of_any_size_is_refused_in_bounded_memory(
    refused: Callable[..., str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tts_bench.foreign.LINE", 1 << 20)
    with (place / "f.jsonl").open("wb") as file:
        file.write(lines(GOOD))
        file.truncate(10**9)  # a line of a gigabyte
    assert "line 2: a line has more than 1,048,576 bytes" in refused(*into())
    with zipfile.ZipFile("f.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/1_epoch_1.json", b"[" + b"0," * 10**6 + b"0]")
    assert "samples/1_epoch_1.json has 2,000,003 bytes" in refused(*into(file="f.eval"))
    raw = bytearray(Path("f.eval").read_bytes())
    for size in (raw.index((2_000_003).to_bytes(4, "little")), raw.rindex((2_000_003).to_bytes(4, "little"))):
        raw[size : size + 4] = (9).to_bytes(4, "little")  # an archive that lies about it
    Path("f.eval").write_bytes(raw)
    assert "f.eval" in refused(*into(file="f.eval"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines(GOOD, GOOD), "If it is JSON Lines, rename it to .jsonl: mv f.json f.jsonl"),
        (lines({"id": 0, "samples": ["a"]}), "If it is JSON Lines, rename it to .jsonl"),
        (json.dumps([GOOD], indent=1).encode(), "a line of its own, in a .jsonl file: jq -c '.[]' f.json > f.jsonl"),
        (b'{\n"a": 1}', "has no 'samples'; expected a log of Inspect"),
        (lines({"eval": {}}), "has no 'samples'; expected a log of Inspect"),
    ],
    ids=["lines", "samples", "list", "document", "log"],
)
def test_a_json_file_that_is_no_log_of_inspect_is_told_what_it_has_to_be(
    content: bytes, said: str, refused: Callable[..., str]
) -> None:
    Path("f.json").write_bytes(content)
    assert said in refused(*into(file="f.json"))


def test_a_sample_that_stands_in_two_places_of_inspects_logs_is_refused_with_both(refused: Callable[..., str]) -> None:
    output = {"choices": [{"message": {"content": "7"}}], "usage": {"output_tokens": 1}}
    one, two = ({"id": n, "epoch": 1, "uuid": f"u{n}", "input": Q[n], "output": output} for n in range(2))

    def log(name: str, *samples: Any) -> None:
        Path(name).write_text(json.dumps({"eval": {}, "samples": samples}))

    log("f.json", one, two)
    log("retry.json", {**two, "epoch": 2})
    said = refused(*into("retry.json", file="f.json"))
    assert "retry.json, sample 1 is the sample of f.json, sample 2 again: both have uuid u1" in said
    log("f.json", one, {**two, "id": 0})
    assert "f.json, sample 2 is the sample of f.json, sample 1 again: both have id 0 and epoch 1" in refused(
        *into(file="f.json")
    )
    with zipfile.ZipFile("f.eval", "w") as archive:
        archive.writestr("samples/1_epoch_1.json", json.dumps(one))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("samples/1_epoch_1.json", json.dumps(two))
    assert "its samples 1 and 2 are both named samples/1_epoch_1.json" in refused(*into(file="f.eval"))


@pytest.mark.parametrize("out", ["dang", "dang/new", "/proc/x"])
def test_a_folder_that_cannot_be_made_is_refused(out: str, refused: Callable[..., str]) -> None:
    Path("f.jsonl").write_bytes(lines(GOOD))
    Path("dang").symlink_to("/nowhere/x")
    assert f"--out {out} cannot be" in refused(*into("--out", out))


@pytest.mark.parametrize("name", ["", "  "])
def test_a_model_without_a_name_is_refused(name: str, refused: Callable[..., str]) -> None:
    Path("f.jsonl").write_bytes(lines(GOOD))
    assert "--model is empty" in refused(*into("--model", name))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (Path.mkdir, "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    ],
    ids=["nothing", "folder", "pipe", "device"],
)
def test_what_is_no_file_is_refused(make: Callable[[Path], Any], said: str, refused: Callable[..., str]) -> None:
    make(Path("f.jsonl"))
    assert said in refused(*into())


def test_names_in_an_archive_are_names_only(refused: Callable[..., str]) -> None:
    with zipfile.ZipFile("f.eval", "w") as archive:
        archive.writestr("../../evil.json", b"{}")
        archive.writestr("samples/../../evil.json", b"{}")
    assert "it has 0 samples" in refused(*into(file="f.eval"))
    choice = {"message": {"content": "7"}, "logprobs": {"content": [{"token": "7", "logprob": float("nan")}]}}
    sample = {"id": 0, "input": Q[0], "output": {"choices": [choice]}}
    Path("f.json").write_text(json.dumps({"samples": [sample]}))
    assert "sample 1: 'logprob' is nan; expected a number that is finite" in refused(*into(file="f.json"))
    Path("f.eval").write_bytes(b"PK\3\4 and no more")
    assert "cannot be read as a log of Inspect" in refused(*into(file="f.eval"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (None, "it is not finished, and no sample is. Finish it with: inspect eval-retry f.eval. Then import the log"),
        ("header.json", "it has 0 samples"),  # finished, and without samples
        ("samples/1_epoch_1/sample.json", "it has 0 samples"),  # in another layout
    ],
)
def test_a_log_of_inspect_without_samples_is_called_unfinished_if_it_is(
    more: str | None, said: str, refused: Callable[..., str]
) -> None:
    with zipfile.ZipFile("f.eval", "w") as archive:
        for name in ("_journal/start.json", *([more] if more else [])):
            archive.writestr(name, b"{}")
    assert said in refused(*into(file="f.eval"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--strategy", "majority-vote:samples=3"], "it draws 3 samples, but the pool has 2 of gsm8k/1"),
        (["--strategy", "short-m-at-k:m=2,k=3"], "it draws 3 samples, but the pool has 2"),
        (["--strategy", "budget-forcing"], "replaces the end of thinking by a cue, but imported outputs"),
        (["--strategy", "step-conditional"], "but imported outputs cannot be continued"),  # with line breaks in options
        (["--strategy", "mixed-cues"], "but imported outputs cannot be continued"),
        (["--strategy", "baseline:budgets=2"], "an answer after a cut was not recorded"),
        (["--strategy", "deepconf:samples=2"], "returns no log-probabilities"),
        (["--strategy", "reasoning-effort:efforts=low"], "has no effort setting"),
        (["--task", "no-such-task"], "There is no task 'no-such-task'"),
        (["--thinking", "no-such-format"], "There is no thinking format"),
        (["--tokenizer", "no such model"], "No model is called"),
        (["f.jsonl"], "given twice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_was_not_recorded_is_refused_before_anything_is_written(
    options: list[str], said: str, refused: Callable[..., str]
) -> None:
    thought = {"response": "\\boxed{3}", "thinking": "so 3</think>", "thinking_tokens": 4, "answer_tokens": 3}
    several = {"doc_id": 0, "responses": [thought] * 4}
    Path("f.jsonl").write_bytes(lines(several, {"doc_id": 1, "responses": [thought] * 2}))
    assert said in refused(*into(*options))


def test_a_pool_takes_no_setting_of_generation_and_no_other_task_or_rows(
    refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("f.jsonl").write_bytes(lines(*[{**GOOD, "doc_id": n} for n in (2, 0)]))
    assert _run(["import", *into()]) == 0
    assert "2 problems" in capsys.readouterr().out
    replay = ["--engine", "replay", "--model", "out", "--tasks", "gsm8k", "--data-dir", "data", "--out", "two"]
    for option in ("--temperature=0", "--system=x", "--seed=1", "--max-thinking-tokens=9", "--template-arg=a=1"):
        said = refused(*replay, option, verb="run")
        assert f"{option.partition('=')[0]} does not apply to imported outputs" in said
    assert "the run is on pocket_flat" in refused(*replay[:4], "--tasks", "pocket_flat", "--out", "two", verb="run")
    Path("data/gsm8k/test.jsonl").write_text(json.dumps({"question": Q[0], "answer": "#### 4"}) + "\n")
    assert "differ from those at import" in refused(*replay, verb="run")
    assert "holds no pool.sqlite" in refused(*replay[:2], "--model", "data", "--tasks", "gsm8k", verb="run")


def test_the_folder_of_another_run_takes_no_pool(refused: Callable[..., str]) -> None:
    Path("f.jsonl").write_bytes(lines(GOOD))
    run = ["run", "--engine", "scripted", "--data-dir", "data", "--strategy", "baseline", "--out", "out", "-q"]
    assert _run(run) == 0
    assert "--out out holds another run's records; outputs are imported into a folder of their own" in refused(*into())


def test_a_pool_that_was_taken_away_is_made_again_in_its_own_folder() -> None:
    Path("f.jsonl").write_bytes(lines(*[{**GOOD, "doc_id": n} for n in range(2)]))
    assert _run(["import", *into("-q")]) == 0
    Path("out/pool.sqlite").unlink()
    assert _run(["import", *into("-q")]) == 0
    assert Path("out/pool.sqlite").is_file()


@pytest.mark.parametrize("wrong", [None, True, [], -1.5])
def test_a_pool_whose_facts_are_of_other_types_is_refused(refused: Callable[..., str], wrong: object) -> None:
    Path("f.jsonl").write_bytes(lines(GOOD))
    assert _run(["import", *into("-q")]) == 0
    replay = ["--engine", "replay", "--model", "out", "--tasks", "gsm8k", "--data-dir", "data", "--out", "two"]
    with closing(sqlite3.connect("out/pool.sqlite")) as pool:
        [content] = pool.execute("SELECT content FROM about").fetchone()
    for name in ("task", "outputs", "fewest", "longest_thinking", "tokens"):
        with closing(sqlite3.connect("out/pool.sqlite")) as pool, pool:
            pool.execute("UPDATE about SET content = ?", (json.dumps({**json.loads(content), name: wrong}),))
        assert f"out/pool.sqlite cannot be read as a pool ({name}: " in refused(*replay, verb="run")
