"""A model's chat template with all that decides what it says: its tokenizer's tokens, the user's arguments, a date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tts_bench.errors import EngineError, UserError, did_you_mean
from tts_bench.templates.trial import Case, Message, Trial, tried

EFFORTS = ("reasoning_effort", "thinking_effort", "reasoning_strength")  # how templates call it
Value = bool | int | float | str | list[Any] | dict[str, Any] | None


@dataclass(frozen=True)
class ChatTemplate:
    """Words conversations. Frozen: another date or other arguments make another template."""

    source: str
    special: Mapping[str, str] = field(default_factory=dict)  # such as bos_token, by name
    arguments: Mapping[str, Value] = field(default_factory=dict)
    day: date = date(2026, 1, 1)
    parts: bool = False  # contents are lists of parts, as templates of models that see want them

    def render(self, messages: Sequence[Message], *, generate: bool = True) -> str:
        """The conversation as the template words it, up to where the model's turn begins if `generate`.

        Raises:
            UserError: the template does not come to an end on a short conversation.
            EngineError: it refuses this one.
        """
        from tts_bench.templates import environment

        self.trial({})
        try:
            return environment.render(
                self.source,
                [self._message(message) for message in messages],
                {**self.special, **self.arguments},
                generate=generate,
                day=self.day,
            )
        except Exception as error:  # a template says by any exception that it does not take a conversation
            raise EngineError(f"the chat template refuses the conversation: {error}") from error

    def trial(self, cases: Mapping[str, Case]) -> Trial:
        """Render `cases`, and a plain one, in a process of its own. The arguments of a case join those that are set.

        Raises:
            UserError: as `tried`.
        """
        plain = Case(({"role": "user", "content": "What is 2 + 2?"},))
        whole = {
            name: Case(
                [self._message(message) for message in case.messages],
                {**self.arguments, **case.values},
                case.generate,
                case.needs,
                case.day,
            )
            for name, case in {"plain": plain, **cases}.items()
        }
        return tried(self.source, self.special, self.day, whole)

    def effort_name(self) -> str:
        """What the template calls the effort of reasoning; empty where it has none.

        Raises:
            UserError: as `trial`.
        """
        read = self.trial({}).variables
        return next((name for name in EFFORTS if name in read), "")

    def check(self, read: frozenset[str]) -> None:
        """Refuse arguments that the template does not read.

        Raises:
            UserError: it does not read one of them.
        """
        for name in self.arguments:
            if name not in read:
                known = sorted(read - set(self.special))
                raise UserError(f"--template-arg {name} is not used by the chat template. {did_you_mean(name, known)}")

    def _message(self, message: Message) -> dict[str, Any]:
        content = message["content"]
        if self.parts and isinstance(content, str):
            return {**message, "content": [{"type": "text", "text": content}]}
        return dict(message)
