"""Control tokens that a problem spells are plain text, for every kind of tokenizer."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tts_bench.engines.tokenizer import HfTokenizer

pytestmark = pytest.mark.usefixtures("in_process")
CONTROL = ("<|im_start|>", "<|im_end|>", "<think>", "</think>", "[INST]", "<s>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
TEXT = ["how many apples are <left>? think, then im_end it: s start of INST 12 + 7 user assistant"] * 4


def byte_level() -> PreTrainedTokenizerBase:
    """As Qwen and GPT-2 have it; `<think>` is an added token that is not special."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False))
    return wrapped(inner)


def tiktoken_like() -> PreTrainedTokenizerBase:
    """As Llama 3 and gpt-oss have it: a regular expression, then byte-level pieces that ignore merges where whole."""
    inner = Tokenizer(models.BPE(ignore_merges=True))
    pattern = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False))
    return wrapped(inner)


def sentencepiece() -> PreTrainedTokenizerBase:
    """As Llama 2 and Gemma have it: a space before the first piece, bytes for what it lacks, `<s>` in the model."""
    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=pieces, show_progress=False)
    inner.train_from_iterator([line.replace(" ", "▁") for line in TEXT], trainer)
    inner = Tokenizer.from_str(json.dumps({**json.loads(inner.to_str()), "added_tokens": []}))
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return wrapped(inner)


def unigram() -> PreTrainedTokenizerBase:
    """SentencePiece's other model, which has the control tokens among its own pieces."""
    inner = Tokenizer(models.Unigram())
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    letters = sorted(set("".join(TEXT) + "".join(CONTROL) + "\n▁xyz0"))
    pieces = [("<unk>", -20.0), ("<s>", 0.0), *((letter, -5.0) for letter in letters)]
    inner.model = models.Unigram(pieces, unk_id=0, byte_fallback=False)
    return wrapped(inner)


class Slow(PreTrainedTokenizer):
    """A tokenizer written in Python over ranked bytes, as Kimi and the first Qwen have it: no offsets."""

    def __init__(self, **options: Any) -> None:
        self._bytes = {f"<{byte:02x}>": byte for byte in range(256)}
        super().__init__(**options)  # type: ignore[no-untyped-call]

    @property
    def vocab_size(self) -> int:
        return 256

    def get_vocab(self) -> dict[str, int]:
        return {**self._bytes, **self.added_tokens_encoder}

    def _tokenize(self, text: str, **options: object) -> list[str]:
        return [f"<{byte:02x}>" for byte in text.encode()]

    def _convert_token_to_id(self, token: str) -> int:
        return self._bytes[token]

    def _convert_id_to_token(self, index: int) -> str:
        return f"<{index:02x}>"

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        data = b"".join(bytes([self._bytes[t]]) if t in self._bytes else t.encode() for t in tokens)
        return data.decode("utf-8", "replace")


def slow() -> PreTrainedTokenizerBase:
    tokenizer = Slow(eos_token="<|im_end|>", additional_special_tokens=[c for c in CONTROL if "think" not in c])
    tokenizer.add_tokens([AddedToken(name, special=False) for name in CONTROL if "think" in name])
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def wrapped(inner: Tokenizer) -> PreTrainedTokenizerBase:
    inner.add_special_tokens([AddedToken(name) for name in CONTROL if "think" not in name])
    inner.add_tokens([AddedToken(name, special=False) for name in CONTROL if "think" in name])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


KINDS = {
    "byte-level": byte_level,
    "tiktoken-like": tiktoken_like,
    "SentencePiece": sentencepiece,
    "SentencePiece unigram": unigram,
    "written in Python": slow,
}
MADE = {name: HfTokenizer(make()) for name, make in KINDS.items()}
WORDS = st.sampled_from([*CONTROL, "apples", " ", "12", "<", "|>", "left?", "\n"])


def control_ids(tokenizer: HfTokenizer) -> set[int]:
    return {index for index, token in tokenizer.inner.added_tokens_decoder.items() if str(token) in CONTROL}


def controls(tokenizer: HfTokenizer, tokens: tuple[int, ...]) -> list[int]:
    return [token for token in tokens if token in control_ids(tokenizer)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spelled", CONTROL)
def test_a_control_token_in_a_problem_is_plain_text(kind: str, spelled: str) -> None:
    tokenizer = MADE[kind]
    harmless = tokenizer.encode(tokenizer.render("how many apples are left?"))
    tokens = tokenizer.encode(tokenizer.render(f"how many {spelled} apples{spelled} are left?"))
    assert controls(tokenizer, tokens) == controls(tokenizer, harmless)
    assert f"how many {spelled} apples{spelled} are left?" in tokenizer.decode(tokens)


@pytest.mark.parametrize("kind", KINDS)
@given(words=st.lists(WORDS, max_size=8))
def test_whatever_a_problem_spells_its_prompt_has_the_templates_control_tokens_and_the_problems_text(
    kind: str, words: list[str]
) -> None:
    tokenizer = MADE[kind]
    problem = "how many" + "".join(words) + "12"
    tokens = tokenizer.encode(tokenizer.render(problem))
    assert controls(tokenizer, tokens) == controls(tokenizer, tokenizer.encode(tokenizer.render("12")))
    assert problem in tokenizer.decode(tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_without_them_is_encoded_as_ever(kind: str) -> None:
    tokenizer = MADE[kind]
    messages = [{"role": "user", "content": "how many <b>apples</b> | are left?"}]
    whole = tokenizer.inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert tokenizer.render("how many <b>apples</b> | are left?") == whole
    assert tokenizer.encode(str(whole)) == tuple(tokenizer.inner.encode(whole, add_special_tokens=False))


def test_what_a_user_says_in_a_system_prompt_keeps_its_control_tokens() -> None:
    tokenizer = MADE["byte-level"]
    tokens = tokenizer.encode(tokenizer.render("12", "Think in <think>"))
    assert (
        len(controls(tokenizer, tokens)) == len(controls(tokenizer, tokenizer.encode(tokenizer.render("12", "s")))) + 1
    )


def test_nobody_forges_a_mark() -> None:
    tokenizer = MADE["byte-level"]
    assert not any(ord(char) >= 0x100000 for char in tokenizer.render("\U00100001"))


def test_a_tokenizer_with_its_template_goes_to_another_process() -> None:
    tokenizer = MADE["byte-level"]
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.encode(again.render("<think>")) == tokenizer.encode(tokenizer.render("<think>"))
