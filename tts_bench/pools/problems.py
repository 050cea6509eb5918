"""Which problem of a task a recorded output answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tts_bench.errors import UserError
from tts_bench.pools.entry import Entry
from tts_bench.pools.lines import QUESTIONS

By = Literal["question", "id"]
_IDS = ("id", "unique_id", "task_id", "problem_id")
_SHOWN = 60  # letters of a question in a message
_REMEMBERED = 100_000  # prompts whose problem was found by a question within them


class Problems:
    """Finds a task's problems by the texts of their rows, by rendered prompts, by names, and by numbers from 0."""

    def __init__(self, task: str, rows: Sequence[Mapping[str, Any]], prompts: Sequence[str], by: By) -> None:
        """`prompts`: of each row, as the task words it. `by`: "id" trusts numbers and names, whatever the texts are."""
        self._task, self._size, self._by = task, len(rows), by
        self._questions: dict[str, list[int]] = {}
        self._texts: dict[str, list[int]] = {}
        self._names: dict[str, int] = {}
        self._within: dict[str, int] = {}
        for number, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
            own = {_plain(text) for name in QUESTIONS if isinstance(text := row.get(name), str)} - {""}
            for text in own:
                self._questions.setdefault(text, []).append(number)
            for text in own | {_plain(prompt)}:
                self._texts.setdefault(text, []).append(number)
            for name in _IDS:
                if isinstance(known := row.get(name), str | int):
                    self._names.setdefault(str(known), number)

    def find(self, entry: Entry) -> int:
        """The number of the row that `entry` is to.

        Raises:
            UserError: there is none, or there are several.
        """
        if self._by == "question" and entry.questions:
            return self._asked(entry)
        number, where = entry.number, entry.where
        if number is None:
            raise UserError(f"{where} has no number or name of its problem. Remove --by id to match by question.")
        if isinstance(number, str):
            named = self._names.get(number)
            if named is None and not entry.from_zero:
                raise UserError(
                    f"{where}: no row of {self._task} is named {number[:_SHOWN]!r}, and a number may count from 0 or "
                    "from 1. Remove --by id to match by question."
                )
            number = named if named is not None else int(number) if re.fullmatch(r"[0-9]{1,9}", number) else -1
        if not 0 <= number < self._size:
            raise UserError(
                f"{where}: {self._task} has no problem {str(entry.number)[:_SHOWN]!r}; expected a number from 0 to "
                f"{self._size - 1:,}, or a name from its rows."
            )
        return number

    def _asked(self, entry: Entry) -> int:
        for text in entry.questions:
            if found := self._texts.get(_plain(text)):
                return self._one(found, entry)
        for text in entry.questions:
            if (known := self._within.get(text)) is not None:
                return known
            plain = _plain(text)
            held = [question for question in self._questions if question in plain]
            held = [one for one in held if not any(one != other and one in other for other in held)]
            if held:
                numbers = sorted({number for question in held for number in self._questions[question]})
                found_one = self._one(numbers, entry)
                if len(self._within) < _REMEMBERED:
                    self._within[text] = found_one
                return found_one
        shown = " ".join(entry.questions[0].split())[:_SHOWN]
        raise UserError(
            f"{entry.where}: {self._task} has no problem with the question {shown!r}. Is it the right task? To match "
            "by 'doc_id' or 'id', type --by id."
        )

    def _one(self, found: Sequence[int], entry: Entry) -> int:
        if len(found) == 1:
            return found[0]
        if entry.number in found and entry.from_zero:
            return int(str(entry.number))
        listed = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
        raise UserError(
            f"{entry.where}: several problems of {self._task} have this question ({listed}). Add 'doc_id' "
            "with one of these numbers."
        )


def _plain(text: str) -> str:
    """Without differences of white space."""
    return " ".join(text.split())
