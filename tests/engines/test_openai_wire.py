"""What stands in a reply, in whatever shape a server has it: thinking, answer, ids, counts and errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.engines.speaking import Said, speaking
from tts_bench.api import Turn
from tts_bench.engine import EngineInfo, Request
from tts_bench.engines.openai.client import Client, Faulty, Unbelievable
from tts_bench.engines.openai.counted import ServerCounted
from tts_bench.engines.openai.dialect import Dialect
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.whole import whole
from tts_bench.engines.openai.wire import Reply, read
from tts_bench.errors import EngineError

THOUGHT, TEXT = "I add them.", "It is 42."
ANSWER = {"type": "text", "text": TEXT}


def reply_of(message: dict[str, Any], **usage: object) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    told = {"prompt_tokens": 3, "completion_tokens": 8, **usage}
    return read(json.dumps({"model": "served", "choices": [choice], "usage": told}).encode(), 100)


@pytest.mark.parametrize(
    "message",
    [
        {"content": TEXT, "reasoning_content": THOUGHT},
        {"content": TEXT, "reasoning": THOUGHT},
        {"content": TEXT, "thinking": THOUGHT},
        {"content": TEXT, "reasoning_content": [{"type": "text", "text": THOUGHT}]},
        {"content": TEXT, "reasoning": [{"type": "thinking", "thinking": THOUGHT}]},
        {"content": TEXT, "reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": THOUGHT}]},
        {"content": TEXT, "reasoning_details": [{"type": "reasoning.summary", "summary": THOUGHT}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, ANSWER]},
        {"content": [{"type": "thinking", "thinking": THOUGHT, "signature": "Eq8"}, ANSWER]},
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]}, ANSWER]},
        {"content": [{"type": "redacted_thinking", "data": "Eq8"}, {"type": "reasoning", "text": THOUGHT}, ANSWER]},
        {"content": f"<think>{THOUGHT}</think>{TEXT}"},
    ],
)
def test_thinking_is_told_from_the_answer_in_every_shape(message: dict[str, Any]) -> None:
    reply = reply_of(message)
    assert (reply.reasoning, reply.text) == (THOUGHT, TEXT)


@pytest.mark.parametrize(
    ("message", "usage", "thinking"),
    [
        pytest.param({"content": f"{THOUGHT}</think>{TEXT}"}, {}, 4, id="the chat template opened it"),
        pytest.param(
            {"content": TEXT, "reasoning": THOUGHT},
            {"completion_tokens_details": {"reasoning_tokens": 0}},
            4,
            id="shown, and counted as nothing",
        ),
    ],
)
def test_a_whole_reply_is_shared_out_between_thinking_and_answer(
    message: dict[str, Any], usage: dict[str, Any], thinking: int
) -> None:
    tokenizer, request = ServerCounted(), Request((), (), 100, "s")
    made = whole(reply_of(message, **usage), request, 100, tokenizer)
    assert (len(made.tokens), made.stop) == (8, 8 - thinking)
    assert tokenizer.decode(made.tokens[:thinking]) == THOUGHT
    assert tokenizer.decode(made.tokens[thinking:]) == TEXT


def test_a_tag_in_an_answer_whose_thinking_is_counted_apart_is_part_of_it() -> None:
    text = "Close it with </think>."
    hidden = {"completion_tokens_details": {"reasoning_tokens": 4}}
    made = whole(reply_of({"content": text}, **hidden), Request((), (), 100, "s"), 100, ServerCounted())
    assert ServerCounted().decode(made.tokens[4:]) == text


@pytest.mark.parametrize(("text", "count", "tokens"), [("responsibilities", 1, 3), ("Congratulations", 2, 3)])
def test_an_answer_of_one_long_word_takes_the_few_ids_that_hold_it(text: str, count: int, tokens: int) -> None:
    made = whole(reply_of({"content": text}, completion_tokens=count), Request((), (), 9, "s"), 9, ServerCounted())
    assert (len(made.tokens), made.stop, ServerCounted().decode(made.tokens)) == (tokens, tokens, text)


@pytest.mark.parametrize("told", [{"completion_tokens_details": {"reasoning_tokens": 7}}, {}])
def test_thinking_gives_the_tokens_that_an_answer_of_long_ones_needs(told: dict[str, Any]) -> None:
    text, thought = "responsibilities", "" if told else THOUGHT * 3
    made = whole(reply_of({"content": text, "reasoning": thought}, **told), Request((), (), 9, "s"), 9, ServerCounted())
    assert len(made.tokens) == 8
    assert ServerCounted().decode(made.tokens[8 - made.stop :]) == text


@pytest.mark.parametrize("text", ["b" * 29, "The responsibilities of a notary are many."])
def test_an_answer_that_is_far_longer_than_it_counts_is_not_believed(text: str) -> None:
    with pytest.raises(Unbelievable, match="counts 1 tokens in a text of"):
        whole(reply_of({"content": text}, completion_tokens=1), Request((), (), 9, "s"), 9, ServerCounted())


def test_a_token_that_reads_id_is_no_token_id() -> None:
    place = {"token": "id", "logprob": -1.0, "bytes": [105, 100], "top_logprobs": []}
    choice = {"text": "id", "finish_reason": "stop", "logprobs": {"content": [place]}}
    assert read(json.dumps({"model": "served", "choices": [choice]}).encode(), 100).ids is None
    choice["logprobs"] = {"content": [{**place, "id": 7}]}
    assert read(json.dumps({"model": "served", "choices": [choice]}).encode(), 100).ids == (7,)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"error": {"message": "Upstream is down", "code": 502}, "user_id": "u"}', "Upstream is down"),
        (b'{"error": "Unexpected endpoint"}', "Unexpected endpoint"),
        (b'{"model": "served", "output": [], "status": "failed", "error": {"message": "overloaded"}}', "overloaded"),
        (b"<!doctype html><title>Log in</title>", "not JSON in UTF-8; it begins with '<!doctype html>"),
        (b'data: {"choices": []}\n\n', "not JSON in UTF-8; it begins with 'data: "),
        (b'{"error": "\xff"}', "status 200: \ufffd"),
        (b'{"error": null}', "missing required field `model`"),
    ],
)
def test_what_is_no_reply_says_what_it_is(body: bytes, says: str) -> None:
    with pytest.raises(Faulty, match=says) as caught:
        read(bytearray(body), 100)
    assert isinstance(caught.value, Unbelievable) == (b"null" in body)


def test_a_reply_with_an_empty_error_beside_it_is_read() -> None:
    raw = b'{"model": "m", "choices": [{"text": "b", "finish_reason": "stop"}], "error": {"code": 0}}'
    assert read(raw, 100).text == "b"


def test_thinking_that_is_told_apart_only_in_the_run_is_not_left_out_of_the_bill() -> None:
    message = {"content": TEXT, "reasoning": THOUGHT}
    said = Said({"model": "served", "choices": [{"message": message, "finish_reason": "stop"}]})
    info = EngineInfo("openai", "served", "", 1000, frozenset(), {}, {}, False, "")
    request = Request((), (), 100, "s", turns=(Turn("user", "Why?"),))
    with speaking(lambda path, body: said) as place:
        client = Client(place.url, None, connections=1, timeout=9, attempts=1)
        dialect = Dialect("chat", uncounted=True)
        engine = OpenAIEngine(info, ServerCounted(), client, dialect, answers_as="served")
        with pytest.raises(EngineError, match=r"tells thinking apart, as it did not .*--tokenizer none"):
            asyncio.run(engine.generate([request]))
