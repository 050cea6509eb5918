"""Claims about the numbers beside tokens: names, slices and joins."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bench.columns import NO_COLUMNS, Columns, named, top_mean, top_of
from tts_bench.engine import EngineInfo, Generation, Request, check_columns
from tts_bench.engines.scripted import ScriptedEngine, adder
from tts_bench.errors import UserError

NAMES = ("entropy", "logprob", "top_mean:1", "top_mean:20")
numbers = st.lists(st.floats(width=32, allow_nan=False), max_size=12)
columns = st.dictionaries(st.sampled_from(NAMES), numbers).map(Columns.of)


def test_names_are_read_as_they_are_written() -> None:
    assert [top_of(name) for name in NAMES] == [0, 0, 1, 20]
    assert top_mean(20) == "top_mean:20"
    assert named(frozenset(("top_mean:20", "logprob"))) == ("logprob", "top_mean:20")


@pytest.mark.parametrize("name", ["", "logprobs", "top_mean", "top_mean:0", "top_mean:01", "top_mean:-1", "top_mean:x"])
def test_a_name_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no column"):
        Request((1,), (), 1, "s", columns=(name,))
    with pytest.raises(ValueError, match="there is no column"):
        Columns.of({name: (1.0,)})


@pytest.mark.parametrize("names", [("logprob", "entropy"), ("logprob", "logprob")])
def test_a_request_names_its_columns_in_order_and_once(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="sorted, and each there once"):
        Request((1,), (), 1, "s", columns=names)


@given(columns)
def test_columns_are_values_that_survive_the_store_and_a_process_to_the_bit(held: Columns) -> None:
    for again in (Columns.load(held.dump()), pickle.loads(pickle.dumps(held)), Columns.of(dict(held))):
        assert again == held
        assert hash(again) == hash(held)
    assert {Generation((), "stop", columns=held)} == {Generation((), "stop", columns=Columns.load(held.dump()))}


def test_a_number_is_rounded_once_so_that_what_is_stored_is_what_was_made() -> None:
    [number] = Columns.of({"logprob": (-0.1,)})["logprob"]
    assert number != -0.1
    assert math.isclose(number, -0.1, rel_tol=1e-7)
    assert Columns.of({"logprob": (number,)})["logprob"] == (number,)


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=12), st.integers(0, 14))
def test_what_is_cut_and_joined_is_what_it_was(values: list[float], at: int) -> None:
    whole = Columns.of({"entropy": values, "logprob": values[::-1]})
    rest = Columns.of({"entropy": values[at:], "logprob": values[::-1][at:]})
    assert whole.cut(at).joined(min(at, len(values)), rest) == whole
    assert {name: len(part) for name, part in whole.cut(at).items()} == (
        {name: min(at, len(values)) for name in ("entropy", "logprob")} if values and at else {}
    )


def test_a_column_with_a_gap_ends_before_it() -> None:
    known = Columns.of({"entropy": (1, 2, 3), "logprob": (-1, -2)})
    after = Columns.of({"entropy": (4,), "logprob": (-4,), "top_mean:2": (9,)})
    assert dict(known.joined(3, after)) == {"entropy": (1, 2, 3, 4), "logprob": (-1, -2)}
    assert dict(NO_COLUMNS.joined(0, after)) == dict(after)


def test_what_is_covered_is_what_every_column_has() -> None:
    held = Columns.of({"entropy": (1, 2, 3), "logprob": (-1, -2)})
    assert held.covered((), 5) == 5
    assert held.covered(("entropy",), 5) == 3
    assert held.covered(("entropy", "logprob"), 5) == 2
    assert held.covered(("logprob", "top_mean:3"), 5) == 0


def info(capabilities: frozenset[str], top: int | None = None) -> EngineInfo:
    how = {"identity": {}, "settings": {}, "exact": True, "exact_note": "", "top_logprobs": top}
    return EngineInfo("openai", "gpt", "f", 100, capabilities, **how)  # type: ignore[arg-type]


def test_what_an_engine_cannot_give_is_refused_with_what_to_type() -> None:
    all_of_them = ("entropy", "logprob", "top_mean:20")
    check_columns(info(frozenset()), ())
    check_columns(info(frozenset({"logprobs"})), all_of_them)
    check_columns(info(frozenset({"logprobs"}), 20), ("logprob", "top_mean:20"))
    with pytest.raises(UserError, match=r"returns no log-probabilities\. Type --engine hf"):
        check_columns(info(frozenset()), ("logprob",))
    with pytest.raises(UserError, match=r"entropy needs all\. Type"):
        check_columns(info(frozenset({"logprobs"}), 20), all_of_them)
    with pytest.raises(UserError, match=r"top_mean:20: .* at most 5 tokens"):
        check_columns(info(frozenset({"logprobs"}), 5), ("logprob", "top_mean:20"))


def test_a_script_is_as_sure_as_it_is_told_to_be() -> None:
    engine = ScriptedEngine(adder, sureness=lambda stream, position: 0.5 if position < 2 else 0.9)
    request = Request(engine.tokenizer.encode("1 and 2<think>"), (), 4, "s", columns=("entropy", "top_mean:1"))
    made = engine._generate(request)
    assert made.columns["top_mean:1"] == pytest.approx([math.log(0.5)] * 2 + [math.log(0.9)] * 2)
    assert made.columns["entropy"][:2] == pytest.approx([2 * math.log(2)] * 2)
