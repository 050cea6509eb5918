"""Thinking formats, found from real tokenizers and (abridged) chat templates of the families they are for."""

# ruff: noqa: RUF001  (DeepSeek's delimiters are written with fullwidth bars)

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from transformers import PreTrainedTokenizerFast

from tts_bench.api import Turn
from tts_bench.errors import UserError
from tts_bench.thinking import PRESETS, detect

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
R1_OLD = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}{% endif %}"
    "{% if m.role == 'assistant' %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}<｜end▁of▁sentence｜>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"
)
R1_NEW = R1_OLD.replace("<｜Assistant｜>{% endif %}", "<｜Assistant｜><think>\n{% endif %}")
QWEN3 = CHATML.replace(
    "<|im_start|>assistant\n",
    "<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}",
)
V31 = R1_OLD.replace(
    "<｜Assistant｜>{% endif %}", "<｜Assistant｜>{% if thinking %}<think>{% else %}</think>{% endif %}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}"
    "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


class TransformersTokenizer:
    """A byte-level transformers tokenizer with the given added tokens and template, behind the engine's protocol."""

    def __init__(self, template: str | None, added: tuple[str, ...] = (), end: str = "<|im_end|>") -> None:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        core = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = ByteLevelDecoder()
        self._inner = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=end, bos_token="<s>")
        self._inner.add_special_tokens({"additional_special_tokens": list(added)})
        self._inner.chat_template = template
        self.chat_template = template
        self.end_ids = frozenset({self._inner.eos_token_id})

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._inner.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._inner.decode(list(tokens)))

    def render(self, prompt: str | Sequence[Turn], system: str | None = None) -> str:
        messages = [{"role": "user", "content": str(prompt)}]
        return str(self._inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


TAGS = ("<think>", "</think>")


@pytest.mark.parametrize(
    ("template", "added", "opened", "prompt_end"),
    [
        pytest.param(R1_OLD, TAGS, False, "<｜Assistant｜><think>\n", id="R1 distill, old template"),
        pytest.param(R1_NEW, TAGS, True, "<｜Assistant｜><think>\n", id="R1 distill, new template"),
        pytest.param(QWEN3, TAGS, False, "<|im_start|>assistant\n<think>\n", id="Qwen3"),
        pytest.param(QWEN3, (), False, "<|im_start|>assistant\n<think>\n", id="tags of several tokens in the template"),
    ],
)
def test_reasoning_models_think_in_tags_opened_exactly_once(
    template: str, added: tuple[str, ...], opened: bool, prompt_end: str
) -> None:
    tokenizer = TransformersTokenizer(template, added)
    form = detect(tokenizer)
    assert (form.name, form.mode, form.opened_by_template) == ("think-tags", "delimited", opened)
    prompt = form.open(tokenizer.render("What is 6 x 7?"))
    assert prompt.endswith(prompt_end)
    assert prompt.count("<think>") == 1
    assert form.end + form.answer_suffix == "</think>\n\n"
    assert form.answer_stops == ()


@pytest.mark.parametrize(
    ("template", "end"),
    [
        pytest.param(CHATML, "<|im_end|>", id="Qwen2.5 and SmolLM2"),
        pytest.param(LLAMA3, "<|eot_id|>", id="Llama 3 Instruct"),
        pytest.param(None, "</s>", id="no template"),
    ],
)
def test_instruct_models_without_tags_think_to_the_end_of_turn(template: str | None, end: str) -> None:
    form = detect(TransformersTokenizer(template, end=end))
    assert (form.mode, form.start, form.end, form.answer_stops) == ("end-of-turn", "", "", ("\n",))
    assert form.open("the prompt") == "the prompt"
    assert "no thinking delimiter" in form.describe()


def test_a_tag_token_that_the_template_never_uses_is_no_thinking_format() -> None:
    assert detect(TransformersTokenizer(CHATML, TAGS)).mode == "end-of-turn"


def test_without_a_template_a_single_token_tag_is_a_thinking_format() -> None:
    assert detect(TransformersTokenizer(None, TAGS)).name == "think-tags"


def test_a_template_that_turns_thinking_off_is_read_to_the_end_of_turn_and_says_so() -> None:
    form = detect(TransformersTokenizer(V31, TAGS))
    assert form.mode == "end-of-turn"
    assert "turns thinking off" in form.describe()


def test_s1_is_chosen_by_name_and_its_start_is_put_in() -> None:
    tokenizer = TransformersTokenizer(CHATML, ("<|im_start|>",))
    form = detect(tokenizer, name="s1")
    assert form.open(tokenizer.render("?")).endswith("<|im_start|>assistant\n<|im_start|>think\n")
    assert (form.end, form.answer_suffix) == ("<|im_start|>answer", "\n")


def test_own_delimiters_and_suffix_override_what_was_found() -> None:
    tokenizer = TransformersTokenizer(CHATML)
    form = detect(tokenizer, think_start="<reason>", think_end="</reason>", answer_suffix="\nAnswer: ")
    assert form.open("p") == "p<reason>"
    assert (form.mode, form.end, form.answer_suffix) == ("delimited", "</reason>", "\nAnswer: ")
    assert form.answer_text("42") == "Answer: 42"


def test_own_start_is_not_added_where_the_template_ends_with_it() -> None:
    form = detect(TransformersTokenizer(R1_NEW, TAGS), think_start="<think>", think_end="</think>")
    assert form.opened_by_template


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"think_start": "<t>"}, "--think-end"),
        ({"think_end": "</t>"}, "--think-start"),
        ({"think_start": "<t>", "think_end": " "}, "blank"),
        ({"think_start": "<t>", "think_end": "</t>", "name": "s1"}, "one or the other"),
        ({"name": "think-tag"}, "Did you mean 'think-tags'?"),
        ({"answer_suffix": "\n"}, "--answer-suffix"),
    ],
)
def test_contradictory_or_unknown_formats_are_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(UserError, match=says.replace("?", r"\?")):
        detect(TransformersTokenizer(CHATML), **options)


@pytest.mark.parametrize(
    ("sampled", "text"),
    [
        ("42}.", r"Final answer: \boxed{42}"),
        ("42", r"Final answer: \boxed{42}"),
        (r"\frac{1}{2}}$ as found above", r"Final answer: \boxed{\frac{1}{2}}"),
        (r"\frac{1}{2", r"Final answer: \boxed{\frac{1}{2}}"),
        (r"\{1, 2\}}", r"Final answer: \boxed{\{1, 2\}}"),
        ("18} dollars, not \\boxed{3}", r"Final answer: \boxed{18}"),
    ],
)
def test_in_end_of_turn_mode_the_answer_is_what_was_put_in_the_box(sampled: str, text: str) -> None:
    assert PRESETS["end-of-turn"].answer_text(sampled) == text


@given(st.text())
def test_in_delimited_mode_the_answer_is_the_sampled_text(sampled: str) -> None:
    assert PRESETS["think-tags"].answer_text(sampled) == sampled


@given(st.text(alphabet="{}\\4 \n"))
def test_the_box_of_an_end_of_turn_answer_is_always_closed(sampled: str) -> None:
    text = PRESETS["end-of-turn"].answer_text(sampled)
    assert text.startswith("Final answer: \\boxed{")
    assert text.endswith("}")


@pytest.mark.parametrize("name", PRESETS)
def test_a_description_is_one_line_that_begins_with_the_name(name: str) -> None:
    line = PRESETS[name].describe()
    assert line.startswith(f"{name}: ")
    assert "\n" not in line
