"""The numbers that servers tell of their tokens."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engines.drawing import log_softmax, surely, weights
from tests.engines.serving import Kind, endpoint, serving
from tests.on_hf import engine_of, make_thinker
from tests.tiny import make_tiny
from tts_bench.engine import Generation, Request, Sampling, check_columns
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.errors import EngineError, UserError

GREEDY = Sampling(temperature=0)
COLUMNS = ("logprob", "top_mean:1", "top_mean:20")
TOLD = {"vllm": 20, "llama.cpp": 20, "old llama.cpp": 20, "tgi": 0, "strict": 0, "chat": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("served"))


def ask(engine: OpenAIEngine, *requests: Request) -> list[Generation]:
    return asyncio.run(engine.generate(requests))


def request_of(engine: OpenAIEngine, tokens: int = 20, **how: Any) -> Request:
    return replace(Request(engine.tokenizer.encode("Why?"), (), tokens, "s", GREEDY, columns=COLUMNS), **how)


def numbers_of(engine: OpenAIEngine, request: Request, made: Generation) -> list[float]:
    """What the server without a model tells of each token."""
    before = [*request.prompt, *request.prefix]
    tokens = made.tokens
    return [dict(surely([*before, *tokens[:at]], token))[token] for at, token in enumerate(tokens)]


@pytest.mark.parametrize("kind", TOLD)
def test_the_probe_sees_of_how_many_tokens_a_server_tells(folder: Path, kind: Kind) -> None:
    with serving(folder, kind) as server, endpoint(server, folder) as engine:
        info = engine.info
    assert info.top_logprobs == TOLD[kind]
    assert ("logprobs" in info.capabilities) is (TOLD[kind] > 0)
    assert "top_logprobs" not in info.identity  # what is stored answers whoever asks
    if TOLD[kind]:
        check_columns(info, COLUMNS)
        with pytest.raises(UserError, match="entropy needs all"):
            check_columns(info, ("entropy",))
        with pytest.raises(UserError, match="at most 20 tokens"):
            check_columns(info, ("top_mean:21",))
    else:
        with pytest.raises(UserError, match="returns no log-probabilities"):
            check_columns(info, ("logprob",))


def test_a_server_that_tells_them_after_the_temperature_gives_no_columns(folder: Path) -> None:
    with serving(folder, tempered=True) as server, endpoint(server, folder) as engine:
        assert "logprobs" not in engine.info.capabilities
        assert engine.dialect.top_logprobs == 0


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp"])
def test_columns_of_a_served_model_are_those_of_the_hf_engine(tmp_path: Path, kind: Kind) -> None:
    folder = make_thinker(tmp_path / "m", "llama")
    server = serving(folder, kind, weights(folder), measure=log_softmax(folder))
    with server as running, endpoint(running, folder) as engine, engine_of(folder) as local:
        ends = frozenset(engine.tokenizer.end_ids)
        prefixes = (), engine.tokenizer.encode("Wait, so")
        requests = [request_of(engine, prefix=prefix, stop_ids=ends) for prefix in prefixes]
        found, expected = ask(engine, *requests), asyncio.run(local.generate(requests))
    left_out = 0
    for made, due in zip(found, expected, strict=True):
        assert made.tokens == due.tokens
        for name in COLUMNS:
            pairs = list(zip(made.columns[name], due.columns[name], strict=True))
            left_out += sum(math.isnan(number) for number, _ in pairs)
            assert all(math.isnan(number) or abs(number - other) < 1e-4 for number, other in pairs)
    assert left_out <= (0 if kind == "vllm" else 20)


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp", "old llama.cpp"])
def test_whatever_stops_it_each_token_has_its_own_number_or_none(folder: Path, kind: Kind) -> None:
    with serving(folder, kind) as server, endpoint(server, folder) as engine:
        request = request_of(engine, 60)
        [free] = ask(engine, replace(request, stop_ids=engine.tokenizer.end_ids))
        stop = engine.tokenizer.decode(free.tokens[5:8])
        [stopped] = ask(engine, replace(request, stop_texts=(stop,)))
        [cut] = ask(engine, replace(request, max_tokens=5))
        for made in (free, stopped, cut):
            told, due = made.columns["logprob"], numbers_of(engine, request, made)
            content = len(made.tokens) - (made.stop if made is stopped and kind != "vllm" else 0)
            assert len(told) == len(made.tokens)
            assert told[:content] == pytest.approx(due[:content])
            assert all(map(math.isnan, told[content:]))
    assert stopped.finish == "stop"


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp"])
def test_a_token_that_ends_inside_a_character_has_a_number_where_the_server_tells_it(folder: Path, kind: Kind) -> None:
    with serving(folder, kind) as server, endpoint(server, folder) as engine:
        letter, smile = engine.tokenizer.encode("b"), engine.tokenizer.encode("\N{SLIGHTLY SMILING FACE}")
        given = letter + smile + letter + smile
        server.draw = lambda ids, body, place: given[place]
        [made] = ask(engine, request_of(engine, 10))
        assert made.tokens == given
        due = numbers_of(engine, request_of(engine), made)
    told = made.columns["logprob"]
    missing = {1, 2, 3, 6, 7, 8} if kind == "llama.cpp" else set()
    assert {place for place, number in enumerate(told) if math.isnan(number)} == missing
    assert [n for n in told if not math.isnan(n)] == pytest.approx([n for at, n in enumerate(due) if at not in missing])


def _others(reply: dict[str, Any]) -> None:
    places = reply["choices"][0]["logprobs"]
    places["tokens"] = ["token_id:1"] * len(places["tokens"])


def _fewer(reply: dict[str, Any]) -> None:
    places = reply["choices"][0]["logprobs"]
    places["top_logprobs"] = [dict(list(top.items())[:3]) for top in places["top_logprobs"]]


def _improbable(reply: dict[str, Any]) -> None:
    places = reply["choices"][0]["logprobs"]
    places["token_logprobs"] = [0.7 for _ in places["tokens"]]


def _uneven(reply: dict[str, Any]) -> None:
    reply["choices"][0]["logprobs"]["token_logprobs"].pop()


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "another token at position 0": _others,
    "of 3 tokens instead of 20": _fewer,
    "a log-probability of 0.7": _improbable,
    "19 and 20 log-probabilities for 20 tokens": _uneven,
    "another token at position 0, or none": lambda reply: reply["choices"][0].update(logprobs=None),
}


@pytest.mark.parametrize("said", WRONG)
def test_numbers_that_cannot_be_are_not_believed(folder: Path, said: str) -> None:
    with serving(folder) as server, endpoint(server, folder) as engine:
        server.worded = WRONG[said]
        with pytest.raises(EngineError, match=said):
            ask(engine, request_of(engine))


def test_what_is_impossible_is_a_number_that_can_be_kept(folder: Path) -> None:
    def impossible(reply: dict[str, Any]) -> None:
        places = reply["choices"][0]["logprobs"]
        places["token_logprobs"][0] = -1e300

    with serving(folder) as server, endpoint(server, folder) as engine:
        server.worded = impossible
        [made] = ask(engine, request_of(engine))
    assert made.columns["logprob"][0] < -1e38


def test_nothing_more_is_asked_of_a_server_where_nobody_wants_columns(folder: Path) -> None:
    with serving(folder) as server, endpoint(server, folder) as engine:
        ask(engine, request_of(engine, columns=()), request_of(engine, columns=("logprob",)))
        without, one = sorted(server.asked, key=lambda body: "logprobs" in body)
    assert "logprobs" not in without
    assert one["logprobs"] == 1
    assert {**without, "logprobs": 1, "return_tokens_as_token_ids": True} == one
