"""Chat templates are strangers' programs: they are tried apart, bounded, and say what transformers would say."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import pytest

from tests.families import CASES, CHATML, LLAMA, LLAMA_OPENS, LLAMA_REPLY, OPENS, REPLY, Case, chat, say
from tests.test_families import tokenizer_of
from tts_bench.config import ModelConfig
from tts_bench.errors import EngineError, UserError
from tts_bench.solving.model import prepared
from tts_bench.templates import ChatTemplate

USER = {"role": "user", "content": " What is {6} * 7?\n"}
TALKS = (
    [USER],
    [{"role": "system", "content": "Be brief."}, USER],
    [USER, {"role": "assistant", "content": "42"}, USER],
)
DATED = chat(
    LLAMA,
    LLAMA_REPLY,
    LLAMA_OPENS,
    head=say("Today is ") + "{{ strftime_now('%d %b %Y') }}" + say(".\n"),
)
PLAIN = chat(CHATML, REPLY, OPENS)


@pytest.mark.parametrize("case", {case.template: case for case in CASES}.values(), ids=lambda case: case.name)
def test_a_template_says_what_transformers_says(case: Case, in_process: None) -> None:
    tokenizer = tokenizer_of(case.template)
    assert tokenizer.template is not None
    template = replace(tokenizer.template, day=date.today())
    for talk in TALKS:
        for generate in (True, False):
            wanted = tokenizer.inner.apply_chat_template(talk, tokenize=False, add_generation_prompt=generate)
            assert template.render(talk, generate=generate) == wanted


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "template does not end"),
        (
            "{% set n = namespace(x='a') %}{% for a in range(64) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
            "MiB",
        ),
        ("{{ 'a' * 10 ** 11 }}", "MiB"),
        ("{{ 'a' * 2000000 }}", "2000000 characters"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ " + "(" * 3000 + ")" * 3000 + " }}", "cannot be used"),
    ],
    ids=["loops", "doubles", "multiplies", "long", "broken", "nested"],
)
def test_a_template_that_loops_or_fills_the_memory_is_refused_once_and_before_the_run(source: str, says: str) -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match=says):
        prepared(tokenizer_of(source), ModelConfig())
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}{{ messages[0].content }}",
        "{{ messages.append(1) }}",
        "{{ namespace(_x=1) }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
    ],
)
def test_a_template_has_no_way_out_of_its_sandbox(source: str) -> None:
    with pytest.raises(UserError, match=r"refuses a plain question"):
        prepared(tokenizer_of(source), ModelConfig())


def test_a_template_that_refuses_a_system_prompt_is_refused_once_and_before_the_run() -> None:
    gemma = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + PLAIN
    assert prepared(tokenizer_of(gemma), ModelConfig()).form.name == "end-of-turn"
    with pytest.raises(UserError, match=r"System role not supported.*Leave --system out"):
        prepared(tokenizer_of(gemma), ModelConfig(system="Be brief."))


def test_a_system_prompt_that_the_template_leaves_out_is_refused() -> None:
    deaf = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    with pytest.raises(UserError, match=r"leaves a system prompt out.*Leave --system out"):
        prepared(tokenizer_of(deaf), ModelConfig(system="Be brief."))


def test_a_template_that_wants_its_contents_in_parts_is_given_parts() -> None:
    seeing = "{% for m in messages %}{% for part in m.content %}{{ part.text }};{% endfor %}{% endfor %}"
    tokenizer = tokenizer_of(seeing)
    prepared(tokenizer, ModelConfig(system="Be brief."))
    assert tokenizer.render("6 * 7?", "Be brief.") == "Be brief.;6 * 7?;"


def test_a_template_that_leaves_the_question_out_is_refused() -> None:
    with pytest.raises(UserError, match="leaves the question out"):
        prepared(tokenizer_of("{{ bos_token }}"), ModelConfig())


def test_the_date_is_pinned_and_what_speaks_of_it_is_known() -> None:
    tokenizer = tokenizer_of(DATED)
    found = prepared(tokenizer, ModelConfig(template_date="2026-01-31"))
    assert found.dated
    assert tokenizer.render("6 * 7?").startswith("Today is 31 Jan 2026.")
    assert not prepared(tokenizer_of(PLAIN), ModelConfig()).dated
    with pytest.raises(UserError, match="uses no date"):
        prepared(tokenizer_of(PLAIN), ModelConfig(template_date="2026-01-31"))
    with pytest.raises(UserError, match="takes a date such as"):
        ModelConfig(template_date="31.1.2026")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("x=true", True),
        ("x=True", True),
        ("x=false", False),
        ("x=None", None),
        ("x=null", None),
        ("x=512", 512),
        ("x=0.5", 0.5),
        ("x=high", "high"),
        ('x="512"', "512"),
        ("x=a=b", "a=b"),
        ("x=", ""),
        ('x=["a", 1]', ["a", 1]),
        ("x=NaN", "NaN"),
        ("x=" + "[" * 100_000, "[" * 100_000),
    ],
)
def test_template_arguments_are_typed(typed: str, value: object) -> None:
    assert ModelConfig(template_args=(typed,)).arguments() == {"x": value}
    assert type(ModelConfig(template_args=(typed,)).arguments()["x"]) is type(value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"template_args": ("x",)}, "name=value"),
        ({"template_args": ("x=1", "x=2")}, "twice"),
        ({"template_args": ("messages=1",)}, "set by the run itself"),
        ({"template_args": ("strftime_now=1",)}, "Type --template-date"),
        ({"template_args": ("enable_thinkin=true",)}, "Did you mean 'enable_thinking'?"),
        ({"reasoning_effort": "low"}, "has no reasoning effort"),
    ],
)
def test_what_means_nothing_to_the_template_is_refused(options: dict[str, object], says: str) -> None:
    reads = PLAIN + "{% if enable_thinking %}{% endif %}"
    with pytest.raises(UserError, match=says.replace("?", r"\?")):
        prepared(tokenizer_of(reads), ModelConfig(**options))  # type: ignore[arg-type]


def test_an_effort_that_the_family_was_not_trained_for_is_refused(in_process: None) -> None:
    (gpt_oss,) = (case for case in CASES if case.name == "gpt-oss")
    with pytest.raises(UserError, match="Known: high, low, medium"):
        prepared(tokenizer_of(gpt_oss.template, gpt_oss.tokens), ModelConfig(reasoning_effort="maximal"))
    both = ModelConfig(reasoning_effort="low", template_args=("reasoning_effort=low",))
    with pytest.raises(UserError, match="set the same option"):
        prepared(tokenizer_of(gpt_oss.template, gpt_oss.tokens), both)


def test_of_named_templates_the_default_one_is_read() -> None:
    named = {"tool_use": "{{ raise_exception('tools') }}", "default": PLAIN}
    assert tokenizer_of(named).render("Hi").endswith("<|im_start|>assistant\n")
    assert tokenizer_of({"rag": PLAIN}).chat_template == PLAIN
    with pytest.raises(UserError, match=r"chat templates rag, tool_use, and none is called 'default'"):
        tokenizer_of({"rag": PLAIN, "tool_use": PLAIN})


def test_a_model_without_a_chat_template_is_said_to_have_none() -> None:
    assert "the model has no chat template" in prepared(tokenizer_of(None), ModelConfig()).describe()
    with pytest.raises(UserError, match="--template-arg does not apply: the model has no chat template"):
        prepared(tokenizer_of(None), ModelConfig(template_args=("x=1",)))


def test_ends_of_turn_are_found_in_what_the_template_writes_after_a_turn() -> None:
    ends = {}
    for before, after in (("<u>", "<turn|>"), ("[|user|]", "[|endofturn|]"), ("<SPECIAL_11>", "<SPECIAL_12>\n")):
        token = after.strip()
        template = chat((before, after), "{{ m.content }}" + say(after), "")
        tokenizer = tokenizer_of(template, (token,))
        prepared(tokenizer, ModelConfig())
        ends[token] = tokenizer.decode(sorted(tokenizer.end_ids - {tokenizer.inner.eos_token_id}))
    assert ends == {token: token for token in ends}


def test_a_conversation_that_a_template_refuses_is_an_error_of_its_problem() -> None:
    moody = "{% if 'seven' in messages[0].content %}{{ raise_exception('no sevens') }}{% endif %}" + PLAIN
    template = ChatTemplate(moody)
    with pytest.raises(EngineError, match="no sevens"):
        template.render([{"role": "user", "content": "seven"}])
