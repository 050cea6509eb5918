"""A token that has become part of its model says what it said as a row of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GemmaConfig, GemmaForCausalLM

from tests.on_hf import answers_of, engine_of, items_of, make_thinker
from tests.tiny import Architecture, generated, input_rows, make_tiny
from tts_bench import models
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Sampling
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.load import load
from tts_bench.errors import UserError
from tts_bench.learning.export import to_checkpoint
from tts_bench.learning.start import embedding_of, untrained
from tts_bench.thinking import detect
from tts_bench.tokens import tokenfile

NAME = "<|continue-thinking|>"
SIZES: dict[str, Any] = {"max_thinking": 60, "max_answer": 8}


def made(folder: Path, model: Path, text: str = "Wait, H") -> Path:
    untrained(models.resolve(str(model)), folder, text, NAME)
    return folder


@pytest.mark.parametrize("padding", [0, 3], ids=["full", "padded"])
@pytest.mark.parametrize("tie", [True, False], ids=["tied", "untied"])
def test_only_the_tokens_row_is_new_and_it_is_never_sampled(tmp_path: Path, tie: bool, padding: int) -> None:
    make_tiny(tmp_path / "m", "llama", tie, padding=padding)
    token = made(tmp_path / "t", tmp_path / "m")
    place = to_checkpoint(token, tmp_path / "out")
    old, new = (AutoModelForCausalLM.from_pretrained(tmp_path / name) for name in ("m", "out"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.encode(NAME, add_special_tokens=False) == [place]
    assert place == max(AutoTokenizer.from_pretrained(tmp_path / "m").get_vocab().values()) + 1
    assert new.config.tie_word_embeddings is tie
    rows = input_rows(new)
    assert len(rows) == max(place + 1, len(input_rows(old)))
    assert rows[place].tolist() == list(tokenfile.load(token).row)
    for name, tensor in old.state_dict().items():
        kept = new.state_dict()[name]
        if (kept.shape[0] > place and "embed" in name) or "lm_head" in name:
            assert torch.equal(kept[:place], tensor[:place]), name
        else:
            assert torch.equal(kept, tensor), name
    assert new.generation_config.suppress_tokens == list(range(place, len(rows)))
    sampled = generated(new, torch.tensor([[1, 2, place]]), do_sample=True, max_new_tokens=60, top_k=0, eos_token_id=[])
    assert int(sampled[0, 3:].max()) < place


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_plain_generate_on_the_exported_checkpoint_gives_the_traces_of_the_engine(
    tmp_path: Path, architecture: Architecture
) -> None:
    make_thinker(tmp_path / "m", architecture)
    token = made(tmp_path / "t", tmp_path / "m")
    place = to_checkpoint(token, tmp_path / "out")
    greedy = Sampling(0.0)
    found = models.resolve(str(tmp_path / "m"))
    engine = load(
        found.folder, name="m", fingerprint=found.fingerprint, device="cpu", max_num_seqs=8, threads=1, exact=False
    )
    try:
        form = detect(engine.tokenizer, name="think-tags")
        conditions = Conditions(form, thinking=greedy, continuation=greedy, answer=greedy, **SIZES)
        ours = answers_of(engine, conditions, f"learned-token:token={token},extensions=2", items_of())
        ends, closing = engine.tokenizer.end_ids, engine.tokenizer.encode(form.end)
    finally:
        asyncio.run(engine.close())
    with engine_of(tmp_path / "out") as exported:
        as_word = answers_of(exported, conditions, f"budget-forcing:cue={NAME},extensions=2", items_of())
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    forced = 0
    for problem, answers in ours.items():
        segments = answers[-1].traces[0].segments
        forced += sum(segment.kind == "cue" for segment in segments)
        assert [s.tokens for s in as_word[problem][-1].traces[0].segments if s.kind != "cue"] == [
            s.tokens for s in segments if s.kind != "cue"
        ]
        read: list[int] = []
        for segment in segments:
            if segment.kind in ("thinking", "answer"):
                wanted = [*segment.tokens, *segment.end]
                stops = sorted(ends) if segment.kind == "answer" else sorted({*ends, *closing})
                made_by_generate = model.generate(
                    torch.tensor([read]), do_sample=False, max_new_tokens=len(wanted), eos_token_id=stops
                )[0, len(read) :].tolist()
                assert made_by_generate == wanted
            read += [place] * len(segment.tokens) if segment.kind == "cue" else segment.tokens
    assert forced > 3


def test_a_model_whose_embedding_scales_what_it_looks_up_is_refused(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "m", "llama")
    sizes = AutoModelForCausalLM.from_pretrained(folder).config
    config = GemmaConfig(
        **{name: getattr(sizes, name) for name in ("vocab_size", "hidden_size", "intermediate_size")},
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
    )
    GemmaForCausalLM(config).save_pretrained(folder)
    found = models.resolve(str(folder))
    wrong = r"m reads its input embeddings through GemmaTextScaledWordEmbedding; .*plain torch.nn.Embedding.*--model"
    with pytest.raises(UserError, match=wrong):
        untrained(found, tmp_path / "t", "Wait", NAME)
    facts: dict[str, Any] = {"name": NAME, "init": "Wait", "training": {}, "licence": "MIT"}
    tokenfile.save(tmp_path / "t", [1.0] * 64, model=str(folder), fingerprint=found.fingerprint, **facts)
    with pytest.raises(UserError, match=wrong):
        to_checkpoint(tmp_path / "t", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    scaled = SimpleNamespace(model=GemmaForCausalLM(config), info=SimpleNamespace(model="m"))
    with pytest.raises(UserError, match=wrong):
        embedding_of(cast(HfEngine, scaled), "Wait")


def test_a_token_for_another_model_or_with_a_known_name_is_not_exported(tmp_path: Path) -> None:
    make_tiny(tmp_path / "m")
    make_tiny(tmp_path / "other", seed=1)
    token = made(tmp_path / "t", tmp_path / "m")
    with pytest.raises(UserError, match=r"trained for a model with fingerprint.*--model"):
        to_checkpoint(token, tmp_path / "out", str(tmp_path / "other"))
    with pytest.raises(UserError, match="exists already"):
        to_checkpoint(token, tmp_path / "m")
    to_checkpoint(token, tmp_path / "out")
    found = models.resolve(str(tmp_path / "out"))
    with pytest.raises(UserError, match=r"is already a token of"):
        untrained(found, tmp_path / "again", "Wait", NAME)
    with pytest.raises(UserError, match="--name is ' '; it takes a text that is not blank"):
        untrained(found, tmp_path / "again", "Wait", " ")
    assert not (tmp_path / "again").exists()


def test_a_token_whose_name_is_blank_is_not_exported(tmp_path: Path) -> None:
    facts = {"model": "m", "fingerprint": "f" * 64, "init": "Wait", "training": {}, "licence": "MIT"}
    tokenfile.save(tmp_path / "t", [1.0], name=" ", **facts)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="has the name ' ', and a vocabulary takes none that is blank"):
        to_checkpoint(tmp_path / "t", tmp_path / "out")
    assert not (tmp_path / "out").exists()
