"""Option strings: what they read, what they refuse, and that they come back the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bench.errors import UserError
from tts_bench.grammar import pairs, split_name
from tts_bench.options import coerce, label, options_of, parse, passed_on, spell


@dataclass(frozen=True)
class Everything:
    count: int = 1
    share: float = 0.5
    text: str = "Wait"
    flag: bool = False
    budgets: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    path: Path = Path("here")
    limit: int | None = None
    mode: Literal["fast", "slow", 3] = "fast"
    shares: tuple[float, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count is {self.count}; it takes a whole number from 0 upwards")


def read(spec: str) -> Everything:
    name, texts = parse(spec)
    return coerce(Everything, texts, name)


def test_every_type_is_read() -> None:
    found = read("e:count=-0,share=1e-3,text=a b,flag=TRUE,budgets=1+2,words=a+b,path=/x/y,limit=7,mode=3,shares=1+.5")
    assert found == Everything(0, 0.001, "a b", True, (1, 2), ("a", "b"), Path("/x/y"), 7, 3, (1.0, 0.5))


def test_a_name_alone_has_no_options() -> None:
    assert parse("baseline") == ("baseline", {})


def test_a_value_may_hold_equals_signs_colons_and_escaped_commas() -> None:
    assert parse(r"f:text=a=b:c,cue=Wait\, let me see\\,n=\n") == (
        "f",
        {"text": "a=b:c", "cue": "Wait, let me see\\", "n": r"\n"},
    )


def test_a_file_and_class_are_one_name() -> None:
    assert parse("./a/my_file.py:Mine:count=3") == ("./a/my_file.py:Mine", {"count": "3"})
    assert parse("my_file.py:Mine") == ("my_file.py:Mine", {})


def test_none_leaves_an_optional_value_out_and_nothing_is_an_empty_list() -> None:
    assert read("e:limit=none,budgets=") == Everything(limit=None, budgets=())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", ["names no strategy"]),
        (":count=1", ["names no strategy"]),
        ("e:", ["''", "key=value"]),
        ("e:count", ["'count'", "key=value"]),
        ("e:count=1,,flag=true", ["key=value"]),
        ("e:count=1,count=2", ["'count'", "twice"]),
        ("e:cuont=1", ["no option 'cuont'", "Did you mean 'count'?", "share (a number, default '0.5')"]),
        ("e:count=1.5", ["count is '1.5'", "a whole number"]),
        ("e:count=", ["count is ''", "a whole number"]),
        ("e:count=\u0663", ["a whole number"]),
        ("e:count=" + "9" * 5000, ["a whole number"]),
        ("e:count=-2", ["e: count is -2", "from 0 upwards"]),
        ("e:share=nan", ["share is 'nan'", "a number"]),
        ("e:share=inf", ["a number"]),
        ("e:flag=yes", ["true or false"]),
        ("e:budgets=1+x", ["budgets is '1+x'", "whole numbers joined by +"]),
        ("e:budgets=1++2", ["whole numbers joined by +"]),
        ("e:limit=some", ["a whole number, or none"]),
        ("e:mode=fsat", ["one of fast, slow, 3", "Did you mean 'fast'?"]),
    ],
)
def test_a_mistake_says_what_was_found_and_what_is_expected(spec: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        read(spec)
    for word in words:
        assert word in str(error.value)


def test_a_required_option_that_is_missing_is_named_with_its_help() -> None:
    @dataclass(frozen=True)
    class Needy:
        size: int = field(metadata={"help": "Anything will do."})

    with pytest.raises(UserError, match=r"needy needs the option size \(a whole number, required\)\. Anything will do"):
        coerce(Needy, {}, "needy")


def test_a_type_that_cannot_be_text_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="'table' of Odd is annotated"):
        options_of(_odd())


def _odd() -> type:
    @dataclass(frozen=True)
    class Odd:
        table: dict[str, int] = field(default_factory=dict)

    return Odd


def test_any_error_of_post_init_becomes_a_message() -> None:
    @dataclass(frozen=True)
    class Broken:
        def __post_init__(self) -> None:
            raise KeyError("deep")

    with pytest.raises(UserError, match="KeyError: 'deep'"):
        coerce(Broken, {})


def test_leaving_when_it_is_made_becomes_a_message() -> None:
    @dataclass(frozen=True)
    class Leaves:
        def __post_init__(self) -> None:
            raise SystemExit(3)

    with pytest.raises(UserError, match="SystemExit: 3"):
        coerce(Leaves, {})


def test_a_default_that_fails_becomes_a_message() -> None:
    @dataclass(frozen=True)
    class Failing:
        count: int = field(default_factory=lambda: 1 // 0)

    with pytest.raises(UserError, match="default of option 'count' of Failing fails: ZeroDivisionError"):
        options_of(Failing)


PLAIN = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.builds(
        Everything,
        count=st.integers(0, 10**9),
        share=st.floats(allow_nan=False, allow_infinity=False),
        text=PLAIN,
        flag=st.booleans(),
        budgets=st.lists(st.integers(-5, 10**6)).map(tuple),
        words=st.lists(PLAIN.filter(bool)).map(tuple),
        path=PLAIN.filter(lambda text: "\0" not in text).map(Path),
        limit=st.none() | st.integers(0, 99),
        mode=st.sampled_from(["fast", "slow", 3]),
    )
)
def test_what_is_spelled_is_read_back_equal(settings: Everything) -> None:
    text = spell("every", settings)
    assert read(text) == settings
    assert spell("every", read(text)) == text


@given(PLAIN)
def test_any_text_is_read_or_refused_with_a_message(text: str) -> None:
    with suppress(UserError):
        read(f"e:{text}")


@dataclass(frozen=True)
class Passing:
    count: int = 1
    rest: Mapping[str, object] = passed_on("what a library takes")


def passing(text: str) -> Passing:
    name, options = split_name(text, "engine")
    return coerce(Passing, {} if options is None else pairs(options, name, json_values=True), name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 10**20) | st.floats(allow_nan=False) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.from_regex(r"[a-z_]{1,9}", fullmatch=True).filter(lambda name: name not in ("count", "rest"))


@given(st.builds(Passing, st.integers(0, 9), st.dictionaries(NAMES, JSON, max_size=4)))
def test_whatever_is_passed_on_is_read_back_equal(settings: Passing) -> None:
    assert passing(spell("p", settings)) == settings
    assert passing(label("p", settings)) == settings


def test_the_commas_of_a_json_value_are_its_own_and_a_word_needs_no_quotes() -> None:
    found = passing('p:a={"x": [1, "b,c"]},count=2, b = fp8 ,c=[half,d=1')
    assert found == Passing(2, {"a": {"x": [1, "b,c"]}, "b": "fp8", "c": "[half", "d": 1})
    with pytest.raises(UserError, match=r"p: option a is ' '; it takes a value"):
        passing("p:a= ")


def test_where_nothing_is_passed_on_a_bracket_is_text() -> None:
    assert read('e:text=["a",count=2').text == '["a"'


def test_options_registry_and_api_need_the_standard_library_alone() -> None:
    program = (
        "import sys; before = set(sys.modules); import tts_bench.registry, tts_bench.options, tts_bench.api; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'tts_bench'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
