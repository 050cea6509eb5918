"""Every family's thinking is found from its rendered prompt, as tests/families.py says it has to be."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.families import CASES, Case
from tts_bench.config import ModelConfig
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.solving.model import prepared

pytestmark = pytest.mark.usefixtures("in_process")


def tokenizer_of(template: str | dict[str, str] | None, tokens: tuple[str, ...] = ()) -> HfTokenizer:
    """A byte-level tokenizer with these added tokens and this chat template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    inner = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", bos_token="<s>")
    inner.add_special_tokens({"additional_special_tokens": list(tokens)})
    inner.chat_template = template
    return HfTokenizer(inner)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_family_is_read_as_it_thinks(case: Case) -> None:
    tokenizer = tokenizer_of(case.template, case.tokens)
    found = prepared(tokenizer, ModelConfig(**case.options))
    form = found.form
    assert (found.state, form.start, form.end, form.answer_suffix) == (case.state, case.start, case.end, case.suffix)
    assert form.opened_by_template == case.opened
    assert (found.on, found.off) == (case.on, case.off) or case.state == "unknown"
    line = found.describe()
    assert "\n" not in line
    assert case.says in line
    if case.on and case.state == "off":
        assert f"to turn it on, type {case.on}" in line
    prompt = form.open(tokenizer.render("QUESTION", case.options.get("system")))
    tail = prompt.rpartition("QUESTION")[2]
    if form.mode == "delimited":
        assert tail.rstrip().endswith(case.start.strip())
        assert tail.count(case.start.strip()) == 1
    else:
        assert tail == tokenizer.render("QUESTION").rpartition("QUESTION")[2] or "system" in case.options


def test_the_table_has_more_than_forty_families() -> None:
    assert len({case.name.partition(",")[0] for case in CASES}) > 40


@pytest.mark.parametrize("case", [case for case in CASES if case.state == "unknown"], ids=lambda case: case.name)
def test_no_model_without_signs_of_thinking_is_read_in_silence(case: Case) -> None:
    found = prepared(tokenizer_of(case.template, case.tokens), ModelConfig(**case.options))
    assert "type --thinking" in found.describe()


@pytest.mark.parametrize("case", [case for case in CASES if case.on or case.off], ids=lambda case: case.name)
def test_what_the_header_says_to_type_switches_the_model(case: Case) -> None:
    found = prepared(tokenizer_of(case.template, case.tokens), ModelConfig(**case.options))
    typed, wanted = (found.on, "on") if found.state == "off" else (found.off, "off")
    if not typed:
        return
    option, _, value = typed.partition(" ")
    changed: dict[str, object] = {
        "--template-arg": {"template_args": (value,)},
        "--reasoning-effort": {"reasoning_effort": value},
        "--system": {"system": value},
    }[option]  # type: ignore[assignment]
    then = prepared(tokenizer_of(case.template, case.tokens), ModelConfig(**changed))  # type: ignore[arg-type]
    assert then.state == wanted
