"""A learned token stands for its row and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.on_hf import FINGERPRINT, answers_of, engine_of, items_of, make_thinker
from tests.tiny import Architecture
from tts_bench.api import Answer
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Sampling, learned_id
from tts_bench.thinking import detect
from tts_bench.tokens import tokenfile


def copy_of(folder: Path, text: str, dtype: str, out: Path) -> Path:
    """A token file whose row is the embedding of `text`, which is one token."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    [token] = AutoTokenizer.from_pretrained(folder).encode(text, add_special_tokens=False)
    row = model.get_input_embeddings().weight[token].float().tolist()
    facts = {"model": "m", "fingerprint": FINGERPRINT, "init": text, "training": {}, "licence": "MIT"}
    tokenfile.save(out, row, name="<|continue-thinking|>", **facts)
    return out


def traced(answers: dict[str, list[Answer]]) -> dict[str, list[object]]:
    """All but how the cue is named: tokens, ends, places, streams and costs."""
    return {
        problem: [
            (
                answer.text,
                answer.cost,
                [
                    (s.kind, s.start, s.stream, len(s.tokens) if s.kind == "cue" else s.tokens, s.end)
                    for s in answer.traces[0].segments
                ],
            )
            for answer in rungs
        ]
        for problem, rungs in answers.items()
    }


@pytest.mark.parametrize("temperature", [0.0, 1.0], ids=["greedy", "sampled"])
@pytest.mark.parametrize(("architecture", "dtype"), [("llama", "float32"), ("qwen2", "float32"), ("llama", "bfloat16")])
def test_a_learned_token_whose_row_is_a_copy_of_waits_gives_the_traces_of_the_cue_wait(
    tmp_path: Path, architecture: Architecture, dtype: str, temperature: float
) -> None:
    folder = make_thinker(tmp_path / "model", architecture)
    copy, other = (copy_of(folder, text, dtype, tmp_path / text) for text in ("Wait", "H"))
    sampling = Sampling(temperature)
    with engine_of(folder, dtype=dtype) as engine:
        form = detect(engine.tokenizer, name="think-tags")
        conditions = Conditions(
            form, thinking=sampling, continuation=sampling, answer=sampling, max_thinking=80, max_answer=8
        )
        items = items_of()
        said = answers_of(engine, conditions, "budget-forcing:cue=Wait,extensions=3", items)
        learned = answers_of(engine, conditions, f"learned-token:token={copy},extensions=3", items)
        another = answers_of(engine, conditions, f"learned-token:token={other},extensions=3", items)
    assert traced(learned) == traced(said)
    assert traced(another) != traced(said)  # the row is really read
    cues = [s for rungs in learned.values() for s in rungs[-1].traces[0].segments if s.kind == "cue"]
    assert len(cues) >= 4
    assert {segment.tokens for segment in cues} == {(learned_id(tokenfile.load(copy)),)}
