from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.hf.attention import Plan
from tts_bench.engines.hf.decoder import Decoder
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.pages import PAGE, Pages
from tts_bench.engines.hf.rows import Rows

Tiny = Callable[..., Path]
Started = Callable[..., HfEngine]
Run = Callable[[HfEngine, Sequence[Request]], list[Generation]]
COLUMNS = ((), ("logprob", "top_mean:20"))  # of every second request: what is lost is noticed here as well
REQUESTS = [Request((5, 6, n), (), 30, str(n), Sampling(), columns=COLUMNS[n % 2]) for n in range(24)]
PAGE_BYTES = 2 * 2 * 2 * 16 * 4 * PAGE  # keys and values, layers, heads, head size, bytes of a float32, tokens


class Short:
    """A forward pass that runs out of memory where more than `rows` rows are wanted, or `tokens` at once."""

    def __init__(self, engine: HfEngine, rows: int, error: Exception, tokens: int = 10**9, after: int = 0) -> None:
        self.rows, self.tokens, self.error, self.after, self.calls = rows, tokens, error, after, 0
        decoder = engine._decoder
        self.inner, decoder._forward = decoder._forward, self  # type: ignore[method-assign]

    def __call__(self, tokens: Sequence[int], positions: Sequence[int], plan: Plan, keep: Tensor | None) -> Tensor:
        self.calls += 1
        if self.calls > self.after and (plan.blocks > self.rows or len(tokens) > self.tokens):
            raise self.error
        return self.inner(tokens, positions, plan, keep)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
)
def test_running_out_of_memory_halves_the_batch_and_goes_on(
    tiny: Tiny, started: Started, run: Run, error: Exception
) -> None:
    wanted = run(started(tiny(), max_num_seqs=24), REQUESTS)
    engine = started(tiny(), max_num_seqs=24)
    Short(engine, rows=8, error=error, after=17)
    assert run(engine, REQUESTS) == wanted
    assert engine.counts.halvings == 2
    assert engine.counts.sampled == sum(len(generation.tokens) for generation in wanted)  # nothing was sampled twice


def test_a_request_that_does_not_fit_alone_gets_the_error_and_the_others_go_on(
    tiny: Tiny, started: Started, run: Run
) -> None:
    engine = started(tiny(), max_num_seqs=8)
    wanted = run(engine, REQUESTS[:6])
    Short(engine, rows=8, error=torch.OutOfMemoryError("CUDA out of memory"), tokens=100)
    with pytest.raises(MemoryError, match="single request of 200 tokens"):
        run(engine, [*REQUESTS[:3], Request((7,) * 200, (), 5, "long", Sampling()), *REQUESTS[3:6]])
    assert run(engine, REQUESTS[:6]) == wanted


def test_the_storage_of_keys_and_values_keeps_to_its_budget(tiny: Tiny, started: Started, run: Run) -> None:
    wanted = run(started(tiny(), max_num_seqs=24), REQUESTS)
    engine = started(tiny(), max_num_seqs=24, cache_bytes=9 * PAGE_BYTES)
    assert run(engine, REQUESTS) == wanted
    assert engine.counts.steps >= 24 / 8 * 29
    with pytest.raises(MemoryError, match="keys and values of 701 tokens"):
        run(engine, [Request((7,) * 700, (), 5, "long", Sampling())])


def test_short_requests_get_more_rows_out_of_the_same_memory_than_long_ones(
    tiny: Tiny, started: Started, run: Run
) -> None:
    steps = {}
    for length in (3, 5 * PAGE):
        engine = started(tiny(), max_num_seqs=24, cache_bytes=30 * PAGE_BYTES)
        run(engine, [Request((5,) * length + (index,), (), 30, str(index), Sampling()) for index in range(24)])
        steps[length] = engine.counts.steps
    assert steps[3] < 30
    assert steps[5 * PAGE] > 4 * 29


def test_rows_that_outgrow_memory_together_take_turns_and_lose_no_token(tiny: Tiny, started: Started, run: Run) -> None:
    requests = [Request((5, 6, n), (), 3 * PAGE, str(n), Sampling(), columns=COLUMNS[1]) for n in range(6)]
    wanted = run(started(tiny()), requests)
    engine = started(tiny(), cache_bytes=12 * PAGE_BYTES)
    assert run(engine, requests) == wanted
    assert engine.counts.preempted > 0
    assert engine.counts.sampled == 6 * 3 * PAGE


def test_a_trace_that_outgrows_the_budget_gets_the_error_and_the_others_go_on(
    tiny: Tiny, started: Started, run: Run
) -> None:
    engine = started(tiny(), max_num_seqs=4, cache_bytes=4 * PAGE_BYTES)
    with pytest.raises(MemoryError, match=f"keys and values of {4 * PAGE + 2} tokens"):
        run(engine, [Request((5, 6), (), 400, "long", Sampling()), *REQUESTS[:6]])
    assert len(run(engine, REQUESTS[:6])) == 6


def test_logits_that_are_not_numbers_are_an_error_of_that_request_alone(
    tiny: Tiny, started: Started, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = started(tiny())
    wanted = run(engine, REQUESTS[:4])
    embed = Decoder._embed

    def poisoned(self: Decoder, tokens: Sequence[int]) -> torch.Tensor:
        embedded = embed(self, tokens)
        embedded[[place for place, token in enumerate(tokens) if token == 99]] = torch.nan
        return embedded

    monkeypatch.setattr(Decoder, "_embed", poisoned)
    with pytest.raises(ValueError, match="not finite"):
        run(engine, [Request((5, 6, 7), (99, 8), 5, "bad", Sampling())])
    assert run(engine, [*REQUESTS[:4]]) == wanted
    assert run(engine, [Request((9, index), (), 9, "other", Sampling()) for index in range(16)])


def failing_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: Exception) -> None:
    """The next call of that method raises `error`."""
    method, errors = getattr(owner, name), [error]

    def failing(*args: object) -> object:
        if errors:
            raise errors.pop()
        return method(*args)

    monkeypatch.setattr(owner, name, failing)


def within(engine: HfEngine, requests: Sequence[Request]) -> list[Generation | BaseException]:
    """What comes of each request, errors too; those that come to nothing are an error of the test."""

    async def made(request: Request) -> Generation:
        [generation] = await engine.generate([request])
        return generation

    async def every() -> list[Generation | BaseException]:
        async with asyncio.timeout(60):
            return await asyncio.gather(*map(made, requests), return_exceptions=True)

    return asyncio.run(every())


def test_who_waits_for_anothers_prompt_is_not_lost_where_memory_runs_out(
    tiny: Tiny, started: Started, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, asked = tuple(range(5, 25)), tuple(range(105, 135))
    prompts = [asked, asked, (*held, 3)]  # the second waits for the first, and the third begins as the idle row does
    requests = [Request(prompt, (), 6, str(n), Sampling()) for n, prompt in enumerate(prompts)]
    wanted = run(started(tiny()), requests)
    engine = started(tiny())
    run(engine, [Request(held, (), 1, "held", Sampling())])
    failing_once(monkeypatch, Pages, "move", MemoryError("out of memory"))
    assert within(engine, requests) == wanted
    assert engine.counts.halvings == 1


def test_a_failure_while_nobody_is_at_work_leaves_the_engine_at_work(
    tiny: Tiny, started: Started, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = started(tiny())
    wanted = run(engine, REQUESTS[:2])
    failing_once(monkeypatch, Rows, "wipe", MemoryError("out of memory"))
    [refused] = within(engine, [Request((5, 6), (), 4, "s", Sampling(bias=((0, 1e300),)))])
    assert isinstance(refused, ValueError)
    assert within(engine, REQUESTS[:2]) == wanted


def test_storage_that_a_device_does_not_give_is_an_error_of_who_asked_for_it(
    tiny: Tiny, started: Started, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = started(tiny())
    failing_once(monkeypatch, Rows, "resize", RuntimeError("device lost"))
    first, second = within(engine, REQUESTS[:2])
    assert isinstance(first, RuntimeError)
    assert [second] == run(engine, REQUESTS[1:2])
