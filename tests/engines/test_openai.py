"""The openai engine with servers that do what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.serving import Kind, Server, serving, weights
from tests.on_hf import answers_of, engine_of, items_of, make_thinker, records_of
from tests.on_hf import arms_of as arms
from tests.tiny import make_tiny
from tts_bench.api import Answer
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.openai.account import generation
from tts_bench.engines.openai.chat import QUESTION, thinking_format
from tts_bench.engines.openai.client import Unbelievable
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.load import load
from tts_bench.engines.openai.tokenizer import UNSEEN, EndpointTokenizer, load_tokenizer
from tts_bench.engines.openai.wire import Reply
from tts_bench.errors import EngineError
from tts_bench.thinking import PRESETS, detect

GREEDY, FREE = Sampling(temperature=0), Sampling(temperature=1)
KINDS: tuple[Kind, ...] = ("vllm", "llama.cpp", "old llama.cpp", "tgi", "strict")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("served"))


@contextmanager
def endpoint(server: Server, folder: Path, **options: int | float | str) -> Iterator[OpenAIEngine]:
    engine, _, _ = load(server.url, server.name, tokenizer=str(folder), **options)
    server.asked.clear()
    try:
        yield engine
    finally:
        asyncio.run(engine.close())


def ask(engine: OpenAIEngine, *requests: Request) -> list[Generation]:
    return asyncio.run(engine.generate(requests))


def thinking(engine: OpenAIEngine, question: str = "Why?", tokens: int = 200, stream: str = "s") -> Request:
    """A request for thinking up to its delimiter or an end of turn."""
    tokenizer = engine.tokenizer
    prompt = tokenizer.encode(tokenizer.render(question))
    stops = tokenizer.end_ids | set(tokenizer.encode("</think>"))
    return Request(prompt, (), tokens, stream, GREEDY, stops)


def contents(answers: dict[str, list[Answer]]) -> dict[str, list[object]]:
    return {problem: [(a.traces, replace(a.cost, flops=0.0)) for a in given] for problem, given in answers.items()}


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp"])
@pytest.mark.parametrize("form", ["think-tags", "s1"])
def test_greedy_budget_forcing_through_an_endpoint_is_that_of_the_hf_engine_token_for_token(
    tmp_path: Path, kind: Kind, form: str
) -> None:
    folder, items = make_thinker(tmp_path / "m", "llama"), items_of()[:3]
    chosen = Conditions(PRESETS[form], 0, GREEDY, GREEDY, GREEDY, max_thinking=70, max_answer=12)
    with engine_of(folder) as local:
        expected = answers_of(local, chosen, "budget-forcing:extensions=2", items)
    with serving(folder, kind, weights(folder)) as server, endpoint(server, folder) as engine:
        found = answers_of(engine, chosen, "budget-forcing:extensions=2", items)
    assert contents(found) == contents(expected)
    if form == "think-tags":
        assert any(answer.traces[0].cues for answers in found.values() for answer in answers)


@pytest.mark.parametrize("spec", ["baseline:budgets=8+20+50", "budget-forcing:extensions=2", "majority-vote:samples=3"])
def test_every_dialect_gives_the_same_text_and_the_same_bill(folder: Path, spec: str) -> None:
    told = {}
    for kind in KINDS:
        with serving(folder, kind) as server, endpoint(server, folder) as engine:
            chosen = Conditions(
                detect(engine.tokenizer), thinking=GREEDY, continuation=GREEDY, answer=FREE, max_answer=40
            )
            records = records_of(engine, chosen, arms(spec), items_of())
        told[kind] = [[(a.text, a.cost) for a in record.answers] for record in records]
    assert all(each == told["vllm"] for each in told.values())


def _told(folder: Path, kind: Kind, worded: Callable[[dict[str, Any]], object]) -> list[list[tuple[str, object]]]:
    """Texts and bills of a run on a server whose replies are `worded`."""
    with serving(folder, kind, worded=worded) as server, endpoint(server, folder) as engine:
        chosen = Conditions(
            detect(engine.tokenizer), thinking=GREEDY, continuation=GREEDY, answer=GREEDY, max_answer=40
        )
        records = records_of(engine, chosen, arms("baseline:budgets=8+20", "budget-forcing"), items_of()[:3])
    return [[(a.text, a.cost) for a in record.answers] for record in records]


@pytest.fixture(scope="module")
def plain(folder: Path) -> Callable[[Kind], list[list[tuple[str, object]]]]:
    """The same on a server whose replies are its own, once for each kind."""
    return cache(lambda kind: _told(folder, kind, lambda reply: None))


ENDS = {
    "TGI": ("eos_token", "stop_sequence", "length"),
    "TGI, of late": ("stop", "stop", "length"),
    "Together": ("eos", "stop", "length"),
    "Anthropic": ("end_turn", "stop_sequence", "max_tokens"),
    "Gemini": ("STOP", "STOP", "MAX_TOKENS"),
    "Mistral": ("stop", "stop", "model_length"),
    "Cohere": ("COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS"),
}


@pytest.mark.parametrize("who", ENDS)
def test_every_servers_words_for_an_end_are_read(folder: Path, plain: Callable[..., object], who: str) -> None:
    natural, stopped, full = ENDS[who]

    def worded(reply: dict[str, Any]) -> None:
        [choice] = reply["choices"]
        ended = stopped if len(choice["text"]) % 2 else natural
        choice["finish_reason"] = full if choice["finish_reason"] == "length" else ended

    assert _told(folder, "tgi", worded) == plain("tgi")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("usage", [None, {}, {"completion_tokens": None, "total_tokens": 7}])
def test_tokens_that_a_server_does_not_count_are_counted_from_its_ids_or_its_text(
    folder: Path, plain: Callable[..., object], kind: Kind, usage: object
) -> None:
    assert _told(folder, kind, lambda reply: reply.update(usage=usage)) == plain(kind)


@pytest.mark.parametrize("word", ["content_filter", "tool_calls", "error", "abort", "SAFETY", "refusal"])
def test_an_end_that_is_neither_natural_nor_for_length_is_no_answer(folder: Path, word: str) -> None:
    with serving(folder) as server, endpoint(server, folder) as engine:
        server.worded = lambda reply: reply["choices"][0].update(finish_reason=word)
        with pytest.raises(EngineError, match=f"it ends for '{word}'"):
            ask(engine, thinking(engine))


def test_where_a_server_does_not_say_why_it_ends_a_natural_end_has_to_be_seen(folder: Path) -> None:
    with serving(folder) as server, endpoint(server, folder) as engine:
        expected = ask(engine, thinking(engine), replace(thinking(engine), max_tokens=5))
        server.worded = lambda reply: reply["choices"][0].update(finish_reason=None)
        assert ask(engine, thinking(engine), replace(thinking(engine), max_tokens=5)) == expected

        def cut(reply: dict[str, Any]) -> None:
            [choice] = reply["choices"]
            ids = choice["token_ids"][:7]
            choice |= {"finish_reason": None, "token_ids": ids, "text": engine.tokenizer.decode(ids)}
            reply["usage"]["completion_tokens"] = 7

        server.worded = cut
        with pytest.raises(EngineError, match="does not say why it ends after 7 tokens where 200 were asked for"):
            ask(engine, thinking(engine))


HONOURED = {
    "vllm": "seeds stop_texts stop_ids prompt_ids continuation top_k min_p logprobs",
    "llama.cpp": "seeds stop_texts prompt_ids continuation top_k min_p logprobs",
    "old llama.cpp": "seeds stop_texts prompt_ids continuation top_k min_p logprobs",
    "tgi": "seeds stop_texts continuation top_k min_p",
    "strict": "seeds stop_texts continuation logprobs",
    "chat": "seeds",
}


@pytest.mark.parametrize("kind", HONOURED)
def test_the_probe_sees_what_a_server_honours(folder: Path, kind: Kind) -> None:
    with serving(folder, kind) as server, endpoint(server, folder) as engine:
        found = {name for name, value in vars_of(engine.dialect).items() if value is True}
    assert found - {"extras", "stop_shown"} == set(HONOURED[kind].split())
    told = {"vllm": "token_ids", "llama.cpp": "token_ids", "old llama.cpp": "logprobs"}
    assert engine.dialect.told_ids == told.get(kind, "")
    assert engine.info.exact is False
    assert engine.info.continues is (kind != "chat")
    assert "learned-tokens" not in engine.info.capabilities
    assert engine.info.context == 2048


def vars_of(dialect: object) -> dict[str, object]:
    return {name: getattr(dialect, name) for name in dialect.__dataclass_fields__}  # type: ignore[attr-defined]


def test_a_server_that_ignores_seeds_is_said_to(folder: Path) -> None:
    with serving(folder, seeded=False) as server, endpoint(server, folder) as engine:
        assert "seeds" not in engine.info.capabilities
        assert "not seen to honour seeds" in engine.info.exact_note
        assert engine.info.identity["seeds"] is False


def test_streams_have_seeds_of_their_own_and_one_stream_repeats(folder: Path) -> None:
    with serving(folder) as server, endpoint(server, folder) as engine:
        requests = [replace(thinking(engine, stream=f"s{i % 3}"), sampling=FREE) for i in range(6)]
        texts = [made.tokens for made in ask(engine, *requests)]
    assert texts[:3] == texts[3:]
    assert len(set(texts)) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_generation_cut_by_its_limit_is_continued_to_the_same_text(folder: Path, kind: Kind) -> None:
    with serving(folder, kind) as server, endpoint(server, folder) as engine:
        request = thinking(engine)
        [whole] = ask(engine, request)
        for at in (1, 5, len(whole.tokens) - 1):
            [begun] = ask(engine, replace(request, max_tokens=at))
            assert (begun.tokens, begun.finish) == (whole.tokens[:at], "length")
            [rest] = ask(engine, replace(request, prefix=begun.tokens, sampled=at))
            assert (begun.tokens + rest.tokens, rest.finish, rest.stop) == (whole.tokens, whole.finish, whole.stop)


def test_a_stop_text_that_straddles_a_cut_is_found_though_the_server_cannot_see_it(folder: Path) -> None:
    with serving(folder) as server, endpoint(server, folder) as engine:
        request = replace(thinking(engine, tokens=14), stop_ids=frozenset())
        [whole] = ask(engine, request)
        text = engine.tokenizer.decode(whole.tokens)
        begun, stop = whole.tokens[:6], text[4:8]
        [rest] = ask(engine, replace(request, prefix=begun, sampled=6, stop_texts=(stop,)))
    assert begun + rest.tokens == whole.tokens[:8]
    assert (rest.finish, rest.stop) == ("stop", 4)


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp", "old llama.cpp"])
def test_characters_of_several_tokens_are_counted_whole_and_cut(folder: Path, kind: Kind) -> None:
    tokenizer = load_tokenizer(folder, "tiny")
    smile = tokenizer.encode("\N{SLIGHTLY SMILING FACE}")
    assert len(smile) == 4
    with serving(folder, kind) as server, endpoint(server, folder) as engine:
        server.draw = lambda ids, body, place: smile[place % 4]
        for tokens in (40, 42):
            [made] = ask(engine, replace(thinking(engine, tokens=tokens), stop_ids=frozenset()))
            assert (len(made.tokens), made.finish) == (tokens, "length")
            assert made.tokens[:40] == smile * 10


def test_a_full_context_window_ends_a_generation(folder: Path) -> None:
    with serving(folder, context=100) as server, endpoint(server, folder) as engine:
        prompt = engine.tokenizer.encode("b" * 95)
        [made] = ask(engine, Request(prompt, (), 50, "s", GREEDY))
        assert (len(made.tokens), made.finish) == (5, "context")
        [none] = ask(engine, Request(prompt, prompt[:5], 50, "s", GREEDY))
        assert none == Generation((), "context")


def test_no_more_requests_are_with_the_server_at_once_than_rows(folder: Path) -> None:
    with serving(folder, pause=0.02) as server, endpoint(server, folder, connections=3) as engine:
        server.most = 0
        ask(engine, *(replace(thinking(engine, stream=str(i)), sampling=FREE) for i in range(40)))
        assert 1 < server.most <= 3
        assert engine.busy_seconds > 0


def test_an_engine_serves_one_event_loop_after_another(folder: Path) -> None:
    with serving(folder) as server, endpoint(server, folder) as engine:
        assert ask(engine, thinking(engine)) == ask(engine, thinking(engine))


def test_the_key_goes_to_the_server_and_nowhere_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("TTS_BENCH_API_KEY", "sk-mine")
    with serving(folder, key="sk-mine") as server, endpoint(server, folder) as engine:
        ask(engine, thinking(engine))
        server.faults.extend(["400"])
        with pytest.raises(EngineError) as caught:
            ask(engine, thinking(engine))
    assert "overloaded" in str(caught.value)
    for said in (str(caught.value), repr(engine.info), repr(vars(engine)), repr(caught.value.__cause__)):
        assert "sk-" not in said


def test_a_chat_endpoint_thinks_in_one_turn_and_answers_in_the_next(folder: Path) -> None:
    with serving(folder, "chat") as server, endpoint(server, folder) as engine:
        chosen = Conditions(thinking_format(engine.tokenizer, None), system="Be brief.", max_answer=40)
        specs = ("baseline", "majority-vote:samples=3")
        records = records_of(engine, chosen, arms(*specs), items_of())
    assert all(record.answers and not record.error for record in records)
    first = next(body["messages"] for body in server.asked if len(body["messages"]) == 2)
    assert [turn["role"] for turn in first] == ["system", "user"]
    assert first[1]["content"] in {item.prompt for item in items_of()}
    second = next(body["messages"] for body in server.asked if len(body["messages"]) == 4)
    assert [turn["role"] for turn in second] == ["system", "user", "assistant", "user"]
    assert second[3]["content"] == QUESTION
    thoughts = {segment.text for record in records for segment in record.segments if segment.kind == "thinking"}
    assert second[2]["content"] in thoughts
    assert len(server.asked) == len(items_of()) * 3 * 2  # the baseline's trace is the vote's first


def test_a_chat_endpoint_never_thinks_on_from_inside_a_turn(folder: Path) -> None:
    with serving(folder, "chat") as server, endpoint(server, folder) as engine:
        request = thinking(engine)
        cue = engine.tokenizer.encode("Wait")
        for longer in (replace(request, prefix=cue, turns=()), replace(request, prefix=cue, sampled=1)):
            with pytest.raises(EngineError, match="messages only"):
                ask(engine, longer)
        assert server.asked == []


Letters = Callable[[], EndpointTokenizer]
_LIMIT = 50


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> EndpointTokenizer:
    return load_tokenizer(folder, "tiny")


def _reply(text: str, ids: Sequence[int] | None, finish: str, count: int, stop: int | str | None = None) -> Reply:
    return Reply("m", text, None if ids is None else tuple(ids), finish, stop, 1, count, False)  # type: ignore[arg-type]


@settings(max_examples=200)
@given(
    letters=st.text("bcdfghjk", min_size=1, max_size=_LIMIT - 10),
    end=st.sampled_from(["</think>", "<|im_end|>", "Final answer:"]),
    told=st.booleans(),
    shown=st.booleans(),
    named=st.booleans(),
    behind=st.integers(0, 3),
)
def test_a_stop_is_counted_once_however_a_server_tells_of_it(
    tokenizer: EndpointTokenizer, letters: str, end: str, told: bool, shown: bool, named: bool, behind: int
) -> None:
    content, stop = tokenizer.encode(letters), tokenizer.encode(end)
    texts = (end,) if len(stop) > 1 else ()
    request = Request((1,), (), _LIMIT, "s", GREEDY, frozenset(stop) if len(stop) == 1 else frozenset(), texts)
    behind = behind if shown else 0  # what stands behind a stop is seen only where the stop is
    whole = content + stop + tokenizer.encode("b" * behind)
    reason = (stop[0] if len(stop) == 1 else end) if named else None
    if not named and not shown and end == "</think>":
        texts = (*texts, end)  # such a server is sent the delimiter's text
    ids = (whole if shown else content) if told else None
    text = tokenizer.decode(whole if shown else content)
    finish = "length" if behind else "stop"
    made = generation(
        _reply(text, ids, finish, len(whole), reason), request, _LIMIT, texts, tokenizer, stop_shown=shown
    )
    assert made == Generation(content + stop, "stop", len(stop))


@settings(max_examples=100)
@given(letters=st.text("bcdfghjk", min_size=1, max_size=200), more=st.integers(-30, 30), told=st.booleans())
def test_counts_that_contradict_are_not_believed_and_the_bill_is_the_larger_count(
    tokenizer: EndpointTokenizer, letters: str, more: int, told: bool
) -> None:
    ids = tokenizer.encode(letters)
    count = max(0, len(ids) + more)
    limit = max(count, 1)
    request = Request((1,), (), limit, "s", GREEDY)
    reply = _reply(letters, ids if told else None, "length", count)
    if count == limit and (count == len(ids) or (not told and abs(count - len(ids)) <= 2 + count // 50)):
        made = generation(reply, request, limit, (), tokenizer)
        assert len(made.tokens) == limit
        assert made.tokens[: len(ids)] == ids[:limit]
        assert set(made.tokens[len(ids) :]) <= {UNSEEN}
    else:
        with pytest.raises(Unbelievable, match=r"counts|ends for its length"):
            generation(reply, request, limit, (), tokenizer)
