"""Claims about the vllm engine at work. They need vLLM: `make test-vllm`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.on_vllm.conftest import start_vllm
from tests.tiny import input_rows
from tts_bench.api import LearnedToken
from tts_bench.engine import Engine, Generation, Request, Sampling
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.errors import EngineError, UserError
from tts_bench.tasks.data import load_rows
from tts_bench.thinking import detect

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

Run = Callable[[Engine, Sequence[Request]], list[Generation]]
GREEDY, FREE = Sampling(temperature=0.0), Sampling(temperature=1.0)


def prompts_of(engine: Engine, count: int) -> list[tuple[int, ...]]:
    form, tokenizer = detect(engine.tokenizer), engine.tokenizer
    rows = load_rows("pocket_arithmetic").rows[:count]
    return [tokenizer.encode(form.open(tokenizer.render(str(row["question"])))) for row in rows]


def requests_of(engine: Engine, count: int, tokens: int = 24, sampling: Sampling = GREEDY) -> list[Request]:
    return [Request(prompt, (), tokens, f"stream {n}", sampling) for n, prompt in enumerate(prompts_of(engine, count))]


@pytest.mark.parametrize(
    "sampling",
    [GREEDY, FREE, Sampling(0.7, top_k=20, top_p=0.95), Sampling(1.2, min_p=0.05)],
    ids=["greedy", "free", "top-k and top-p", "min-p"],
)
def test_the_same_streams_give_the_same_tokens_as_on_hf(
    vllm_engine: Engine, hf_engine: Engine, run: Run, sampling: Sampling
) -> None:
    """Sampled text too: the number that draws a token is that of its stream and position, on every engine."""
    asked = requests_of(vllm_engine, 50, sampling=sampling)
    asked = [replace(request, stop_ids=vllm_engine.tokenizer.end_ids) for request in asked]
    ours, theirs = run(vllm_engine, asked), run(hf_engine, asked)
    assert sum(one.tokens == other.tokens for one, other in zip(ours, theirs, strict=True)) >= 48
    assert all(one == other for one, other in zip(ours, theirs, strict=True) if one.tokens == other.tokens)
    assert len({generation.tokens for generation in ours}) > 10


@pytest.mark.parametrize("sampling", [GREEDY, FREE, Sampling(0.7, top_k=20, top_p=0.95)], ids=["greedy", "free", "cut"])
def test_columns_are_those_of_hf_to_rounding_and_change_no_token(
    vllm_engine: Engine, hf_engine: Engine, run: Run, sampling: Sampling
) -> None:
    names = ("entropy", "logprob", "top_mean:1", "top_mean:20")
    plain = [
        replace(r, stop_ids=vllm_engine.tokenizer.end_ids) for r in requests_of(vllm_engine, 50, sampling=sampling)
    ]
    stops = [replace(request, stop_texts=("so",)) for request in plain[:10]]  # such are handed over token by token
    asked = [replace(request, columns=names if n % 3 else ()) for n, request in enumerate([*plain, *stops])]
    ours, theirs = run(vllm_engine, asked), run(hf_engine, asked)
    assert [made.tokens for made in ours] == [made.tokens for made in run(vllm_engine, [*plain, *stops])]
    alike = [(one, other) for one, other in zip(ours, theirs, strict=True) if one.tokens == other.tokens]
    assert len(alike) >= 57
    offs = [
        abs(number - its)
        for one, other in alike
        for name in other.columns
        for number, its in zip(one.columns[name], other.columns[name], strict=True)
    ]
    print(f"{len(offs)} numbers, the largest difference is {max(offs)}")
    assert len(offs) > 1000
    assert max(offs) < 1e-3


def test_columns_of_calls_that_were_given_up_are_kept_no_longer(vllm_engine: Engine, run: Run) -> None:
    asked = [replace(request, columns=("logprob",)) for request in requests_of(vllm_engine, 12, 2000, FREE)]

    async def given_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(vllm_engine.generate(asked), 0.3)

    asyncio.run(given_up())
    run(vllm_engine, [replace(asked[0], max_tokens=3)])
    running, last = vllm_engine._running, int(next(vllm_engine._names))  # type: ignore[attr-defined]
    for name in map(str, range(last - len(asked) - 1, last)):
        assert not any(running.call(running.in_workers("take_columns", name)).result())


def test_text_depends_on_neither_order_nor_company(vllm_engine: Engine, run: Run) -> None:
    asked = requests_of(vllm_engine, 24, sampling=FREE)
    together = run(vllm_engine, asked)
    assert run(vllm_engine, asked[::-1])[::-1] == together
    assert [run(vllm_engine, [request])[0] for request in asked[:6]] == together[:6]


def test_a_longer_request_contains_the_shorter_one_and_a_cut_one_is_continued(vllm_engine: Engine, run: Run) -> None:
    long = run(vllm_engine, requests_of(vllm_engine, 8, 30, FREE))
    short = run(vllm_engine, requests_of(vllm_engine, 8, 11, FREE))
    assert [generation.tokens for generation in short] == [generation.tokens[:11] for generation in long]
    rest = [
        replace(request, prefix=cut.tokens, sampled=11, max_tokens=19)
        for request, cut in zip(requests_of(vllm_engine, 8, 30, FREE), short, strict=True)
    ]
    assert [g.tokens for g in run(vllm_engine, rest)] == [generation.tokens[11:] for generation in long]


def test_budgets_hold_to_the_token(vllm_engine: Engine, run: Run) -> None:
    asked = [replace(request, max_tokens=n + 1) for n, request in enumerate(requests_of(vllm_engine, 12))]
    found = run(vllm_engine, asked)
    assert [(len(generation.tokens), generation.finish) for generation in found] == [
        (n + 1, "length") for n in range(12)
    ]


def test_stop_tokens_and_stop_texts_that_straddle_tokens_end_a_generation(vllm_engine: Engine, run: Run) -> None:
    [request] = requests_of(vllm_engine, 1, 40, Sampling(temperature=1.5))
    [free] = run(vllm_engine, [request])
    until = free.tokens.index(free.tokens[9]) + 1
    stopped = replace(request, stop_ids=frozenset({free.tokens[9]}))
    assert run(vllm_engine, [stopped]) == [Generation(free.tokens[:until], "stop", 1)]
    decode = vllm_engine.tokenizer.decode
    ends = [len(decode(free.tokens[:count])) for count in range(41)]
    stop = decode(free.tokens)[ends[10] + 1 : ends[14]]
    [whole] = run(vllm_engine, [replace(request, stop_texts=(stop,))])
    assert whole.finish == "stop"
    assert whole.tokens == free.tokens[: len(whole.tokens)]
    assert stop in decode(whole.tokens)
    assert stop not in decode(whole.tokens[:-1])
    assert whole.stop > 1
    cut = len(whole.tokens) - 1
    rest = replace(request, prefix=whole.tokens[:cut], sampled=cut, stop_texts=(stop,))
    assert run(vllm_engine, [rest]) == [Generation(whole.tokens[cut:], "stop", whole.stop)]


def test_a_full_context_ends_a_generation(vllm_engine: Engine, run: Run) -> None:
    room = vllm_engine.info.context
    [request] = requests_of(vllm_engine, 1, 10_000)
    [generation] = run(vllm_engine, [request])
    assert generation.finish == "context"
    assert len(request.prompt) + len(generation.tokens) == room
    assert run(vllm_engine, [replace(request, prefix=generation.tokens)]) == [Generation((), "context")]
    [last] = run(vllm_engine, [replace(request, prefix=generation.tokens[:-1])])
    assert last == Generation(generation.tokens[-1:], "context")


def row_of(engine: Engine, folder: Path, text: str) -> LearnedToken:
    (token,) = engine.tokenizer.encode(text)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    row = tuple(input_rows(model)[token].tolist())
    return LearnedToken("<|continue-thinking|>", row, engine.info.fingerprint, f"{token:012x}" + "0" * 52)


def test_a_learned_row_that_copies_a_word_gives_what_the_word_gives(
    vllm_engine: Engine, pocket: Path, run: Run
) -> None:
    for word in ("Wait", "12"):
        token = row_of(vllm_engine, pocket, word)
        index = vllm_engine.learn(token)
        assert vllm_engine.learn(token) == index
        (known,) = vllm_engine.tokenizer.encode(word)
        for sampling in (GREEDY, FREE):
            [request] = requests_of(vllm_engine, 1, 20, sampling)
            asked = [replace(request, prefix=(*request.prompt[5:8], cue)) for cue in (known, index)]
            one, two = run(vllm_engine, asked)
            assert one == two
    with pytest.raises(UserError, match="trained for the model with fingerprint abc"):
        vllm_engine.learn(LearnedToken("t", token.row, "abc", "d" * 64))
    with pytest.raises(UserError, match="has a row of 3 numbers"):
        vllm_engine.learn(LearnedToken("t", (0.0,) * 3, vllm_engine.info.fingerprint, "d" * 64))


def test_learned_rows_and_padding_are_never_sampled(vllm_engine: Engine, run: Run) -> None:
    found = run(vllm_engine, requests_of(vllm_engine, 16, 60, Sampling(temperature=50.0)))
    assert max(max(generation.tokens) for generation in found) < cast(HfTokenizer, vllm_engine.tokenizer).size


def test_cancelling_a_call_frees_what_it_had(vllm_engine: Engine) -> None:
    async def scenario() -> list[Generation]:
        endless = requests_of(vllm_engine, 16, 10_000)
        doomed = asyncio.create_task(vllm_engine.generate(endless))
        await asyncio.sleep(0.5)
        doomed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doomed
        return await asyncio.wait_for(vllm_engine.generate(requests_of(vllm_engine, 4, 10)), 60)

    before = vllm_engine.busy_seconds
    assert [len(generation.tokens) for generation in asyncio.run(scenario())] == [10] * 4
    rested = vllm_engine.busy_seconds
    assert rested > before
    assert vllm_engine.busy_seconds == rested  # nothing is in flight any more


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": ()}, "no token"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"sampled": 2}, "prefix holds 0"),
        ({"prompt": (10_000_000,)}, "token ids run from 0"),
        ({"prefix": (-1,)}, "token ids run from 0"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    vllm_engine: Engine, run: Run, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run(vllm_engine, [replace(requests_of(vllm_engine, 1)[0], **change)])


def test_its_facts_are_those_of_hf(vllm_engine: Engine, hf_engine: Engine) -> None:
    ours, theirs = vllm_engine.info, hf_engine.info
    facts = ("model", "fingerprint", "context", "capabilities", "layers", "width", "parameters", "continues")
    assert [getattr(ours, fact) for fact in facts] == [getattr(theirs, fact) for fact in facts]
    assert ours.identity["streams"] == "own"
    assert ours.identity["dtype"] == "float32"
    assert "every token is drawn by the number of its own stream" in ours.exact_note
    assert vllm_engine.tokenizer.end_ids == hf_engine.tokenizer.end_ids


def test_where_vllm_is_killed_requests_fail_at_once_and_closing_works(pocket: Path) -> None:
    others = {child.pid for child in psutil.Process().children()}  # of the engine that the other tests share
    engine = start_vllm(pocket, exact=False)

    async def scenario() -> None:
        generating = asyncio.create_task(engine.generate(requests_of(engine, 16, 400)))
        await asyncio.sleep(0.3)
        for child in psutil.Process().children():
            if "EngineCore" in " ".join(child.cmdline()) and child.pid not in others:
                child.kill()
        for asked in (generating, engine.generate(requests_of(engine, 1))):
            with pytest.raises(EngineError, match="vLLM has ended; its own messages"):
                await asyncio.wait_for(asked, 30)
        await asyncio.wait_for(engine.close(), 30)

    asyncio.run(scenario())
