"""What a server's reply counts, however it tells of a stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.openai.account import generation
from tts_bench.engines.openai.client import Unbelievable
from tts_bench.engines.openai.tokenizer import UNSEEN, EndpointTokenizer, load_tokenizer
from tts_bench.engines.openai.whole import whole
from tts_bench.engines.openai.wire import Reply

_LIMIT = 50


@pytest.fixture(scope="module")
def tokenizer(tiny: Callable[..., Path]) -> EndpointTokenizer:
    return load_tokenizer(tiny(), "tiny")


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
    request = Request(
        (1,), (), _LIMIT, "s", Sampling(temperature=0), frozenset(stop) if len(stop) == 1 else frozenset(), texts
    )
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
    request = Request((1,), (), limit, "s", Sampling(temperature=0))
    reply = _reply(letters, ids if told else None, "length", count)
    if count == limit and (count == len(ids) or (not told and abs(count - len(ids)) <= 2 + count // 50)):
        made = generation(reply, request, limit, (), tokenizer)
        assert len(made.tokens) == limit
        assert made.tokens[: len(ids)] == ids[:limit]
        assert set(made.tokens[len(ids) :]) <= {UNSEEN}
    else:
        with pytest.raises(Unbelievable, match=r"counts|ends for its length"):
            generation(reply, request, limit, (), tokenizer)


@pytest.mark.parametrize(("told", "finish"), [("length", "length"), ("stop", "stop")])
def test_thinking_and_answer_that_are_cut_into_more_tokens_than_were_asked_for_keep_to_the_limit(
    tokenizer: EndpointTokenizer, told: str, finish: str
) -> None:
    thought, answer = tokenizer.encode("bcdfghjkbc"), tokenizer.encode("dfg")
    assert (len(thought), len(answer)) == (10, 3)
    reply = Reply("m", "dfg", None, told, None, 1, 12, reasoning="bcdfghjkbc")  # type: ignore[arg-type]
    made = whole(reply, Request((1,), (), 12, "s"), 12, tokenizer)
    assert (len(made.tokens), made.finish) == (12, finish)
    kept = thought + answer[:2] if told == "length" else thought[:9] + answer  # an answer that is whole stays so
    assert made == Generation(kept, made.finish, len(kept) - (10 if told == "length" else 9))


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize(("counted", "over"), [(True, 2), (False, 1)])
def test_a_text_that_is_cut_into_more_tokens_than_were_asked_for_ends_at_the_limit(
    tokenizer: EndpointTokenizer, shown: bool, counted: bool, over: int
) -> None:
    ids = tokenizer.encode("bcdfghjkbcdf" + ("Final answer:" if shown else "gh"))
    texts = ("Final answer:",) if shown else ()
    limit = len(ids) - over
    request = Request((1,), (), limit, "s", Sampling(temperature=0), frozenset(), texts)
    reply = Reply("m", tokenizer.decode(ids), None, "stop", None, 1, limit if counted else None)
    made = generation(reply, request, limit, texts, tokenizer, stop_shown=shown)
    assert made == Generation(ids[:limit], "length")
    longer = generation(reply, replace(request, max_tokens=50), 50, texts, tokenizer, stop_shown=shown)
    assert longer.tokens[: len(ids)] == ids


@pytest.mark.parametrize(
    "reply",
    [
        Reply("m", "b" * 90, None, "stop", None, None, None),
        Reply("m", "bb", None, "stop", None, None, None, reasoning="b" * 60),
        Reply("m", "b" * 30, None, "stop", None, None, None, reasoning="b" * 30),
        Reply("m", "bb", None, "stop", None, None, None, reasoning_tokens=10**15),
        Reply("m", "b", (70,) * 51, "length", None, None, None),
    ],
)
def test_a_reply_without_counts_is_not_believed_where_it_is_longer_than_what_was_asked_for(
    tokenizer: EndpointTokenizer, reply: Reply
) -> None:
    request = Request((1,), (), _LIMIT, "s", Sampling(temperature=0))
    with pytest.raises(Unbelievable, match=r"at most 50 were asked for"):
        _ = (
            whole(reply, request, _LIMIT, tokenizer)
            if reply.reasons
            else generation(reply, request, _LIMIT, (), tokenizer)
        )
