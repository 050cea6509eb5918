"""What a chat template does, found by rendering it: its prompt, a past turn that thought, and each switch thrown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tts_bench.errors import UserError
from tts_bench.templates import EFFORTS, Case, ChatTemplate, Message, Trial

QUESTION, THOUGHT, REPLY, SYSTEM = "Zq7 what is it?", "Zr7 thus it is", "Za7 it is", "Zs7 be brief"
_OTHER_DAY = "1999-12-31"
_PRINTED = re.compile(r"""["']thinking["']\s*:""")

# Arguments that templates take, with values that turn thinking on and off. A template that reads none of them has none.
_ON: tuple[tuple[str, Any], ...] = (
    *((name, True) for name in ("enable_thinking", "thinking", "think", "reasoning", "enable_reasoning")),
    ("force_reasoning", True),
    *(("thinking_mode", mode) for mode in ("enabled", "on", "thinking")),
    *((name, effort) for name in EFFORTS for effort in ("high", "medium", "low")),
)
_OFF: tuple[tuple[str, Any], ...] = (
    *((name, False) for name in ("enable_thinking", "thinking", "think", "reasoning", "enable_reasoning")),
    ("skip_reasoning", True),
    *(("thinking_mode", mode) for mode in ("disabled", "off", "chat")),
    *((name, effort) for name in EFFORTS for effort in ("none", "no_think", "minimal", "low")),
    ("thinking_budget", 0),
)


@dataclass(frozen=True)
class Switch:
    """An argument, or words in the system prompt, that may turn thinking on or off."""

    name: str  # empty: `value` stands in the system prompt
    value: Any
    on: bool

    @property
    def key(self) -> str:
        return f"switch {self.on} {self.name}={self.value}"

    @property
    def effort(self) -> bool:
        """A matter of how much rather than of whether."""
        return self.name in EFFORTS


SWITCHES = (
    *(Switch(name, value, True) for name, value in _ON),
    *(Switch(name, value, False) for name, value in _OFF),
    Switch("", "/think", True),
    Switch("", "/no_think", False),
)


@dataclass(frozen=True)
class Rendered:
    """A prompt, cut at the question that it holds."""

    head: str  # what stands before the question
    tail: str  # from the question to where the model's turn begins

    @staticmethod
    def of(text: str) -> Rendered:
        head, _, tail = text.rpartition(QUESTION)
        return Rendered(head, tail)


@dataclass(frozen=True)
class Evidence:
    """What the trials showed."""

    template: ChatTemplate  # as it is to be used: with contents as parts where it wants them
    prompt: Rendered
    own: str  # what the template itself says before the question, whatever the user's system prompt says
    past: str | None  # from the question to a past turn's reply where its thought is worded; None where it never is
    plain: str  # the same of a past turn without a thought
    drops: bool  # a past turn's thinking between <think> and </think> is left out
    after: str  # what ends a past turn
    dated: bool  # the prompt holds the date
    switched: Mapping[Switch, Rendered]  # of all that the template reads and takes
    variables: frozenset[str]
    system: str | None


def gather(template: ChatTemplate, system: str | None, *, strict: bool) -> Evidence:
    """Try `template` with the run's own system prompt and the arguments that are set.

    Args:
        template: with its arguments and its date.
        system: the system prompt.
        strict: refuse a template that leaves out the question or the system prompt, or an argument that means nothing.

    Raises:
        UserError: the template refuses a plain question, or the system prompt, or does not come to an end.
    """
    trial = template.trial(dict(_cases(system)))
    if QUESTION not in (trial.get("prompt") or ""):
        whole = ChatTemplate(template.source, template.special, template.arguments, template.day, parts=True)
        other = whole.trial(dict(_cases(system)))
        if QUESTION in (other.get("prompt") or ""):
            template, trial = whole, other
    if strict:
        _check(template, trial, system)
    prompt = trial.get("prompt") or ""
    own = Rendered.of(trial.get("own") or prompt).head.replace(SYSTEM, "")
    inline = trial.get("inline")
    switched = {
        switch: Rendered.of(text)
        for switch in SWITCHES
        if (text := trial.get(switch.key)) is not None and QUESTION in text
    }
    return Evidence(
        template,
        Rendered.of(prompt),
        own,
        _past(trial),
        _before_reply(trial.get("turn")),
        inline is not None and REPLY in inline and THOUGHT not in inline,
        (trial.get("turn") or "").rpartition(REPLY)[2],
        trial.get("other day") not in (None, prompt),
        switched,
        trial.variables,
        system,
    )


def _cases(system: str | None) -> Iterator[tuple[str, Case]]:
    def asked(words: str | None) -> list[Message]:
        turns: list[Message] = [{"role": "system", "content": words}] if words else []
        return [*turns, {"role": "user", "content": QUESTION}]

    thought: Message = {"role": "assistant", "content": REPLY, **dict.fromkeys(_THOUGHTS, THOUGHT)}
    parts = [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": REPLY}]
    inline = f"<think>\n{THOUGHT}\n</think>\n\n{REPLY}"
    yield "prompt", Case(asked(system))
    yield "without system", Case(asked(None))
    yield "own", Case(asked(SYSTEM if system else None))
    yield "other day", Case(asked(system), day=_OTHER_DAY)
    yield "turn", Case([*asked(None), {"role": "assistant", "content": REPLY}], generate=False)
    yield "thought", Case([*asked(None), thought], generate=False)
    yield "thought in parts", Case([*asked(None), {"role": "assistant", "content": parts}], generate=False)
    called = {**thought, "tool_calls": [_CALL]}
    told = {"role": "tool", "tool_call_id": "call00001", "name": "look", "content": "4"}
    yield "thought with a call", Case([*asked(None), called, told], generate=False)
    yield "inline", Case([*asked(None), {"role": "assistant", "content": inline}, *asked(None)])
    for switch in SWITCHES:
        if switch.name:
            yield switch.key, Case(asked(system), {switch.name: switch.value}, needs=switch.name)
        else:
            yield switch.key, Case(asked(f"{system} {switch.value}" if system else switch.value))


_CALL = {"id": "call00001", "type": "function", "function": {"name": "look", "arguments": {"at": "it"}}}
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")  # where templates look for a past turn's thinking


def _past(trial: Trial) -> str | None:
    """The first wording of a past turn that shows its thought; a list of parts that is printed as it is words none."""
    for name in ("thought", "thought in parts", "thought with a call"):
        turn = _before_reply(trial.get(name))
        if THOUGHT in turn and not _PRINTED.search(turn):
            return turn
    return None


def _before_reply(text: str | None) -> str:
    turn = (text or "").partition(QUESTION)[2]
    return turn.partition(REPLY)[0] if REPLY in turn else ""


def _check(template: ChatTemplate, trial: Trial, system: str | None) -> None:
    template.check(trial.variables)
    prompt = trial.get("prompt")
    if prompt is None:
        why = trial.errors.get("prompt", "")
        if system and "without system" in trial.texts:
            raise UserError(f"The model's chat template refuses a system prompt ({why}). Leave --system out.")
        raise UserError(
            f"The model's chat template refuses a plain question ({why}). Set what it needs with --template-arg, or "
            "use another model."
        )
    if QUESTION not in prompt:
        raise UserError("The model's chat template leaves the question out of the prompt. Use another model.")
    if system and SYSTEM not in (trial.get("own") or ""):
        raise UserError("The model's chat template leaves a system prompt out of the prompt. Leave --system out.")
