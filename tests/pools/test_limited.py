"""Claims about a run on a part of a pool: only the problems that are played have to be in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pools.questions import write
from tests.refusals import check_message
from tts_bench.cli.main import _run
from tts_bench.runs.folder import RunFolder

OUTPUTS = {0: 3, 1: 3, 2: 1, 3: 3}  # of each problem; the last one has thoughts that are longer


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `import` wrote, of which problem 2 has one output only."""
    monkeypatch.chdir(tmp_path)
    write(Path("data"))
    lines = [
        {
            "doc_id": doc,
            "responses": [
                {
                    "thinking": "so</think>",
                    "response": "\\boxed{3}",
                    "thinking_tokens": 40 if doc == 3 else 2,
                    "answer_tokens": 4,
                }
            ]
            * count,
        }
        for doc, count in OUTPUTS.items()
    ]
    Path("f.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = ["import", "f.jsonl", "--task", "gsm8k", "--model", "m", "--data-dir", "data", "--out", "out"]
    assert _run(said) == 0
    return Path("out")


def played(pool: Path, limit: int, strategy: str) -> int:
    words = ["--engine", "replay", "--model", str(pool), "--tasks", "gsm8k", "--data-dir", "data", "--out", "run"]
    return _run(["run", *words, "--limit", str(limit), "--strategy", strategy, "--quiet"])


@pytest.mark.parametrize("strategy", ["majority-vote:samples=3", "baseline:budgets=2"])
@pytest.mark.parametrize("limit", [1, 2])
def test_what_lies_beyond_the_limit_refuses_no_strategy(pool: Path, limit: int, strategy: str) -> None:
    assert played(pool, limit, strategy) == 0
    assert {record.doc_id for record in RunFolder(Path("run")).records()} == set(range(limit))
    assert not any(record.error for record in RunFolder(Path("run")).records())


@pytest.mark.parametrize(
    ("limit", "strategy", "said"),
    [
        (3, "majority-vote:samples=3", "it draws 3 samples, but the pool has 1 of gsm8k/2."),
        (2, "majority-vote:samples=4", "it draws 4 samples, but the pool has 3 of gsm8k/0."),
        (4, "majority-vote:samples=1,budget=2", "the longest thinking has 40 tokens"),
        (9, "majority-vote:samples=3", "the pool has 1 of gsm8k/2."),
    ],
)
def test_a_problem_that_is_played_and_lacks_outputs_is_named(
    pool: Path, limit: int, strategy: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert played(pool, limit, strategy) == 2
    message = capsys.readouterr().err
    check_message(message)
    assert said in message
    assert not Path("run").exists()
