"""Claims about the numbers that the hf engine gives beside its tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.measuring import largest, measure

Tiny = Callable[..., Path]
Started = Callable[..., HfEngine]
Run = Callable[[HfEngine, Sequence[Request]], list[Generation]]

ALL = ("entropy", "logprob", "top_mean:1", "top_mean:20", "top_mean:999")
SAMPLINGS = (Sampling(), Sampling(temperature=0), Sampling(temperature=0.6, top_k=5, top_p=0.9, min_p=0.1))


def requests_of(engine: HfEngine, columns: tuple[str, ...] = ALL, count: int = 12) -> list[Request]:
    encode = engine.tokenizer.encode
    return [
        Request(encode(f"Tom has {n} apples"), encode("Wait") * (n % 3), 24, f"s{n}", SAMPLINGS[n % 3], columns=columns)
        for n in range(count)
    ]


def reference(folder: Path, request: Request, made: Generation, vocabulary: int) -> dict[str, list[float]]:
    """The columns by their definitions, from transformers' own forward pass and log-softmax."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    before = len(request.prompt) + len(request.prefix)
    with torch.inference_mode():
        logits = model(torch.tensor([[*request.prompt, *request.prefix, *made.tokens]])).logits[0, before - 1 : -1]
    distribution = torch.log_softmax(logits[:, :vocabulary].double(), dim=-1)
    ranked = distribution.sort(dim=-1, descending=True).values
    return {
        "entropy": (-distribution.exp() * distribution).sum(dim=-1).tolist(),
        "logprob": distribution.gather(1, torch.tensor(made.tokens)[:, None])[:, 0].tolist(),
        **{f"top_mean:{count}": ranked[:, :count].mean(dim=-1).tolist() for count in (1, 20, 999)},
    }


@pytest.mark.parametrize("padding", [0, 40])
def test_columns_are_those_of_transformers_log_softmax_whatever_the_sampling(
    tiny: Tiny, started: Started, run: Run, padding: int
) -> None:
    folder = tiny(padding=padding)
    engine = started(folder)
    requests = requests_of(engine)
    for request, made in zip(requests, run(engine, requests), strict=True):
        wanted = reference(folder, request, made, engine.vocabulary)
        assert set(made.columns) == set(wanted)
        for name, numbers in made.columns.items():
            assert numbers == pytest.approx(wanted[name], abs=1e-4), name


@pytest.mark.slow
def test_columns_of_smollm2_are_those_of_transformers_log_softmax(smollm2: Path, started: Started, run: Run) -> None:
    engine = started(smollm2, dtype="float32", exact=False)
    requests = requests_of(engine, count=3)
    for request, made in zip(requests, run(engine, requests), strict=True):
        wanted = reference(smollm2, request, made, engine.vocabulary)
        for name, numbers in made.columns.items():
            assert numbers == pytest.approx(wanted[name], abs=1e-4), name


def test_asking_for_columns_changes_no_token_of_anyone(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny())
    without = run(engine, requests_of(engine, ()))
    mixed = [replace(each, columns=ALL[: n % 4]) for n, each in enumerate(requests_of(engine, ()))]
    for request, made, plain in zip(mixed, run(engine, mixed), without, strict=True):
        assert replace(made, columns=plain.columns) == plain
        assert {name: len(numbers) for name, numbers in made.columns.items()} == dict.fromkeys(
            request.columns, len(made.tokens)
        )


def test_columns_are_the_same_to_the_bit_alone_reordered_and_cut(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny())
    requests = requests_of(engine)
    together = run(engine, requests)
    assert run(engine, requests[::-1])[::-1] == together
    assert [run(engine, [request])[0] for request in requests] == together
    for request, whole in zip(requests, together, strict=True):
        prefix = request.prefix + whole.tokens[:9]
        [rest] = run(engine, [replace(request, prefix=prefix, sampled=9, max_tokens=15)])
        assert whole.columns.cut(9).joined(9, rest.columns) == whole.columns


def test_nothing_is_measured_for_those_who_do_not_ask(
    tiny: Tiny, started: Started, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, measured = started(tiny()), []

    def counted(logits: np.ndarray, tokens: Sequence[int], names: Sequence[str]) -> dict[str, list[float]]:
        measured.append(len(logits))
        return measure(logits, tokens, names)

    monkeypatch.setattr("tts_bench.engines.hf.loop.measure", counted)
    run(engine, requests_of(engine, ()))
    assert not measured
    requests = requests_of(engine, (), 6)
    requests[2] = replace(requests[2], columns=("logprob",))
    run(engine, requests)
    assert measured == [1] * 24


def test_a_greedy_token_is_the_likeliest_and_measured_as_such(tiny: Tiny, started: Started, run: Run) -> None:
    engine = started(tiny())
    greedy = [replace(each, sampling=Sampling(temperature=0)) for each in requests_of(engine)]
    for made in run(engine, greedy):
        assert made.columns["logprob"] == made.columns["top_mean:1"]


ROWS = st.integers(1, 6).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from([-np.inf, -3.0, 0.0, 0.5, 1.0, 7.25]), min_size=200, max_size=200),
        min_size=rows,
        max_size=rows,
    )
)


@given(ROWS, st.sampled_from([1, 2, 5, 199, 200, 300]))
def test_the_largest_are_found_where_there_are_ties_and_nothing(rows: list[list[float]], count: int) -> None:
    logits = np.array(rows, np.float32)
    assert largest(logits, count).tolist() == [sorted(row, reverse=True)[:count] for row in rows]


def test_the_largest_of_a_real_vocabulary_are_found() -> None:
    logits = np.random.default_rng(0).standard_normal((5, 49_152), np.float32)
    assert largest(logits, 20).tolist() == [sorted(row, reverse=True)[:20] for row in logits.tolist()]


def test_a_token_that_is_impossible_does_not_make_the_entropy_of_the_others_no_number() -> None:
    logits = np.array([[0.0, -np.inf, 0.0, -np.inf], [500.0, 0.0, 0.0, -500.0]], np.float32)
    found = measure(logits, [2, 0], ("entropy", "logprob"))
    assert found["entropy"] == pytest.approx([np.log(2), 0])
    assert found["logprob"] == pytest.approx([-np.log(2), 0])
