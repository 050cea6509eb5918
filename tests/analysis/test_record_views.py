"""`records.view` reads what `records.from_line` reads, and refuses what it refuses, in the same words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.run_folders import FIXTURES
from tts_bench.api import Cost
from tts_bench.records import (
    READ,
    AnswerRecord,
    ErrorRecord,
    Record,
    ScoreRecord,
    SegmentRecord,
    from_line,
    to_line,
    view,
)

LINES = [
    line
    for schema in READ
    for line in (FIXTURES / f"run-schema-{schema}" / "records.jsonl").read_bytes().splitlines(keepends=True)
]
VOTE = next(line for line in reversed(LINES) if b'"strategy":"majority' in line)
ERROR = VOTE.replace(b'"error":null', b'"error":{"kind":"raised","message":"no"}')
_SCORE = ScoreRecord("prm", 0.5, (0.25, 0.5), 1, "0f", 90, 7, 1e9, "hm. Yes")
_WHOLE = from_line(VOTE)
# As this version writes it.
SCORED = to_line(
    replace(_WHOLE, scored=(_SCORE,), answers=tuple(replace(rung, scored=(0,)) for rung in _WHOLE.answers))
).encode()
# Whatever JSON may have in a value's place, and some that it may not.
ODD = [
    *("null", "true", "false", "0", "-1", "1.0", "1.5", "1e2", "-0.0", "123456789012345678901234567890", "1e999"),
    *("-1e999", "NaN", "Infinity", "-Infinity", "nan", "01", ".5", "1.", "+1", "prompt", "'x'"),
    *('""', '"x"', r'"\u0000"', r'"\ud800"', r'"\ud83d\ude00"', '"1"', '"prompt"', '"raised"'),
    *("[]", "[1]", "[null]", "{}", '{"a":1}', '{"a":1.5}', '{"a":null}', '{"a":NaN}', '{"a":"1"}', '{"a":1,"a":"1"}'),
]
CLASSES = (Record, SegmentRecord, ScoreRecord, AnswerRecord, ErrorRecord, Cost)


def plain(part: Any) -> Any:  # noqa: ANN401
    """Everything in a record or a view of one, with the types of its values."""
    kind = next((kind for kind in CLASSES if kind.__name__ == type(part).__name__), None)
    if kind is not None:
        return {field.name: plain(getattr(part, field.name)) for field in fields(kind)}
    return (tuple, [plain(value) for value in part]) if isinstance(part, tuple) else (type(part), part)


def outcome(read: Callable[[bytes], Record], line: bytes) -> Any:  # noqa: ANN401
    try:
        return plain(read(line))
    except ValueError as error:
        return str(error)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401
    """Every place in a JSON value; of a list, its first and its last."""
    if path:
        yield path
    if isinstance(value, list):
        for index in sorted({0, len(value) - 1} if value else ()):
            yield from places(value[index], (*path, index))
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))


def replaced(line: bytes, path: tuple[str | int, ...], text: str) -> bytes:
    data = json.loads(line)
    parent = data
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = "put it here"
    return json.dumps(data, ensure_ascii=False).replace('"put it here"', text).encode() + b"\n"


@pytest.mark.parametrize("line", LINES)
def test_every_line_is_viewed_as_it_is_read(line: bytes) -> None:
    assert plain(view(line)) == plain(from_line(line))
    assert (view(line).key, view(line).spent.generated) == (from_line(line).key, from_line(line).spent.generated)


@pytest.mark.parametrize("line", [VOTE, ERROR, SCORED])
def test_an_odd_value_in_any_place_is_viewed_or_refused_as_it_is_read(line: bytes) -> None:
    assert not isinstance(outcome(view, line), str)
    refused = 0
    for path in places(json.loads(line)):
        for text in ODD:
            changed = replaced(line, path, text)
            assert outcome(view, changed) == outcome(from_line, changed), (path, text)
            refused += isinstance(outcome(view, changed), str)
    assert refused > 2000


@pytest.mark.parametrize("line", [VOTE, ERROR, SCORED])
def test_an_unknown_or_a_missing_field_in_any_place_is_refused_as_it_is_read(line: bytes) -> None:
    for path in places(json.loads(line)):
        data = json.loads(line)
        parent = data
        for step in path[:-1]:
            parent = parent[step]
        if isinstance(path[-1], int):
            continue
        held = parent.pop(path[-1])
        without = json.dumps(data).encode()
        assert outcome(view, without) == outcome(from_line, without), path
        parent |= {path[-1]: held, "mood": "good"}
        more = json.dumps(data).encode()
        assert outcome(view, more) == outcome(from_line, more), path


@given(st.sampled_from([VOTE, ERROR, SCORED]), st.data())
def test_bytes_that_are_put_in_or_lost_are_refused_as_they_are_read(line: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, min(len(line), start + 3)))
    changed = line[:start] + data.draw(st.binary(max_size=3)) + line[end:]
    assert outcome(view, changed) == outcome(from_line, changed)


def test_a_view_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        view(VOTE).task = "other"  # type: ignore[misc]
    assert to_line(from_line(SCORED)).encode() == SCORED


@pytest.mark.parametrize("digits", ["9" * 17, "1" + "0" * 400], ids=len)
def test_a_count_that_no_double_holds_is_refused_and_the_largest_that_one_does_is_read(digits: str) -> None:
    for read in (view, from_line):
        with pytest.raises(ValueError, match=r"<= 9007199254740992.*tokens"):
            read(re.sub(rb'"tokens":\d+', b'"tokens":' + digits.encode(), VOTE, count=1))
        read(re.sub(rb'"tokens":\d+', b'"tokens":9007199254740992', VOTE, count=1))
