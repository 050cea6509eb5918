"""Claims about order and load: on the hf engine in exact mode a record's bytes depend on its problem alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.on_hf import QUESTIONS, arms_of, engine_of, items_of, make_thinker, records_of
from tests.runs.samples import execute, write_sums
from tests.scripts import World, rambler
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Sampling
from tts_bench.engines.hf.decoder import Decoder
from tts_bench.present.running import header
from tts_bench.records import to_line
from tts_bench.runs.run import prepare
from tts_bench.solving.solve import Item
from tts_bench.thinking import detect

STRATEGIES = ("baseline:budgets=8+24", "budget-forcing:extensions=2", "majority-vote:samples=3")
Lines = dict[tuple[int, str], str]


def lines_of(folder: Path, items: Sequence[Item], rows: int, in_flight: int, dtype: str, thinking: str | None) -> Lines:
    """Records of the items as bytes, from an engine of its own."""
    with engine_of(folder, dtype=dtype, rows=rows) as engine:
        assert engine.info.exact, engine.info.exact_note
        form = detect(engine.tokenizer, name=thinking)
        conditions = Conditions(form, answer=Sampling(temperature=0), max_thinking=32, max_answer=6)
        records = records_of(engine, conditions, arms_of(*STRATEGIES), items, in_flight)
    return {(record.doc_id, record.strategy): to_line(record) for record in records}


def shuffled(items: Sequence[Item], seed: int) -> list[Item]:
    return random.Random(seed).sample(items, len(items))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_records_are_the_same_bytes_in_any_order_load_and_subset(tmp_path: Path, dtype: str) -> None:
    folder = make_thinker(tmp_path, "llama")
    items = items_of([f"{question} {number}" for number in (1, 2) for question in QUESTIONS])
    whole = lines_of(folder, items, 32, 32, dtype, "think-tags")
    assert len(whole) == len(items) * len(STRATEGIES)
    assert len({line.partition('"segments"')[2] for line in whole.values()}) > len(items)
    assert any('"cues":2' in line for line in whole.values())
    for rows, in_flight, some in (
        (4, 32, shuffled(items, 1)),
        (7, 5, shuffled(items, 2)),
        (32, 1, shuffled(items, 3)[:6]),
    ):
        found = lines_of(folder, some, rows, in_flight, dtype, "think-tags")
        assert found == {key: whole[key] for key in found}, (rows, in_flight)
        assert len(found) == len(some) * len(STRATEGIES)


def test_records_are_the_same_bytes_in_any_order_load_and_subset_on_scripted() -> None:
    items = items_of([f"{question} {number}" for number in (1, 2) for question in QUESTIONS])

    def lines(some: list[Item]) -> Lines:
        records = World(rambler).run(*STRATEGIES, items=some)
        return {(record.doc_id, record.strategy): to_line(record) for record in records}

    whole = lines(items)
    for some in (shuffled(items, 1), shuffled(items, 2)[:5], items[3:4]):
        found = lines(some)
        assert found == {key: whole[key] for key in found}


@pytest.mark.slow
def test_records_are_the_same_bytes_in_any_order_load_and_subset_on_smollm2(smollm2: Path) -> None:
    items = items_of(QUESTIONS[1:4])  # in float32: tests/engines/test_hf_exact.py has this model's text in bfloat16
    whole = lines_of(smollm2, items, 8, 32, "float32", None)
    found = lines_of(smollm2, [items[2], items[0]], 4, 1, "float32", None)
    assert found == {key: whole[key] for key in found}
    assert len(found) == 2 * len(STRATEGIES)


def test_where_the_self_test_fails_a_run_carries_no_exact_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Decoder.step

    def worse(self: Decoder, tokens: list[int], positions: list[int], pages: list[list[int]]) -> NDArray[np.float32]:
        logits = step(self, tokens, positions, pages)
        if len(tokens) > 5:
            logits[5, 3] += 1e-6
        return logits

    folder, data = make_thinker(tmp_path / "model", "llama"), write_sums(tmp_path / "data", 2)
    model = ModelConfig(
        str(folder), "hf:device=cpu,rows=8,threads=1,kept_proof=false", max_thinking_tokens=8, max_answer_tokens=4
    )

    def label(name: str) -> tuple[bool, bool, str]:
        run = prepare(RunConfig(model, ("gsm8k",), ("baseline",), data_dir=data), tmp_path / name)
        [line] = [line for line in header(run) if line.startswith("engine")]
        execute(run)
        engine = json.loads((tmp_path / name / "run.json").read_text())["engine"]
        assert engine["identity"]["exact"] is engine["exact"]  # other text may not be taken for this one's
        return engine["exact"], "not exact" in line, engine["exact_note"]

    assert label("good")[:2] == (True, False)
    monkeypatch.setattr(Decoder, "step", worse)
    exact, said, note = label("spoilt")
    assert (exact, said) == (False, True)
    assert "not bit-identical" in note
