"""Plain JSON Lines: a line for each problem or for each output, with names that most programs use."""

from __future__ import annotations

from tts_bench.errors import UserError
from tts_bench.pools.entry import CUT, Entry, Output, Values, logprobs, one_of

NUMBERS = ("doc_id", "id", "problem_id", "index")
QUESTIONS = ("question", "problem", "prompt", "input")
_ONE, _SEVERAL = ("response", "output", "completion", "text"), ("responses", "samples", "outputs", "completions")
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
        given = values.list(several) or []
        if not given:
            raise UserError(f"{where}: {several!r} is empty; expected at least one output.")
        return Entry(line, where, number, questions, tuple(_output(each, where, several) for each in given))
    if one is None:
        raise UserError(f"{where} has no output; expected {_listed(_ONE[:1])} (a text) or {_listed(_SEVERAL[:2])}.")
    return Entry(line, where, number, questions, (of(values),), values.count("sample", "sample_index"))


def _output(found: object, where: str, name: str) -> Output:
    if isinstance(found, str):
        return Output(found)
    return of(Values(found, where, f"one of {name!r}"))


def of(values: Values) -> Output:
    """The output that an object tells of."""
    text = values.text(*_ONE, "answer")
    if text is None:
        raise UserError(f"{values.where}: an output has no text; expected 'response'.")
    found = values.row.get("logprobs")
    return Output(
        text,
        thinking=values.text("thinking", "reasoning", "reasoning_content"),
        tokens=values.count("tokens", "completion_tokens", "output_tokens", "num_tokens"),
        thinking_tokens=values.count("thinking_tokens", "reasoning_tokens"),
        answer_tokens=values.count("answer_tokens"),
        cut=(values.text("finish_reason", "stop_reason") or "") in CUT,
        score=values.number("score"),
        verdict=None,
        **({} if found is None else logprobs(found, values)),
    )


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(map(repr, names))
