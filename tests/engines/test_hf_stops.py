from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import make_tokenizer
from tts_bench.engines.hf.stops import trailing_stop
from tts_bench.engines.tokenizer import HfTokenizer


def decode(tokens: Sequence[int]) -> str:
    """Every token is a byte: the hardest case for texts that straddle tokens."""
    return bytes(tokens).decode("utf-8", errors="replace")


@given(st.text("ab\n", max_size=12), st.lists(st.text("ab\n", min_size=1, max_size=4), min_size=1, max_size=3))
def test_the_stop_is_found_at_the_token_that_completes_it(text: str, stops: list[str]) -> None:
    tokens = list(text.encode())
    done = next((count for count in range(1, len(tokens) + 1) if any(s in text[:count] for s in stops)), None)
    for count in range(1, (done or len(tokens)) + 1):
        found = trailing_stop(tokens[:count], stops, decode)
        if count != done:
            assert found == 0
        else:
            first = min(text.find(s) for s in stops if s in text[:count])
            assert count - found == first


def test_characters_of_several_tokens_are_whole_before_they_stop() -> None:
    tokens = list("xé漢y".encode())
    assert [trailing_stop(tokens[:count], ["漢"], decode) for count in range(1, 7)] == [0, 0, 0, 0, 0, 3]


@pytest.mark.parametrize(("text", "stop", "kept"), [("so\n\nQuestion: 12", "Question:", "so\n\n")])
def test_a_token_that_straddles_the_beginning_belongs_to_the_stop(text: str, stop: str, kept: str) -> None:
    tokenizer = HfTokenizer(make_tokenizer())
    tokens = tokenizer.encode(text)
    done = next(count for count in range(1, len(tokens) + 1) if stop in tokenizer.decode(tokens[:count]))
    found = trailing_stop(tokens[:done], [stop], tokenizer.decode)
    assert found > 0
    assert stop not in tokenizer.decode(tokens[: done - found])
    assert kept.startswith(tokenizer.decode(tokens[: done - found]))
