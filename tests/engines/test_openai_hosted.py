"""Hosted reasoning models: what can be measured honestly runs, and what cannot is refused before it costs anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.hosted import ANSWER, LEVELS, SERVICES, TEXT, USUAL, Service
from tests.engines.speaking import Body, Place, Said, speaking
from tests.on_hf import arms_of, items_of, records_of
from tests.refusals import place, refused
from tests.tiny import make_tiny
from tts_bench import registry
from tts_bench.api import Turn
from tts_bench.config import ModelConfig
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Request, Sampling
from tts_bench.engines.openai import client
from tts_bench.engines.openai.chat import ONE_REPLY
from tts_bench.engines.openai.counted import NONE, ServerCounted
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.load import check_sampling, load
from tts_bench.errors import EngineError, UserError
from tts_bench.records import Record
from tts_bench.solving.model import load_model

__all__ = ["place", "refused"]  # fixtures

SETTINGS = Conditions(ONE_REPLY, max_thinking=2000, max_answer=100)
RUN = ["--engine", "openai", "--model", "served", "--tokenizer", NONE, "--out", "runs/mine", "--limit", "1"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.001)
    for name in ("OPENAI_API_KEY", "TTS_BENCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("hosted"))


@contextmanager
def hosted(service: Service, **options: object) -> Iterator[tuple[Place, OpenAIEngine]]:
    with speaking(SERVICES[service]) as place:
        engine, _, _ = load(place.url, "served", **{"tokenizer": NONE, **options})  # type: ignore[arg-type]
        place.asked.clear()
        try:
            yield place, engine
        finally:
            asyncio.run(engine.close())


def solved(engine: OpenAIEngine, *specs: str) -> list[Record]:
    return records_of(engine, SETTINGS, arms_of(*specs), items_of()[:2])


HIDES = {"anthropic": 0}  # it thinks where it is told to, and never says for how long


@pytest.mark.parametrize("service", SERVICES)
def test_a_hosted_models_reply_is_billed_as_its_service_counts_it_thinking_included(service: Service) -> None:
    with hosted(service) as (place, engine):
        [record, _] = solved(engine, "baseline")
    [answer] = record.answers
    assert answer.text.strip() == TEXT
    assert answer.cost.generated == HIDES.get(service, USUAL) + ANSWER
    assert answer.cost.sequential == answer.cost.generated
    assert record.spent.generated == answer.cost.generated
    assert not answer.truncated
    assert len(place.asked) == 2  # one for each problem: nothing is asked again for the answer


@pytest.mark.parametrize("service", ["openai", "responses", "gemini", "openrouter", "deepseek", "xai"])
def test_thinking_and_answer_are_told_apart_where_the_service_counts_them_apart(service: Service) -> None:
    with hosted(service) as (_, engine):
        [record, _] = solved(engine, "baseline")
    assert (record.spent.thinking, record.spent.answer) == (USUAL, ANSWER)
    assert engine.info.capabilities == frozenset()
    assert "as the server counts them, unverified" in engine.info.exact_note


@pytest.mark.parametrize("service", ["openai", "gemini", "openrouter", "anthropic"])
def test_thinking_that_fills_the_limit_is_truncated_and_has_no_answer(service: Service) -> None:
    conditions = Conditions(ONE_REPLY, max_thinking=5, max_answer=3)
    with hosted(service) as (_, engine):
        [record] = records_of(engine, conditions, arms_of("baseline"), items_of()[:1])
    [answer] = record.answers
    assert (answer.text, answer.cost.generated, answer.truncated) == ("", 8, True)


@pytest.mark.parametrize("service", ["openai", "anthropic", "together"])
def test_votes_are_measured_on_a_hosted_model(service: Service) -> None:
    with hosted(service) as (place, engine):
        records = solved(engine, "majority-vote:samples=3")
        assert len(place.asked) == 2 * 3
    for record in records:
        costs = [answer.cost.generated for answer in record.answers]
        assert costs == [costs[0], 2 * costs[0], 3 * costs[0]]


@pytest.mark.parametrize(
    ("service", "efforts", "thought"),
    [
        ("openai", ("low", "high"), (LEVELS["low"], LEVELS["high"])),
        ("responses", ("low", "high"), (LEVELS["low"], LEVELS["high"])),
        ("gemini", ("low", "high"), (LEVELS["low"], LEVELS["high"])),
        ("gemini", ("extra_body.google.thinking_config.thinking_budget=40",), (40,)),
        ("openrouter", ("reasoning.effort=low", "reasoning.max_tokens=200"), (LEVELS["low"], 200)),
        ("anthropic", ("thinking.budget_tokens=100", "thinking.budget_tokens=400"), (100, 400)),
    ],
)
def test_the_services_own_knob_is_an_arm_with_a_rung_for_each_setting(
    service: Service, efforts: tuple[str, ...], thought: tuple[int, ...]
) -> None:
    with hosted(service, efforts=efforts) as (_, engine):
        records = solved(
            engine, f"reasoning-effort:efforts={'+'.join(efforts)}", "reasoning-effort:samples=2,efforts=" + efforts[0]
        )
        assert "effort" in engine.info.capabilities
    for record in records[::2]:
        assert [answer.cost.generated for answer in record.answers] == [tokens + ANSWER for tokens in thought]
        assert [answer.rung for answer in record.answers] == list(efforts)
    for record in records[1::2]:
        assert record.answers[0].cost.generated == 2 * (thought[0] + ANSWER)


@pytest.mark.parametrize(
    ("service", "effort", "says"),
    [
        ("openai", "huge", "refuses reasoning_effort=huge .*Supported values"),
        ("openai", "1024", "1024 is a number of tokens, .*Give a word such as low"),
        ("deepseek", "low", "accepts even reasoning_effort=no-such-effort, so it may ignore"),
        ("anthropic", "reasoning_effort=low", "accepts even reasoning_effort=no-such-effort, so it may ignore"),
    ],
)
def test_an_effort_that_a_service_refuses_or_does_not_heed_is_refused(service: Service, effort: str, says: str) -> None:
    with pytest.raises(UserError, match=says), hosted(service, efforts=(effort,)):
        pass


def test_an_engine_without_such_a_knob_refuses_the_arm() -> None:
    model = load_model(ModelConfig(engine="scripted"))
    [built] = registry.build_all(["reasoning-effort"])
    model.admit(built)
    model.engine.info = replace(model.engine.info, capabilities=frozenset())  # type: ignore[misc]
    with pytest.raises(UserError, match="no effort setting"):
        model.admit(built)


def test_a_server_of_top_log_probabilities_refuses_the_strategy_that_needs_entropy_by_its_name() -> None:
    model = load_model(ModelConfig(engine="scripted"))
    model.engine.info = replace(model.engine.info, top_logprobs=20)  # type: ignore[misc]
    eat, deepconf, picsar = registry.build_all(["eat", "deepconf", "picsar"])
    assert [model.admit(one).label for one in (deepconf, picsar)] == ["deepconf", "picsar"]
    with pytest.raises(UserError, match=r"(?s)^eat:.* entropy needs all\. Type --engine hf"):
        model.admit(eat)


@pytest.mark.parametrize("name", ["no-wait", "thought-switch-penalty"])
def test_an_engine_that_cannot_ban_tokens_refuses_who_bans_them(name: str) -> None:
    model = load_model(ModelConfig(engine="scripted"))
    [built] = registry.build_all([name])
    assert model.admit(built).label == name
    less = model.engine.info.capabilities - {"bias"}
    model.engine.info = replace(model.engine.info, capabilities=less)  # type: ignore[misc]
    with pytest.raises(UserError, match=rf"^{name}:.* bans or favours tokens, but .* has no biases"):
        model.admit(built)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("strategy", ["budget-forcing", "baseline:budgets=8+16"])
def test_what_needs_a_prefill_is_refused_before_anything_is_paid_for(
    refused: Callable[..., str], service: Service, strategy: str
) -> None:
    with speaking(SERVICES[service]) as place:
        message = refused(*RUN, "--base-url", place.url, "--strategy", strategy, begun=True)
        assert place.heard == []
    assert "messages only and cannot continue a trace" in message


def test_a_budget_that_would_cut_a_whole_reply_is_refused(refused: Callable[..., str]) -> None:
    with speaking(SERVICES["openai"]) as place:
        message = refused(*RUN, "--base-url", place.url, "--strategy", "majority-vote:budget=64", begun=True)
    assert "reasoning-effort" in message


def test_a_model_that_takes_no_temperature_runs_without_one_and_refuses_another() -> None:
    with hosted("openai") as (place, engine):
        solved(engine, "baseline")
        assert all({"temperature", "top_p", "seed"}.isdisjoint(body) for _, body in place.asked)
        check_sampling(engine, [Sampling()])
        with pytest.raises(UserError, match=r"temperature is 0\.6, .*Type --temperature 1"):
            check_sampling(engine, [Sampling(0.6)])


def test_a_router_is_held_to_whoever_answered_first() -> None:
    with hosted("openrouter") as (place, engine):
        solved(engine, "baseline")
        assert all(body["provider"] == {"order": ["Nebula"], "allow_fallbacks": False} for _, body in place.asked)
        assert engine.info.context == 65536
        assert "computed by Nebula" in engine.info.exact_note
        place.answer = lambda path, body: Said({**SERVICES["openrouter"](path, body).data, "provider": "Comet"})  # type: ignore[dict-item]
        with pytest.raises(EngineError, match="from provider 'Comet' and not from 'Nebula'"):
            asyncio.run(
                engine.generate([Request(ServerCounted().encode("Why?"), (), 100, "s", turns=(Turn("user", "Why?"),))])
            )


def test_a_model_that_only_a_service_can_count_needs_no_tokenizer_but_says_so(refused: Callable[..., str]) -> None:
    with speaking(SERVICES["deepseek"]) as place:
        message = refused(
            *[word for word in RUN if word not in ("--tokenizer", NONE)], "--base-url", place.url, begun=True
        )
    assert "--tokenizer none" in message


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("counted", [True, False])
def test_reasoning_in_a_field_of_its_own_is_billed_with_a_known_tokenizer_too(
    folder: Path, field: str, counted: bool
) -> None:
    thought, text = "Wait, let me think again. " * 4, "The answer is 42."

    def answer(path: str, body: Body) -> Said:
        if path != "chat/completions":
            return Said({"error": "Not Found"}, 404)
        message = {"role": "assistant", "content": text, field: thought}
        told = {"prompt_tokens": 9, "completion_tokens": tokens} if counted else None
        choice = {"message": message, "finish_reason": "stop"}
        if body["max_tokens"] < 20:
            choice |= {"message": {**message, "content": None, field: thought[:30]}, "finish_reason": "length"}
            told = told and {**told, "completion_tokens": body["max_tokens"]}
        return Said({"model": "served", "choices": [choice], "usage": told})

    with speaking(answer) as place:
        tokens = 0
        engine, _, _ = load(place.url, "served", tokenizer=str(folder))
        cut = engine.tokenizer.encode
        visible = len(cut(thought)) + len(cut(text))
        tokens = visible + 4  # the delimiters and the end, which are not shown
        [record] = records_of(engine, SETTINGS, arms_of("baseline"), items_of()[:1])
        asyncio.run(engine.close())
    assert record.answers[0].text == text
    assert record.spent.generated == (tokens if counted else visible)
    assert record.spent.answer == len(cut(text))


def test_a_reply_that_counts_less_than_it_says_is_not_believed() -> None:
    def answer(path: str, body: Body) -> Said:
        said = SERVICES["deepseek"](path, body)
        if path == "chat/completions" and body["max_tokens"] > 20:
            said.data["usage"] = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}  # type: ignore[index]
        return said

    with speaking(answer) as place:
        engine, _, _ = load(place.url, "served", tokenizer=NONE)
        with pytest.raises(EngineError, match="counts"):
            asyncio.run(
                engine.generate([Request(ServerCounted().encode("Why?"), (), 100, "s", turns=(Turn("user", "Why?"),))])
            )
        asyncio.run(engine.close())
