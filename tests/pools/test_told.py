"""Claims about what files tell of each output, and how: why it ended, in lists beside it, in several encodings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pools import recorded
from tests.pools.questions import write
from tts_bench.cli.main import _run
from tts_bench.pools.entry import Output, cut
from tts_bench.pools.file import Pool
from tts_bench.pools.read import source


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a data folder of four problems."""
    monkeypatch.chdir(tmp_path)
    write(Path("data"))
    return tmp_path


def imported(*rows: Any) -> Pool:
    file = recorded.write(Path("f.jsonl"), list(rows))
    said = ["import", str(file), "--task", "gsm8k", "--model", "m", "--data-dir", "data", "--out", "out", "--quiet"]
    assert _run(said) == 0
    return Pool(Path("out/pool.sqlite"))


def outputs(*rows: Any) -> list[Output]:
    return [each for entry in source(recorded.write(Path("f.jsonl"), list(rows))).entries() for each in entry.outputs]


THOUGHT = {"response": "<think>a</think>\\boxed{3}", "tokens": 9, "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("reason", "answer", "said"),
    [
        ("stop", "5", "0 outputs cut by a limit"),
        ("length", None, "1 output cut by a limit"),
        (None, None, "0 outputs cut by a limit; 1 other without an end of thinking, taken as cut"),
        ("content_filter", None, "0 outputs cut by a limit; 1 other without an end of thinking, taken as cut"),
    ],
)
def test_an_output_without_an_end_of_thinking_is_an_answer_if_its_file_says_that_it_stopped(
    reason: str | None, answer: str | None, said: str
) -> None:
    short = {"response": "\\boxed{5}", "tokens": 4, "finish_reason": reason}
    pool = imported({"id": 0, "responses": [THOUGHT]}, {"id": 1, "responses": [short]})
    found = {record.doc_id: record.answers[0] for record in recorded.records(Path("out"))}
    assert [found[number].extracted for number in (0, 1)] == ["3", answer]
    assert found[1].truncated == (answer is None)
    assert pool.about.cuts == said
    assert (pool.get("gsm8k/1", 0).meets == 0) == (answer is not None)


def test_a_reason_to_finish_is_a_limit_or_an_end_or_tells_neither_however_it_is_spelled() -> None:
    assert [cut(each) for each in ("length", "MAX_TOKENS", "model_length")] == [True] * 3
    assert [cut(each) for each in ("stop", "STOP", "end_turn", "eos_token")] == [False] * 4
    assert [cut(each) for each in (None, "", "unknown", "abort")] == [None] * 4


def test_a_list_beside_the_responses_gives_each_of_them_its_own() -> None:
    beside = {
        "finish_reason": ["length", "stop"],
        "tokens": [2, None],
        "score": [0.1, 0.9],
        "logprobs": [[-1.0, -2.0], None],
        "reasoning": ["hm", None],
        "answer": "#### 3",
    }
    first = Output("a", thinking="hm", tokens=2, cut=True, score=0.1, logprobs=(-1.0, -2.0))
    second = Output("b", cut=False, score=0.9)
    assert outputs({"id": 0, "responses": ["a", "b"], **beside}) == [first, second]
    objects = [{"response": "a", "tokens": None}, {"response": "b"}]
    assert outputs({"id": 0, "responses": objects, **beside}) == [first, second]


@pytest.mark.parametrize(("said", "verdicts"), [(["4"], [1.0]), (["4", "5"], [None, None])])
def test_the_verdict_of_a_sample_of_inspect_is_that_of_its_output_only_where_it_has_one(
    said: list[str], verdicts: list[float | None]
) -> None:
    choices = [{"message": {"content": f"\\boxed{{{each}}}"}, "stop_reason": "stop"} for each in said]
    sample = {"id": 1, "input": "?", "output": {"choices": choices}, "scores": {"match": {"value": "C"}}}
    Path("log.json").write_text(json.dumps({"eval": {}, "samples": [sample]}))
    [entry] = source(Path("log.json")).entries()
    assert [each.verdict for each in entry.outputs] == verdicts


def test_a_log_probability_that_rounding_put_above_0_is_0() -> None:
    assert outputs({"id": 0, "response": "a b", "logprobs": [1e-6, -1.0]})[0].logprobs == (0.0, -1.0)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    rows = [{"id": number, "response": "é"} for number in range(2)]
    recorded.write(Path("f.jsonl"), rows)
    Path("g.jsonl").write_bytes(b"\xef\xbb\xbf" + Path("f.jsonl").read_bytes())
    found = [[(each.line, each.outputs) for each in source(Path(name)).entries()] for name in ("f.jsonl", "g.jsonl")]
    assert found[0] == found[1]
    Path("log.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"eval": {}, "samples": []}).encode())
    assert list(source(Path("log.json")).entries()) == []
