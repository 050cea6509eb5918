"""A checkpoint with a learned token in its vocabulary, in plain vLLM without code of ours. `make test-vllm`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.on_vllm.conftest import FINGERPRINT
from tests.on_vllm.widening import widen
from tts_bench.engine import Engine, Generation, Request, Sampling
from tts_bench.learning.export import to_checkpoint
from tts_bench.tasks.data import load_rows
from tts_bench.thinking import detect
from tts_bench.tokens import find, tokenfile

vllm = pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

Run = Callable[[Engine, Sequence[Request]], list[Generation]]
COUNT, SHARE, THINKING, MORE = 200, 0.95, 80, 40
GREEDY = Sampling(temperature=0.0)
[TOKEN] = find.shipped().values()  # of the pocket model


class Plain:
    """vLLM's own `LLM` on the exported checkpoint, in the form that its kernels for the CPU take."""

    def __init__(self, scratch: Path) -> None:
        self.place = to_checkpoint(TOKEN, scratch / "checkpoint")
        folder = widen(scratch / "checkpoint", scratch / "wide")
        sizes = {"max_num_seqs": 16, "kv_cache_memory_bytes": 200_000_000}
        self.llm: Any = vllm.LLM(str(folder), dtype="float32", enforce_eager=True, **sizes)

    def generate(self, prompts: Sequence[Sequence[int] | str], stops: frozenset[int], **more: object) -> list[Any]:
        params = vllm.SamplingParams(max_tokens=MORE, stop_token_ids=sorted(stops), ignore_eos=True, **more)
        asked = [each if isinstance(each, str) else {"prompt_token_ids": list(each)} for each in prompts]
        return [output.outputs[0] for output in self.llm.generate(asked, params, use_tqdm=False)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    plain = Plain(tmp_path_factory.mktemp("exported"))
    yield plain
    plain.llm.llm_engine.engine_core.shutdown()


def thoughts_of(engine: Engine, run: Run) -> tuple[list[tuple[int, ...]], frozenset[int]]:
    """Prompts with greedy thoughts, up to where the model would end them; the tokens that end thinking."""
    form, tokenizer = detect(engine.tokenizer), engine.tokenizer
    (closing,) = tokenizer.encode(form.end)
    questions = [str(row["question"]) for row in load_rows("pocket_arithmetic").rows[:COUNT]]
    prompts = [tokenizer.encode(form.open(tokenizer.render(question))) for question in questions]
    stops = tokenizer.end_ids | {closing}
    made = run(engine, [Request(prompt, (), THINKING, "", GREEDY, stops) for prompt in prompts])
    return [p + m.tokens[: len(m.tokens) - m.stop] for p, m in zip(prompts, made, strict=True)], stops


def test_plain_vllm_says_after_the_token_what_the_hf_engine_says_after_its_row(
    hf_engine: Engine, plain: Plain, run: Run
) -> None:
    token = tokenfile.load(TOKEN)
    cue = hf_engine.learn(replace(token, model=FINGERPRINT))
    thoughts, stops = thoughts_of(hf_engine, run)
    ours = run(hf_engine, [Request(thought, (cue,), MORE, "", GREEDY, stops) for thought in thoughts])
    masked = {"temperature": 0, "logit_bias": {plain.place: -100}}
    theirs = plain.generate([(*thought, plain.place) for thought in thoughts], stops, **masked)
    alike = [(our, their) for our, their in zip(ours, theirs, strict=True) if our.tokens == tuple(their.token_ids)]
    print(f"{len(alike)} of {len(ours)} traces have equal tokens after the token")
    assert len(ours) == COUNT
    assert len(alike) >= SHARE * COUNT
    assert all(our.finish == their.finish_reason for our, their in alike)
    assert len({our.tokens for our in ours}) > COUNT // 2
    texts = [hf_engine.tokenizer.decode(thought) + token.name for thought in thoughts[:20]]
    by_name = plain.generate(texts, stops, **masked)
    assert [their.token_ids for their in by_name] == [their.token_ids for their in theirs[:20]]


def test_plain_vllm_samples_the_token_unless_a_logit_bias_says_otherwise(
    hf_engine: Engine, plain: Plain, run: Run
) -> None:
    """vLLM does not read `suppress_tokens` of the generation config."""
    thoughts, _ = thoughts_of(hf_engine, run)
    for bias, expected in ((100, COUNT * MORE), (-100, 0)):
        found = plain.generate(thoughts, frozenset(), temperature=2, logit_bias={plain.place: bias})
        assert sum(their.token_ids.count(plain.place) for their in found) == expected
