"""How thinking ends: what the model says, and what is put in so that every arm is asked for its answer alike."""

from __future__ import annotations

from tts_bench.api import Segment
from tts_bench.engine import Tokenizer
from tts_bench.thinking import ThinkingFormat


class Closing:
    """The end of thinking and the suffix that asks for the answer, as tokens."""

    def __init__(self, form: ThinkingFormat, tokenizer: Tokenizer) -> None:
        delimiter = form.end if form.mode == "delimited" else ""
        self._end = tokenizer.encode(delimiter)
        self._tokens = self._end + tokenizer.encode(form.answer_suffix)
        self._text = delimiter + form.answer_suffix
        self.longest = len(self._tokens)
        # An end of turn inside thinking ends it too; it is never read on.
        self.stop_ids = tokenizer.end_ids | frozenset(self._end if len(self._end) == 1 else ())
        self.stop_texts = (delimiter,) if len(self._end) > 1 else ()

    def after(self, last: Segment) -> tuple[tuple[int, ...], str, int]:
        """Tokens and text to put in after `last`, and how many of them the model has sampled as its end of thinking."""
        return self._tokens, self._text, len(self._end) if self._end and last.end == self._end else 0
