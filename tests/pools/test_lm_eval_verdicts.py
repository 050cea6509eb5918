"""Claims about lm-eval's own samples files: they are scored as lm-eval scored them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance
from lm_eval.evaluator import simple_evaluate
from lm_eval.loggers import EvaluationTracker

from tests.pools import recorded
from tts_bench.cli.main import _run
from tts_bench.lm_eval.replay import GenerateOnly
from tts_bench.pools.file import Pool
from tts_bench.tasks.loading import load

TASK = """\
task: sums
custom_dataset: !function tts_bench.tasks.hooks.dataset_of_file
dataset_kwargs: {file: problems.jsonl}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n\\n"], do_sample: true}
filter_list:
  - name: strict-match
    filter:
      - {function: regex, regex_pattern: "#### (-?[0-9.,]+)"}
      - {function: take_first}
  - name: flexible-extract
    filter:
      - {function: regex, group_select: -1, regex_pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)"}
      - {function: take_first}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, regexes_to_ignore: [",", "\\\\$"]}
metadata: {version: 1}
"""
SAID = [
    "So 1,002. #### 1,002", "It is 7", "#### 9\nno, 11", "#### $11", "", "#### 13.", "no number", "#### -15 or so 17",
]  # fmt: skip


class Dummy(GenerateOnly):
    """Says what it is told to."""

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        return [SAID[int(str(request.doc_id)) % len(SAID)] for request in requests]


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    rows = [{"question": f"What is {n}?", "answer": str(n)} for n in (1002, 7, 11, 11, 5, 13, 1, 17)]
    rows = [{**row, "question": f"{place}: {row['question']}"} for place, row in enumerate(rows)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(TASK)
    return tmp_path / "sums.yaml"


def test_a_file_that_lm_eval_wrote_is_scored_as_lm_eval_scored_it(sums: Path, tmp_path: Path) -> None:
    tasks: Any = load([str(sums)])
    results: Any = simple_evaluate(
        Dummy(), tasks=[tasks.tasks["sums"].task], log_samples=True, bootstrap_iters=0, random_seed=None
    )
    tracker = EvaluationTracker(output_path=str(tmp_path / "out"))
    tracker.save_results_aggregated(results, results["samples"])
    tracker.save_results_samples("sums", results["samples"]["sums"])
    [file] = (tmp_path / "out").rglob("samples_sums_*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 2 * len(SAID), "a line for each document and filter"
    verdicts = {(line["doc_id"], line["filter"]): line["exact_match"] for line in lines}
    assert 0 < sum(verdicts.values()) < len(verdicts)
    out = tmp_path / "run"
    said = ["import", str(file), "--task", str(sums), "--model", "dummy", "--out", str(out), "--tokenizer", "pocket"]
    assert _run(said) == 0
    for record in recorded.records(out):
        [answer] = record.answers
        assert answer.text == SAID[record.doc_id]
        for name, score in {"exact_match": "strict-match", "exact_match,flexible-extract": "flexible-extract"}.items():
            assert answer.scores[name] == verdicts[record.doc_id, score], record
    first = {f"sums/{number}": verdict for (number, name), verdict in verdicts.items() if name == "strict-match"}
    assert Pool(out / "pool.sqlite").verdicts() == {(problem, 0): verdict for problem, verdict in first.items()}
