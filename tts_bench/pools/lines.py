"""Plain JSON Lines: a line for each problem or for each output, with names that most programs use."""

from __future__ import annotations

from typing import Any

from tts_bench.errors import UserError
from tts_bench.foreign import json_kind
from tts_bench.pools.entry import Entry, Output, Values, cut, logprobs, one_of

NUMBERS = ("doc_id", "id", "problem_id", "index")
QUESTIONS = ("question", "problem", "prompt", "input")
_ONE, _SEVERAL = ("response", "output", "completion", "text"), ("responses", "samples", "outputs", "completions")
_PLACE = ("sample", "sample_index")
_THINKING = ("thinking", "reasoning", "reasoning_content")
_TOKENS = ("tokens", "completion_tokens", "output_tokens", "num_tokens")
_THINKING_TOKENS, _ANSWER_TOKENS = ("thinking_tokens", "reasoning_tokens"), ("answer_tokens",)
_REASON = ("finish_reason", "stop_reason")
_OF_AN_OUTPUT = (_THINKING, _TOKENS, _THINKING_TOKENS, _ANSWER_TOKENS, _REASON, ("score",), ("logprobs",))
TOOL = "JSON Lines"


def entry(row: object, line: int, where: str) -> Entry:
    """What one line says.

    Raises:
        UserError: it is no object, names no problem or no output, or a value has the wrong type.
    """
    values = Values(row, where)
    questions = one_of([values.text(name) for name in QUESTIONS])
    number = values.identity(*NUMBERS)
    if number is None and not questions:
        raise UserError(f"{where} names no problem; expected one of {_listed(NUMBERS)}, or {_listed(QUESTIONS)}.")
    several, one = values.first(*_SEVERAL), values.first(*_ONE, "answer")
    if several:
        return Entry(line, where, number, questions, _outputs(values, several))
    if one is None:
        raise UserError(f"{where} has no output; expected {_listed(_ONE[:1])} (a text) or {_listed(_SEVERAL[:2])}.")
    return Entry(line, where, number, questions, (of(values),), values.count(*_PLACE))


def _outputs(values: Values, name: str) -> tuple[Output, ...]:
    """The outputs in the list `name`, each with its own of the lists beside it."""
    given = values.list(name) or []
    if not given:
        raise UserError(f"{values.where}: {name!r} is empty; expected at least one output.")
    if other := values.first(*_ONE, *_PLACE):  # an 'answer' there is the problem's
        raise UserError(
            f"{values.where}: {other!r} stands beside {name!r}, whose order numbers the outputs. Put all outputs into "
            f"{name!r}, and remove {other!r}."
        )
    beside = [field for names in _OF_AN_OUTPUT if (field := values.first(*names))]
    for field in beside:
        _check_for_each(values, field, name, len(given))
    return tuple(
        _output(each, values.where, name, {field: values.row[field][place] for field in beside})
        for place, each in enumerate(given)
    )


def _check_for_each(values: Values, field: str, name: str, count: int) -> None:
    found = values.row[field]
    several = isinstance(found, list)
    if several and len(found) == count:
        return
    what = f"has {len(found):,} values for {count:,} {name}" if several else f"is a JSON {json_kind(found)}"
    raise UserError(
        f"{values.where}: {field!r} stands beside {name!r} and {what}; give one for each, or put it into each."
    )


def _output(found: object, where: str, name: str, beside: dict[str, Any]) -> Output:
    if isinstance(found, str):
        return of(Values({_ONE[0]: found, **beside}, where)) if beside else Output(found)
    own = Values(found, where, f"one of {name!r}")
    for names in _OF_AN_OUTPUT if beside else ():
        if (within := own.first(*names)) and (field := next((each for each in names if each in beside), None)):
            raise UserError(f"{where}: {field!r} stands beside {name!r}, and {within!r} in one of them. Remove either.")
    return of(Values({**own.row, **beside}, where))


def of(values: Values) -> Output:
    """The output that an object tells of."""
    text = values.text(*_ONE, "answer")
    if text is None:
        raise UserError(f"{values.where}: an output has no text; expected 'response'.")
    found = values.row.get("logprobs")
    return Output(
        text,
        thinking=values.text(*_THINKING),
        tokens=values.count(*_TOKENS),
        thinking_tokens=values.count(*_THINKING_TOKENS),
        answer_tokens=values.count(*_ANSWER_TOKENS),
        cut=cut(values.text(*_REASON)),
        score=values.number("score"),
        verdict=None,
        **({} if found is None else logprobs(found, values)),
    )


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(map(repr, names))
