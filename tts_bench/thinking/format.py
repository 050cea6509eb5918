"""A thinking format: where a model's thinking begins and ends, and how it is then asked for its answer."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace is matched whole, and so not counted


@dataclass(frozen=True)
class ThinkingFormat:
    """Delimiters of thinking and the one suffix that asks for the answer, the same for every arm.

    In mode "delimited" thinking stands between `start` and `end`, and `end + answer_suffix` closes it, whether the
    model ended it or a budget did. In mode "end-of-turn" the model has no delimiter: both are empty, its end of turn
    (`Tokenizer.end_ids`) is the end of thinking, and `answer_suffix` alone takes its place to ask for the answer. In
    mode "one-reply" a server gives thinking and answer together, and all three are empty. So they are in the modes of
    recorded outputs, which nothing can be put into: in "recorded" the recorded answer follows the recorded thinking, in
    "recorded-whole" an output as a whole is both.
    """

    name: str
    start: str
    end: str
    answer_suffix: str
    answer_stops: tuple[str, ...] = ()  # texts that end an answer, besides the ends of turn
    mode: Literal["delimited", "end-of-turn", "one-reply", "recorded", "recorded-whole"] = "delimited"
    opened_by_template: bool = False  # the rendered chat template already stands inside thinking
    notes: tuple[str, ...] = ()
    question: str = ""  # what a server of messages is asked for the answer, in a turn of its own; it is in the suffix
    markup: str = ""  # what `answer_suffix` begins with to open an answer: control tokens, no part of the answer's text

    def recorded(self) -> dict[str, Any]:
        """The fields, as records and identities hold them; `markup` where there is any, since older ones have none."""
        fields = asdict(self)
        del fields["question"]
        if not self.markup:
            del fields["markup"]
        return fields

    def open(self, rendered_prompt: str) -> str:
        """The prompt up to where thinking is sampled: `start` is added if the chat template did not do so."""
        return rendered_prompt if self.opened_by_template else rendered_prompt + self.start

    def answer_text(self, sampled: str) -> str:
        """What the scorer reads: the suffix without markup and leading white space, and the sampled answer.

        A block of thinking that the model opens again inside its answer is no part of it. Where the suffix opens a
        brace (`\\boxed{`), the text ends with the brace that closes it: what the model says after that is no part of
        the answer, and a brace it left open is closed.
        """
        suffix = self.answer_suffix.removeprefix(self.markup).lstrip()
        if self.mode == "delimited":
            sampled = self._without_thinking(sampled)
        depth = _depth(suffix)
        if depth <= 0:
            return suffix + sampled
        for match in _BRACE.finditer(sampled):
            depth += _step(match[0])
            if depth == 0:
                return suffix + sampled[: match.end()]
        return suffix + sampled.rstrip() + "}" * depth

    def quoted(self, said: str) -> str:
        """A reply as it stands in a conversation: without its thinking."""
        if self.mode != "delimited":
            return said
        return self._without_thinking(said).rpartition(self.end.strip())[2].strip()

    def _without_thinking(self, sampled: str) -> str:
        start, end = self.start.strip(), self.end.strip()
        while start and (begin := sampled.find(start)) >= 0:
            stop = sampled.find(end, begin + len(start))
            sampled = sampled[:begin] + (sampled[stop + len(end) :] if stop >= 0 else "")
        return sampled

    def describe(self) -> str:
        """One line for the header of a run."""
        if self.mode == "one-reply":
            how = "the server marks the end of thinking, or hides thinking"
        elif self.mode == "recorded":
            how = "thinking and answer are as they were recorded"
        elif self.mode == "recorded-whole":
            how = "each output is all thinking, and is scored as a whole"
        elif self.mode == "end-of-turn":
            how = (
                "this model has no thinking delimiter, so its end of turn counts as the end of thinking, "
                f"a cue takes that place, and the answer is asked for by {self.answer_suffix!r}"
            )
        else:
            opener = "chat template" if self.opened_by_template else "harness"
            tags = f"{self.start.strip()} (put there by the {opener}) to {self.end.strip()}"
            how = f"thinks from {tags}, answers after {self.answer_suffix!r}"
        return "; ".join((f"{self.name}: {how}", *self.notes))


def _depth(text: str) -> int:
    return sum(_step(match[0]) for match in _BRACE.finditer(text))


def _step(brace: str) -> int:
    return {"{": 1, "}": -1}.get(brace, 0)
