"""lm-eval's samples files (0.4 and later): a line for each document and filter."""

from __future__ import annotations

from math import isfinite

from tts_bench.errors import UserError
from tts_bench.pools.entry import Entry, Output, Values, one_of
from tts_bench.pools.lines import QUESTIONS

TOOL = "lm-eval samples"


def is_one(row: object) -> bool:
    """Whether a line is of such a file."""
    return isinstance(row, dict) and "doc_id" in row and "resps" in row


class Reader:
    """Lines of one file, in their order. lm-eval writes a document once for each of its filters: the first counts."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, int]] = {}  # document -> filter that counts, and the line it stands in

    def entry(self, row: object, line: int, where: str) -> Entry | None:
        """What one line says; None where another filter's line has said it.

        Raises:
            UserError: it is no line of such a file, its document came before, or the model was asked for no text.
        """
        values = Values(row, where)
        number = values.count("doc_id")
        if number is None:
            raise UserError(f"{where} has no 'doc_id'; expected a line of lm-eval's samples, as the first ones.")
        named = values.text("filter") or ""
        known = self._seen.setdefault(number, (named, line))
        if known != (named, line):
            if known[0] == named:
                raise UserError(f"{where}: document {number} is already in line {known[1]}. Remove one of them.")
            return None
        requests = values.list("resps") or []
        texts = requests[0] if len(requests) == 1 else None
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise UserError(
                f"{where}: 'resps' is not a list of texts; expected the samples of a task that generates text."
            )
        metrics = values.list("metrics") or []
        verdict = values.row.get(metrics[0]) if metrics and isinstance(metrics[0], str) and len(texts) == 1 else None
        verdict = float(verdict) if isinstance(verdict, int | float) and isfinite(verdict) else None
        return Entry(line, where, number, self._questions(values), tuple(Output(t, verdict=verdict) for t in texts))

    def _questions(self, values: Values) -> tuple[str, ...]:
        doc = values.row.get("doc")
        own = [doc.get(name) for name in QUESTIONS] if isinstance(doc, dict) else []
        arguments = values.row.get("arguments")
        asked = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
        prompt = asked.get("arg_0") if isinstance(asked, dict) else None
        return one_of([*own, prompt])
