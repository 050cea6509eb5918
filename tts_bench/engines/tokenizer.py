"""The tokenizer of a transformers model, as the harness wants it: nothing is added, cleaned up or dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import cast

from transformers import PreTrainedTokenizerBase

from tts_bench.api import Turn
from tts_bench.engines.control import ControlTokens
from tts_bench.errors import UserError
from tts_bench.templates import ChatTemplate, Message

# Ends of turn that a generation config often forgets. They count where the tokenizer has them as special tokens. More
# are found from what the chat template writes after a turn (`tts_bench.thinking`).
_TURN_ENDS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",  # noqa: RUF001  # DeepSeek writes it so
)

_TEXTS = 256  # that are kept with their tokens: the strategies of one problem read the same prompt, cues and samples


class HfTokenizer:
    """Implements `tts_bench.engine.Tokenizer`.

    `template` and `end_ids` may be set before the first request: to a template with the user's arguments and date, and
    to the ends of turn that it writes.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, ends: Iterable[int] = ()) -> None:
        """`ends`: end tokens that the model's configuration names."""
        self.inner = tokenizer
        source = _template_of(tokenizer)
        self.template = None if source is None else ChatTemplate(source, tokenizer.special_tokens_map)
        named = {str(token): index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
        turn_ends = {named[name] for name in _TURN_ENDS if name in named}
        own = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        self.end_ids = frozenset({*ends, *own, *turn_ends})
        self.size = max(tokenizer.get_vocab().values()) + 1
        self._control = ControlTokens(tokenizer)

    @property
    def chat_template(self) -> str | None:
        return None if self.template is None else self.template.source

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of `text`; control tokens that a problem spells, as `render` marks them, are plain text.

        Raises:
            EngineError: this tokenizer cannot say one of those in plain text.
        """
        return _encoded(self, text)

    def decode(self, tokens: Sequence[int]) -> str:
        return _decoded(self, tuple(tokens))

    def render(self, prompt: str | Sequence[Turn], system: str | None = None) -> str:
        """The conversation as the chat template words it; without one, its contents after a BOS where due.

        Raises:
            EngineError: the template refuses it.
        """
        turns = [Turn("user", prompt)] if isinstance(prompt, str) else list(prompt)
        turns = [Turn("system", system), *turns] if system else turns
        said = [self._control.mark(turn.content) if turn.role != "system" else turn.content for turn in turns]
        if self.template is None:
            return (self.inner.bos_token if self._adds_bos() else "") + "\n\n".join(said)
        messages: list[Message] = [
            {"role": turn.role, "content": content} for turn, content in zip(turns, said, strict=True)
        ]
        return self.template.render(messages)

    def plain(self, text: str) -> str:
        """`text` with the control tokens marked that it spells: `encode` reads them as plain text."""
        return self._control.mark(text)

    def shown(self, text: str) -> str:
        """A rendered prompt as people read it, without the marks of `render`."""
        return self._control.shown(text)

    def respells(self, tokens: Sequence[int]) -> bool:
        """Whether the text of `tokens`, read again, has control tokens that they have not."""
        read = self.inner.encode(self.decode(tokens), add_special_tokens=False)
        return self._control.count(read) != self._control.count(tokens)

    def _adds_bos(self) -> bool:
        first: list[int] = self.inner.encode("", add_special_tokens=True)[:1]
        return self.inner.bos_token_id is not None and first == [self.inner.bos_token_id]


@lru_cache(_TEXTS)
def _encoded(tokenizer: HfTokenizer, text: str) -> tuple[int, ...]:
    if tokenizer._control.marked(text):
        return tokenizer._control.encode(text)
    return tuple(tokenizer.inner.encode(text, add_special_tokens=False))


@lru_cache(_TEXTS)
def _decoded(tokenizer: HfTokenizer, tokens: tuple[int, ...]) -> str:
    return cast(
        str, tokenizer.inner.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    )


def _template_of(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The chat template's source: of several by name, the one called default, or the only one."""
    found: str | dict[str, str] | None = tokenizer.chat_template
    if not isinstance(found, dict):
        return found
    if len(found) == 1:
        return next(iter(found.values()))
    if "default" in found:
        return found["default"]
    raise UserError(
        f"The tokenizer has the chat templates {', '.join(sorted(found))}, and none is called 'default'. Write the one "
        "you mean to chat_template.jinja in a copy of the model's folder."
    )
