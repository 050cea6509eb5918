"""How a model thinks: where its thinking begins and ends, and how it is then asked for its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from tts_bench.engines.base import Tokenizer
from tts_bench.errors import UserError, did_you_mean

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace is matched whole, and so not counted


@dataclass(frozen=True)
class ThinkingFormat:
    """Delimiters of thinking and the one suffix that asks for the answer, the same for every arm.

    In mode "delimited" thinking stands between `start` and `end`, and `end + answer_suffix` closes it, whether the
    model ended it or a budget did. In mode "end-of-turn" the model has no delimiter: both are empty, its end of turn
    (`Tokenizer.end_ids`) is the end of thinking, and `answer_suffix` alone takes its place to ask for the answer. In
    mode "one-reply" a server gives thinking and answer together, and all three are empty.
    """

    name: str
    start: str
    end: str
    answer_suffix: str
    answer_stops: tuple[str, ...] = ()  # texts that end an answer, besides the ends of turn
    mode: Literal["delimited", "end-of-turn", "one-reply"] = "delimited"
    opened_by_template: bool = False  # the rendered chat template already stands inside thinking
    notes: tuple[str, ...] = ()

    def open(self, rendered_prompt: str) -> str:
        """The prompt up to where thinking is sampled: `start` is added if the chat template did not do so."""
        return rendered_prompt if self.opened_by_template else rendered_prompt + self.start

    def answer_text(self, sampled: str) -> str:
        """What the scorer reads: the suffix without its leading white space, and the sampled answer.

        Where the suffix opens a brace (`\\boxed{`), the text ends with the brace that closes it: what the model says
        after that is no part of the answer, and a brace it left open is closed.
        """
        suffix = self.answer_suffix.lstrip()
        depth = _depth(suffix)
        if depth <= 0:
            return suffix + sampled
        for match in _BRACE.finditer(sampled):
            depth += _step(match[0])
            if depth == 0:
                return suffix + sampled[: match.end()]
        return suffix + sampled.rstrip() + "}" * depth

    def describe(self) -> str:
        """One line for the header of a run."""
        if self.mode == "one-reply":
            how = "the server itself says where thinking ends, or hides it"
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


PRESETS = {
    form.name: form
    for form in (
        ThinkingFormat(name="think-tags", start="<think>\n", end="</think>", answer_suffix="\n\n"),
        ThinkingFormat(
            name="s1",
            start="<|im_start|>think\n",
            end="<|im_start|>answer",
            # s1's own code adds "Final Answer:" to truncated thinking only; one suffix for all is what is comparable.
            answer_suffix="\n",
        ),
        ThinkingFormat(
            name="end-of-turn",
            start="",
            end="",
            answer_suffix="\n\nFinal answer: \\boxed{",
            answer_stops=("\n",),
            mode="end-of-turn",
        ),
    )
}


def detect(
    tokenizer: Tokenizer,
    *,
    name: str | None = None,
    think_start: str | None = None,
    think_end: str | None = None,
    answer_suffix: str | None = None,
) -> ThinkingFormat:
    """The thinking format of the tokenizer's model, unless `name` (a preset) or both delimiters say which.

    A chat template that speaks of `<think>` or `</think>` has them as delimiters; without a template, a vocabulary in
    which `</think>` is one token does. Every other model is read in the end-of-turn mode. The s1 models share the
    tokenizer and template of their instruct model, so `name="s1"` must be said.

    Raises:
        UserError: an unknown name, one delimiter without the other, a blank delimiter, a name besides delimiters, or
            an empty answer suffix in the end-of-turn mode.
    """
    form = chosen(name, think_start, think_end)
    rendered = "" if tokenizer.chat_template is None else tokenizer.render("?").rstrip()
    if form is None:
        form = _found(tokenizer, rendered)
    if form.mode == "delimited":
        form = replace(form, opened_by_template=rendered.endswith(form.start.rstrip()))
    if answer_suffix is None:
        return form
    if form.mode == "end-of-turn" and not answer_suffix.strip():
        raise UserError(
            "--answer-suffix is empty, but this model has no thinking delimiter: the suffix alone asks for the answer. "
            f"Leave it out to use {form.answer_suffix!r}."
        )
    return replace(form, answer_suffix=answer_suffix)


def chosen(name: str | None, start: str | None, end: str | None) -> ThinkingFormat | None:
    """The format that the user says, or None where it is to be found.

    Raises:
        UserError: as `detect`.
    """
    if (start is None) != (end is None):
        given, missing = ("--think-start", "--think-end") if end is None else ("--think-end", "--think-start")
        raise UserError(f"{given} is given without {missing}: a thinking format needs both. Add {missing} TEXT.")
    if start is not None and end is not None:
        if name is not None:
            raise UserError(f"--thinking {name} is given besides --think-start and --think-end. Give one or the other.")
        if not start.strip() or not end.strip():
            raise UserError("--think-start and --think-end take the texts of the delimiters, but one of them is blank.")
        return ThinkingFormat(name="custom", start=start, end=end, answer_suffix="\n\n")
    if name is None:
        return None
    if name not in PRESETS:
        raise UserError(f"No thinking format is called {name!r}. {did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def _found(tokenizer: Tokenizer, rendered: str) -> ThinkingFormat:
    tags = PRESETS["think-tags"]
    template = tokenizer.chat_template
    if template is None:
        return tags if len(tokenizer.encode(tags.end)) == 1 else PRESETS["end-of-turn"]
    if "<think>" not in template and tags.end not in template:
        return PRESETS["end-of-turn"]
    if rendered.endswith(tags.end):
        return replace(PRESETS["end-of-turn"], notes=("the chat template turns thinking off",))
    return tags


def _depth(text: str) -> int:
    return sum(_step(match[0]) for match in _BRACE.finditer(text))


def _step(brace: str) -> int:
    return {"{": 1, "}": -1}.get(brace, 0)
