import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bench.errors import EngineError, Misuse, UserError
from tts_bench.text import counted, safe


@given(st.text() | st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_safe_text_is_printable_and_stands_on_one_line(text: str) -> None:
    assert safe(text).isprintable()
    assert len(safe(text).splitlines()) <= 1
    assert safe(text, ascii_only=True).isascii()
    assert safe(text, ascii_only=True).isprintable()


def test_plain_names_stay_as_they_are() -> None:
    assert safe("budget-forcing:cue=Hmm, però…") == "budget-forcing:cue=Hmm, però…"


def test_escape_sequences_and_direction_marks_show_instead_of_acting() -> None:
    assert safe("\x1b[31mred\u202e\r\n") == r"\x1b[31mred\u202e\r\n"
    assert safe("è", ascii_only=True) == r"\xe8"


@pytest.mark.parametrize("kind", [UserError, EngineError, Misuse])
@pytest.mark.parametrize("length", [10, 3999, 4000, 4001, 10**6])
def test_a_message_that_quotes_anything_has_4000_characters_at_most(kind: type[UserError], length: int) -> None:
    said = str(kind("f" + "x" * (length - 2) + "t"))
    assert len(said) == min(length, 4000)
    assert (said[0], said[-1]) == ("f", "t")
    assert ("…" in said) == (length > 4000)


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "part", "1 part"),
        (0, "part", "0 parts"),
        (2000, "entry|entries", "2,000 entries"),
        (1, "fish|fish", "1 fish"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said
