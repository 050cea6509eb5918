"""The tokenizer of a transformers model, as the harness wants it: nothing is added, cleaned up or dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from transformers import PreTrainedTokenizerBase

# Ends of turn that a generation config often forgets. They count where the tokenizer has them as special tokens.
_TURN_ENDS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",  # noqa: RUF001  # DeepSeek writes it so
)


class HfTokenizer:
    """Implements `tts_bench.engines.base.Tokenizer`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, ends: Iterable[int] = ()) -> None:
        """`ends`: end tokens that the model's configuration names."""
        self.inner = tokenizer
        self.chat_template: str | None = tokenizer.chat_template
        special = {str(token): index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
        named = {special[name] for name in _TURN_ENDS if name in special}
        own = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        self.end_ids = frozenset({*ends, *own, *named})
        self.size = max(tokenizer.get_vocab().values()) + 1

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.inner.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[int]) -> str:
        return cast(str, self.inner.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def render(self, prompt: str, system: str | None = None) -> str:
        """The prompt as the chat template words it; without one, the bare prompt after a BOS where due."""
        if self.chat_template is None:
            opening = self.inner.bos_token if self._adds_bos() else ""
            return opening + (f"{system}\n\n" if system else "") + prompt
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt})
        return cast(str, self.inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _adds_bos(self) -> bool:
        first: list[int] = self.inner.encode("", add_special_tokens=True)[:1]
        return self.inner.bos_token_id is not None and first == [self.inner.bos_token_id]
