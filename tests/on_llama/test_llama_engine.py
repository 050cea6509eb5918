"""The openai engine before a real llama-server: what it honours, which tokens come, where they stop."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.on_hf import answers_of, engine_of, items_of
from tests.on_llama.conftest import WINDOW, Live, Serve, endpoint
from tts_bench.api import Answer
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Engine, Generation, Request, Sampling
from tts_bench.engines.openai.dialect import Dialect
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.thinking import PRESETS

pytestmark = pytest.mark.slow
GREEDY, FREE = Sampling(temperature=0), Sampling(temperature=1)
COLUMNS = ("logprob", "top_mean:1", "top_mean:20")
QUESTIONS = (
    *("What is the capital of France?", "Tell me about the sea.", "How do I boil an egg?", "What is 12 + 7?"),
    *("Name three colours.", "Why is the sky blue?", "Write a line about winter.", "What does a baker do?"),
)


def ask(engine: OpenAIEngine, *requests: Request) -> list[Generation]:
    return asyncio.run(engine.generate(requests))


def question(engine: OpenAIEngine, text: str, tokens: int, stream: str = "s") -> Request:
    tokenizer = engine.tokenizer
    prompt = tokenizer.encode(tokenizer.render(text))
    return Request(prompt, (), tokens, stream, GREEDY, frozenset(tokenizer.end_ids))


def test_the_probe_finds_what_llama_cpp_honours(smollm2_engine: OpenAIEngine) -> None:
    dialect = smollm2_engine.dialect
    print(smollm2_engine.info.exact_note)
    assert dialect == Dialect(
        api="completions",
        extras=True,
        prompt_ids=True,
        told_ids="token_ids",
        stop_texts=True,
        seeds=True,
        logprobs=True,
        top_logprobs=20,
        continuation=True,
        top_k=True,
        min_p=True,
    )
    assert smollm2_engine.info.context == WINDOW


def test_greedy_tokens_are_those_of_the_servers_own_endpoint(
    smollm2_engine: OpenAIEngine, smollm2_server: Live
) -> None:
    for text in QUESTIONS:
        request = question(smollm2_engine, text, 32)
        [made] = ask(smollm2_engine, request)
        own = smollm2_server.native(
            prompt=list(request.prompt), n_predict=32, temperature=0, return_tokens=True, repeat_penalty=1.0
        )
        assert list(made.tokens) == own["tokens"]


def test_greedy_tokens_of_quantised_weights_begin_as_those_of_hf(smollm2_engine: OpenAIEngine, smollm2: Path) -> None:
    requests = [question(smollm2_engine, text, 24) for text in QUESTIONS]
    found = ask(smollm2_engine, *requests)
    with engine_of(smollm2) as local:
        expected = asyncio.run(local.generate(requests))
    same = [_common(one.tokens, other.tokens) for one, other in zip(found, expected, strict=True)]
    print(f"tokens before the first that differs, of {[len(one.tokens) for one in expected]}: {same}")
    assert sum(same) >= 0.3 * sum(len(one.tokens) for one in expected)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


@pytest.mark.parametrize("form", ["think-tags", "s1"])
def test_budget_forcing_is_that_of_hf_token_for_token_where_the_weights_are_the_same(
    tiny_server: Live, tiny: Path, form: str
) -> None:
    chosen = Conditions(PRESETS[form], 0, GREEDY, GREEDY, GREEDY, max_thinking=70, max_answer=12)
    spec, items = "budget-forcing:extensions=2", items_of()
    with engine_of(tiny) as local:
        expected = answers_of(local, chosen, spec, items)
    with endpoint(tiny_server, tiny) as engine:
        found = answers_of(engine, chosen, spec, items)
    assert _contents(found) == _contents(expected)
    if form == "think-tags":
        assert any(answer.traces[0].cues for answers in found.values() for answer in answers)


def _contents(answers: dict[str, list[Answer]]) -> dict[str, list[object]]:
    return {problem: [(a.traces, replace(a.cost, flops=0.0)) for a in given] for problem, given in answers.items()}


def test_columns_are_those_of_hf_where_the_weights_are_the_same(tiny_server: Live, tiny: Path) -> None:
    with endpoint(tiny_server, tiny) as engine, engine_of(tiny) as local:
        requests = [replace(question(engine, text, 40), columns=COLUMNS) for text in QUESTIONS]
        requests += [replace(request, sampling=Sampling(temperature=0.5, top_p=0.8)) for request in requests]
        found = ask(engine, *requests)
        offs = _offs(found, _forced(local, requests, found))
    print(f"largest differences from hf over {len(offs['logprob'])} tokens: {_largest(offs)}")
    assert all(max(numbers) < 1e-3 for numbers in offs.values())


def test_columns_of_quantised_weights_are_near_those_of_hf(smollm2_engine: OpenAIEngine, smollm2: Path) -> None:
    requests = [replace(question(smollm2_engine, text, 24), columns=COLUMNS) for text in QUESTIONS]
    found = ask(smollm2_engine, *requests)
    with engine_of(smollm2) as local:
        offs = _offs(found, _forced(local, requests, found))
    means = {name: sum(numbers) / len(numbers) for name, numbers in offs.items()}
    print(f"mean differences from hf over {len(offs['logprob'])} tokens: {means}, the largest {_largest(offs)}")
    assert all(mean < 0.3 for mean in means.values())


def _forced(local: Engine, requests: list[Request], found: list[Generation]) -> list[list[Generation]]:
    """For each token of `found` what `local` gives after all that stands before it, one token long."""
    return [
        asyncio.run(
            local.generate(
                [
                    replace(request, prefix=made.tokens[:at], sampled=at, max_tokens=1, sampling=GREEDY)
                    for at in range(len(made.tokens))
                ]
            )
        )
        for request, made in zip(requests, found, strict=True)
    ]


def _offs(found: list[Generation], forced: list[list[Generation]]) -> dict[str, list[float]]:
    """How far the columns are from each other; of the tokens' own, where both have the same."""
    offs: dict[str, list[float]] = {name: [] for name in COLUMNS}
    for made, each in zip(found, forced, strict=True):
        for at, other in enumerate(each):
            for name in COLUMNS:
                number = made.columns[name][at]
                if not math.isnan(number) and (name != "logprob" or other.tokens[0] == made.tokens[at]):
                    offs[name].append(abs(number - other.columns[name][0]))
    return offs


def _largest(offs: dict[str, list[float]]) -> dict[str, float]:
    return {name: max(numbers) for name, numbers in offs.items()}


@pytest.mark.parametrize("tokens", [1, 7, 40])
def test_a_budget_holds_to_the_token_and_what_was_cut_goes_on(smollm2_engine: OpenAIEngine, tokens: int) -> None:
    request = question(smollm2_engine, "Tell me about the sea.", 60)
    [whole] = ask(smollm2_engine, request)
    [begun] = ask(smollm2_engine, replace(request, max_tokens=tokens))
    assert (begun.tokens, begun.finish) == (whole.tokens[:tokens], "length")
    [rest] = ask(smollm2_engine, replace(request, prefix=begun.tokens, sampled=tokens, max_tokens=60 - tokens))
    assert begun.tokens + rest.tokens == whole.tokens


def test_thinking_stops_at_a_text_in_it_and_the_text_is_counted_once(smollm2_engine: OpenAIEngine) -> None:
    request = question(smollm2_engine, "Tell me about the sea.", 40)
    tokenizer = smollm2_engine.tokenizer
    [whole] = ask(smollm2_engine, request)
    stop = tokenizer.decode(whole.tokens[10:13]).strip()
    [made] = ask(smollm2_engine, replace(request, stop_texts=(stop,)))
    assert made.finish == "stop"
    assert made.tokens == whole.tokens[: len(made.tokens)]
    assert tokenizer.decode(made.tokens).endswith(stop)
    assert tokenizer.decode(made.tokens[-made.stop :]).strip() == stop


def test_a_forced_word_is_read_and_gone_on_from(smollm2_engine: OpenAIEngine, smollm2_server: Live) -> None:
    request = question(smollm2_engine, "What is 12 + 7?", 16)
    [begun] = ask(smollm2_engine, request)
    forced = begun.tokens[: len(begun.tokens) - begun.stop] + smollm2_engine.tokenizer.encode("\nWait,")
    [on] = ask(smollm2_engine, replace(request, prefix=forced))
    own = smollm2_server.native(prompt=[*request.prompt, *forced], n_predict=16, temperature=0, return_tokens=True)
    assert list(on.tokens) == own["tokens"]


def test_characters_of_several_tokens_are_told_whole(smollm2_engine: OpenAIEngine) -> None:
    smiles = " \N{SMILING FACE WITH SMILING EYES} \N{SLIGHTLY SMILING FACE}" * 8
    prompt = smollm2_engine.tokenizer.encode(f"A list of emojis:{smiles}")
    for tokens in (11, 12):
        [made] = ask(smollm2_engine, Request(prompt, (), tokens, "s", GREEDY))
        assert (len(made.tokens), made.finish) == (tokens, "length")
    assert "\N{SMILING FACE WITH SMILING EYES}" in smollm2_engine.tokenizer.decode(made.tokens)


def test_streams_have_seeds_of_their_own_and_a_stream_repeats(smollm2_engine: OpenAIEngine) -> None:
    request = replace(question(smollm2_engine, "Tell me about the sea.", 24), sampling=FREE)
    texts = [ask(smollm2_engine, replace(request, stream=f"s{n % 3}"))[0].tokens for n in range(6)]
    assert texts[:3] == texts[3:]
    assert len(set(texts)) == 3


def test_the_nucleus_is_that_of_the_tempered_distribution(smollm2_engine: OpenAIEngine, smollm2_server: Live) -> None:
    prompt = smollm2_engine.tokenizer.encode("The three most important things in life are")
    told = smollm2_server.native(
        prompt=list(prompt),
        n_predict=1,
        n_probs=40,
        post_sampling_probs=True,
        temperature=0.5,
        top_k=0,
        top_p=1.0,
        min_p=0.0,
    )
    [place] = told["completion_probabilities"]  # type: ignore[misc]
    nucleus, held = set(), 0.0
    for candidate in place["top_probs"]:
        if held < 0.8:
            nucleus.add(candidate["id"])
        held += candidate["prob"]
    draw = Request(prompt, (), 1, "", Sampling(temperature=0.5, top_p=0.8))
    drawn = {made.tokens[0] for made in ask(smollm2_engine, *(replace(draw, stream=str(n)) for n in range(64)))}
    assert len(drawn) > 1
    assert drawn <= nucleus


def test_a_full_window_ends_a_generation_at_its_last_place(smollm2_engine: OpenAIEngine) -> None:
    prompt = (smollm2_engine.tokenizer.encode(" sea") * WINDOW)[: WINDOW - 20]
    [made] = ask(smollm2_engine, Request(prompt, (), 50, "s", GREEDY))
    assert (len(made.tokens), made.finish) == (20, "context")


def test_samplers_that_the_server_was_started_with_change_nothing(
    serve: Serve, gguf: Path, smollm2: Path, smollm2_engine: OpenAIEngine
) -> None:
    odd = ("--repeat-penalty", "1.8", "--mirostat", "2", "--dry-multiplier", "2", "--xtc-probability", "1")
    with serve(gguf, "smollm2", *odd) as live, endpoint(live, smollm2) as engine:
        for text in QUESTIONS[:3]:
            greedy = question(engine, text, 24)
            for request in (greedy, replace(greedy, sampling=FREE)):
                assert ask(engine, request) == ask(smollm2_engine, request)
