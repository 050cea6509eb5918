from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.engines.asked import GREEDY, PROMPTS, Run, Started, Tiny, requests_of
from tests.tiny import generated, input_rows, make_tiny
from tts_bench.api import LearnedToken
from tts_bench.engine import Engine, Generation, Request, Sampling
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.jobs import Job
from tts_bench.engines.hf.loop import Loop
from tts_bench.errors import UserError


def learned(engine: HfEngine, folder: Path, text: str) -> LearnedToken:
    (token,) = engine.tokenizer.encode(text)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    row = tuple(input_rows(model)[token].tolist())
    return LearnedToken("<|continue-thinking|>", row, engine.info.fingerprint, "ab12" * 16)


def greedy_reference(folder: Path, prompts: Sequence[Sequence[int]], tokens: int) -> list[tuple[int, ...]]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    options = {"do_sample": False, "max_new_tokens": tokens, "eos_token_id": -1, "pad_token_id": 0}
    found = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        output = generated(model, ids, attention_mask=torch.ones_like(ids), **options)
        found.append(tuple(output[0, len(prompt) :].tolist()))
    return found


@pytest.mark.parametrize(
    ("architecture", "tie"), [("llama", True), ("llama", False), ("qwen2", True), ("qwen2", False)]
)
def test_greedy_float32_is_what_generate_gives_alone(
    tiny: Tiny, started: Started, run: Run, architecture: str, tie: bool
) -> None:
    folder = tiny(architecture, tie)
    engine = started(folder)
    requests = requests_of(engine)
    wanted = greedy_reference(folder, [request.prompt for request in requests], 40)
    assert run(engine, requests) == [Generation(tokens, "length") for tokens in wanted]


def test_rows_that_join_and_leave_all_the_time_have_the_logits_of_a_plain_forward_pass(
    tiny: Tiny, started: Started, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = started(tiny(), max_num_seqs=5)
    sample, errors = Loop._sample, []

    def compared(self: Loop, jobs: list[Job], logits: np.ndarray) -> None:
        for job, its in zip(jobs, logits, strict=True):
            plain = self.decoder.plain([*job.request.prompt, *job.known])
            errors.append(float(np.abs(plain - its).max()))
        sample(self, jobs, logits)

    monkeypatch.setattr(Loop, "_sample", compared)
    requests = [
        replace(request, stream=f"{request.stream} {tokens}", max_tokens=tokens)
        for tokens in (1, 2, 3, 5, 8, 13)
        for request in requests_of(engine, sampling=Sampling())
    ]
    first = run(engine, requests)
    run(engine, [replace(r, prefix=(*g.tokens, 7), max_tokens=3) for r, g in zip(requests, first, strict=True)])
    assert len(errors) == 5 * 32 + 30 * 3
    assert max(errors) < 1e-3


@pytest.mark.slow
def test_greedy_float32_is_what_generate_gives_alone_on_smollm2(smollm2: Path, started: Started, run: Run) -> None:
    engine = started(smollm2, exact=False, dtype="float32")
    prompts = [engine.tokenizer.encode(prompt) for prompt in PROMPTS[:3]]
    generations = run(engine, [Request(prompt, (), 12, "s", GREEDY) for prompt in prompts])
    assert [generation.tokens for generation in generations] == greedy_reference(smollm2, prompts, 12)


def test_it_is_an_engine_with_honest_facts(tiny: Tiny, started: Started) -> None:
    folder = tiny("llama", False)
    engine: Engine = started(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    info = engine.info
    assert info.exact
    assert (info.layers, info.width, info.context) == (2, 64, 2048)
    assert info.parameters == model.num_parameters() - input_rows(model).numel()
    assert info.identity["dtype"] == "float32"
    assert info.settings["threads"] == 1
    assert started(tiny("llama", True)).info.parameters == info.parameters


def test_a_longer_request_contains_the_shorter_one(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny())
    short = run(engine, requests_of(engine, 10, Sampling()))
    long = run(engine, requests_of(engine, 30, Sampling()))
    assert [generation.tokens for generation in short] == [generation.tokens[:10] for generation in long]
    assert short[0].tokens != run(engine, [replace(requests_of(engine, 10, Sampling())[0], stream="other")])[0].tokens


def test_a_request_cut_by_its_limit_is_continued_with_the_same_tokens_and_feeds_only_what_is_new(
    tiny: Tiny, started: Started, run: Run
) -> None:
    engine = started(tiny())
    request = requests_of(engine, 30, Sampling())[0]
    (whole,) = run(engine, [request])
    engine = started(tiny())
    (first,) = run(engine, [replace(request, max_tokens=12)])
    prefilled = engine.counts.prefilled
    (second,) = run(engine, [replace(request, prefix=first.tokens, sampled=12, max_tokens=18)])
    assert first.tokens + second.tokens == whole.tokens
    assert engine.counts.prefilled == prefilled
    assert engine.counts.fed == 1  # the token that was sampled last had not been read yet


def test_continuing_a_trace_with_a_cue_feeds_the_cue_alone(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny())
    (request,) = requests_of(engine, 20)[:1]
    (first,) = run(engine, [request])
    cue = engine.tokenizer.encode("Wait, let me")
    run(engine, [replace(request, prefix=(*first.tokens, *cue))])
    assert engine.counts.prefilled == len(request.prompt)
    assert engine.counts.fed == 1 + len(cue)


def test_a_probe_does_not_cost_the_trace_its_row(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny())
    (request,) = requests_of(engine, 20)[:1]
    (first,) = run(engine, [request])
    closing, cue = engine.tokenizer.encode("Final answer:"), engine.tokenizer.encode("Wait")
    for count in (8, 14, 20):
        run(engine, [replace(request, prefix=(*first.tokens[:count], *closing), max_tokens=5)])
    before = engine.counts.fed
    run(engine, [replace(request, prefix=(*first.tokens, *cue))])
    assert engine.counts.fed - before <= 1 + len(cue)
    assert engine.counts.prefilled == len(request.prompt)


def test_sixteen_samples_share_one_prefill(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny(), max_num_seqs=6)
    (request,) = requests_of(engine, 12, Sampling())[:1]
    generations = run(engine, [replace(request, stream=str(index)) for index in range(16)])
    assert engine.counts.prefilled == len(request.prompt)
    assert engine.counts.fed == 0
    assert len({generation.tokens for generation in generations}) > 8


def test_what_traces_have_in_common_is_fed_once_where_several_are_continued_at_the_same_time(
    tiny: Tiny, started: Started, run: Run
) -> None:
    whole = run(started(tiny()), requests_of(started(tiny()), 60, Sampling())[:1])[0].tokens
    engine, other = started(tiny(), max_num_seqs=12), started(tiny(), max_num_seqs=1)
    (request,) = requests_of(engine, 9, Sampling())[:1]
    cues = [engine.tokenizer.encode(f"Wait {name}") for name in "abcdef"]
    at_its_end = [replace(request, prefix=(*whole, *cue), stream=str(cue)) for cue in cues]
    together = run(engine, at_its_end)
    assert engine.counts.fed <= 60 + sum(map(len, cues))
    nested = [replace(request, prefix=(*whole[:length], *cues[0]), stream=f"{length}") for length in (60, 20, 40)]
    fresh = started(tiny(), max_num_seqs=12)
    together += run(fresh, nested)
    assert fresh.counts.fed <= 60 + 3 * len(cues[0])
    assert together == [run(other, [request])[0] for request in (*at_its_end, *nested)]


def test_evicted_rows_and_kept_rows_give_the_same_text(tiny: Tiny, started: Started, run: Run) -> None:
    kept, lost = started(tiny(), max_num_seqs=8), started(tiny(), max_num_seqs=1)
    request = requests_of(kept, 25, Sampling())[1]
    cue = kept.tokenizer.encode("Wait")
    outcomes = []
    for engine in (kept, lost):
        (first,) = run(engine, [request])
        if engine is lost:  # eight slots: these eight push it out
            run(engine, [Request((index, 5, 6), (), 4, "x", GREEDY) for index in range(8)])
        before = engine.counts.fed
        (second,) = run(engine, [replace(request, prefix=(*first.tokens, *cue))])
        outcomes.append((first, second))
        rebuilt = engine.counts.fed - before - 1 - len(cue)
        assert rebuilt == (24 if engine is lost else 0)
    assert outcomes[0] == outcomes[1]


def test_a_learned_row_that_copies_wait_gives_what_wait_gives(tiny: Tiny, started: Started, run: Run) -> None:
    for architecture in ("llama", "qwen2"):
        folder = tiny(architecture, True)
        engine = started(folder)
        token = learned(engine, folder, "Wait")
        index = engine.learn(token)
        assert index == engine.learn(replace(token, name="again"))
        for sampling in (GREEDY, Sampling()):
            (request,) = requests_of(engine, 30, sampling)[:1]
            (wait,) = engine.tokenizer.encode("Wait")
            prefixes = [(7, 8, cue, 9) for cue in (wait, index)]
            one, two = run(engine, [replace(request, prefix=prefix) for prefix in prefixes])
            assert one == two
            (in_prompt,) = run(engine, [replace(request, prompt=(*request.prompt, index))])
            assert run(engine, [replace(request, prompt=(*request.prompt, wait))]) == [in_prompt]
            assert max(one.tokens) < index


def test_a_token_of_another_model_is_refused(tiny: Tiny, started: Started) -> None:
    engine = started(tiny())
    with pytest.raises(UserError, match="trained for the model with fingerprint abc"):
        engine.learn(LearnedToken("t", (0.0,) * 64, "abc", "d"))
    with pytest.raises(UserError, match=r"row of 3 numbers.*have 64"):
        engine.learn(LearnedToken("t", (0.0,) * 3, engine.info.fingerprint, "d"))


def test_padding_of_the_vocabulary_is_never_sampled(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny(padding=400))
    generations = run(engine, requests_of(engine, 40, Sampling(temperature=3.0)))
    assert max(max(generation.tokens) for generation in generations) < engine.tokenizer.size


def test_stop_tokens_and_stop_texts_end_a_generation(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny())
    (request,) = requests_of(engine, 40, Sampling(temperature=0.5))[:1]
    (free,) = run(engine, [request])
    token = free.tokens[9]
    until = free.tokens.index(token) + 1
    assert run(engine, [replace(request, stop_ids=frozenset({token}))]) == [Generation(free.tokens[:until], "stop", 1)]
    text = engine.tokenizer.decode(free.tokens)
    stop = text[10:14]
    (stopped,) = run(engine, [replace(request, stop_texts=(stop,))])
    assert stopped.finish == "stop"
    assert stop in engine.tokenizer.decode(stopped.tokens)
    assert stop not in engine.tokenizer.decode(stopped.tokens[: -stopped.stop])
    assert stop not in engine.tokenizer.decode(stopped.tokens[:-1])


def test_a_stop_text_that_straddles_the_cut_of_a_generation_is_counted_from_before_it(
    tiny: Tiny, started: Started, run: Run
) -> None:
    engine = started(tiny())
    (request,) = requests_of(engine, 40, Sampling(temperature=0.5))[:1]
    (free,) = run(engine, [request])
    ends = [len(engine.tokenizer.decode(free.tokens[:count])) for count in range(41)]
    text = engine.tokenizer.decode(free.tokens)
    stop = text[ends[10] : ends[14]]
    (whole,) = run(engine, [replace(request, stop_texts=(stop,))])
    cut = len(whole.tokens) - 2
    assert whole.stop > 2
    continued = replace(request, prefix=whole.tokens[:cut], sampled=cut, stop_texts=(stop,))
    assert run(engine, [continued]) == [Generation(whole.tokens[cut:], "stop", whole.stop)]
    assert run(engine, [replace(continued, sampled=0)])[0].tokens != whole.tokens[cut:]


def test_a_full_context_ends_a_generation(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny(context=64))
    assert engine.info.context == 64
    (request,) = requests_of(engine, 100)[:1]
    (generation,) = run(engine, [request])
    assert generation.finish == "context"
    assert len(request.prompt) + len(generation.tokens) == 64
    assert run(engine, [replace(request, prefix=generation.tokens)]) == [Generation((), "context")]
    small = started(tiny(context=64), context=32)
    (shorter,) = run(small, [request])
    assert shorter.tokens == generation.tokens[: 32 - len(request.prompt)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": ()}, "no token"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"sampled": 2}, "prefix holds 0"),
        ({"prompt": (10_000,)}, "token ids run from 0"),
        ({"prefix": (-1,)}, "token ids run from 0"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    tiny: Tiny, started: Started, run: Run, change: dict[str, Any], message: str
) -> None:
    engine = started(tiny())
    with pytest.raises(ValueError, match=message):
        run(engine, [replace(requests_of(engine)[0], **change)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "flaot32"}, "no dtype 'flaot32'. Did you mean 'float32'"),
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"max_num_seqs": 0}, "max_num_seqs is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"context": 5000}, "reads at most 2048"),
    ],
)
def test_options_out_of_range_say_what_to_type(
    tiny: Tiny, started: Started, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        started(tiny(), **options)


def test_the_tokenizer_adds_and_drops_nothing(tiny: Tiny, started: Started) -> None:
    tokenizer = started(tiny()).tokenizer
    text = "<|im_start|>user\nWait <think>é 漢 ,  . \n</think><|im_end|>"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    names = {tokenizer.decode([token]) for token in tokenizer.end_ids}
    assert names == {"<|im_end|>", "<|endoftext|>"}
    assert tokenizer.render("Hi") == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.render("Hi", "Be kind.").startswith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer_types": ["full_attention", "sliding_attention"]}, "has sliding_attention"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "has dynamic rotary"),
        ({"model_type": "no-such-type"}, "transformers cannot load tiny"),
    ],
)
def test_models_that_cannot_run_are_refused(
    tmp_path: Path, started: Started, change: dict[str, Any], message: str
) -> None:
    folder = make_tiny(tmp_path, "qwen2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(UserError, match=message):
        started(folder)


def test_pickled_weights_alone_are_refused(tmp_path: Path, started: Started) -> None:
    folder = make_tiny(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="transformers cannot load tiny"):
        started(folder)
