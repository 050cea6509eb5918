"""Small chat templates of our own with the structure of real families' ones, and what each has to be read as."""

# ruff: noqa: RUF001  (tokens with fullwidth bars)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

THINK = ("<think>", "</think>")
CHATML_TOKENS = ("<|im_start|>", "<|im_end|>")


class Form(TypedDict, total=False):
    """What several cases of a family have in common."""

    state: str
    start: str
    end: str
    suffix: str


class Options(TypedDict, total=False):
    """Fields of `ModelConfig` that a case chooses."""

    system: str
    template_args: tuple[str, ...]
    reasoning_effort: str


def say(text: str) -> str:
    """Template code for `text` as it is: bare text loses a line break after a block."""
    return "{{ " + repr(text) + " }}"


def chat(
    user: tuple[str, str], assistant: str, opens: str, *, system: tuple[str, str] | None = None, head: str = ""
) -> str:
    """A template: what stands around a user's turn, code of an assistant's turn, code that opens the model's."""
    before, after = user
    told = system or before_after_system(user)
    return (
        head + "{% for m in messages %}{% if m.role == 'user' %}" + say(before) + "{{ m.content }}" + say(after) + ""
        "{% elif m.role == 'system' %}" + say(told[0]) + "{{ m.content }}" + say(told[1]) + ""
        "{% elif m.role == 'assistant' %}" + assistant + "{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}" + opens + "{% endif %}"
    )


def before_after_system(user: tuple[str, str]) -> tuple[str, str]:
    return user[0].replace("user", "system").replace("User", "System"), user[1]


def when(condition: str, then: str, otherwise: str = "") -> str:
    return "{% if " + condition + " %}" + then + "{% else %}" + otherwise + "{% endif %}"


CHATML = ("<|im_start|>user\n", "<|im_end|>\n")
REPLY = say("<|im_start|>assistant\n") + "{{ m.content }}" + say("<|im_end|>\n")
OPENS = say("<|im_start|>assistant\n")
NO = "enable_thinking is defined and not enable_thinking"
YES = "enable_thinking is defined and enable_thinking"
EMPTY = say("<think>\n\n</think>\n\n")
DROPS = "{% set c = m.content.split('</think>')[-1] %}"
THOUGHT = when("m.reasoning_content", say("<think>\n") + "{{ m.reasoning_content }}" + say("\n</think>\n\n"))
LLAMA = ("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>")
LLAMA_REPLY = say("<|start_header_id|>assistant<|end_header_id|>\n\n") + "{{ m.content }}" + say("<|eot_id|>")
LLAMA_OPENS = say("<|start_header_id|>assistant<|end_header_id|>\n\n")
DEEPSEEK = ("<｜User｜>", "")
DEEPSEEK_REPLY = DROPS + say("<｜Assistant｜>") + "{{ c }}" + say("<｜end▁of▁sentence｜>")
DEEPSEEK_TOKENS = (*THINK, "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>")
COHERE = ("<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", "<|END_OF_TURN_TOKEN|>")
COHERE_OPENS = "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"
COHERE_TOKENS = (
    "<|START_THINKING|>",
    "<|END_THINKING|>",
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<|START_TEXT|>",
    "<|END_TEXT|>",
    "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>",
)
GEMMA4 = ("<|turn>user\n", "<turn|>\n")
GEMMA4_REPLY = (
    say("<|turn>model\n")
    + when("m.reasoning", say("<|channel>thought\n") + "{{ m.reasoning }}" + say("\n<channel|>"))
    + "{{ m.content }}"
    + say("<turn|>\n")
)
GEMMA4_HEAD = when(YES, say("<|turn>system\n<|think|>\n<turn|>\n"))
MISTRAL_REPLY = (
    "{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{% if part.type == 'thinking' %}"
    + say("[THINK]")
    + "{{ part.thinking }}"
    + say("[/THINK]")
    + "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
    + say("</s>")
)
HARMONY_HEAD = (
    say("<|start|>system<|message|>Current date: ")
    + "{{ strftime_now('%Y-%m-%d') }}"
    + say("\nReasoning: ")
    + "{{ reasoning_effort if reasoning_effort is defined else 'medium' }}"
    + say("\n# Valid channels: analysis, commentary, final.<|end|>")
)
HARMONY_REPLY = (
    when("m.thinking", say("<|start|>assistant<|channel|>analysis<|message|>") + "{{ m.thinking }}" + say("<|end|>"))
    + say("<|start|>assistant<|channel|>final<|message|>")
    + "{{ m.content }}"
    + say("<|return|>")
)
MINIMAX_M3_HEAD = (
    say("system: wrap your reasoning in <mm:think></mm:think> tags. Mode: ")
    + "{{ thinking_mode if thinking_mode is defined else 'adaptive' }}"
    + say("\n")
)
K3_OPEN = when("thinking is undefined or thinking", say("<|open|>think<|sep|>"), say("<|open|>response<|sep|>"))
CALLED = when("m.tool_calls", say("<think>") + "{{ m.reasoning_content }}" + say("</think>"), say("<think></think>"))


@dataclass(frozen=True)
class Case:
    """One family under one choice of options."""

    name: str
    template: str
    tokens: tuple[str, ...] = ()
    state: str = "on"
    start: str = "<think>\n"
    end: str = "</think>"
    suffix: str = "\n\n"
    opened: bool = False
    on: str = ""
    off: str = ""
    says: str = ""  # a part of the header's line
    options: Options = field(default_factory=lambda: Options())


OFF: Form = {"state": "off", "start": "", "end": "", "suffix": "\n\nFinal answer: \\boxed{"}
NONE: Form = {**OFF, "state": "unknown"}


def args(*pieces: str) -> Options:
    return {"template_args": pieces}


TURN_ON = "--template-arg enable_thinking=true"
TURN_OFF = "--template-arg enable_thinking=false"
QWEN3 = chat(CHATML, THOUGHT + REPLY, OPENS + when(NO, EMPTY))
QWEN35 = chat(CHATML, REPLY, OPENS + when(NO, EMPTY, say("<think>\n")))
GLM = ("<|user|>\n", "")
V31 = chat(DEEPSEEK, DEEPSEEK_REPLY, say("<｜Assistant｜>") + when("thinking", say("<think>"), say("</think>")))
SMOLLM3 = (
    "{% set ns = namespace(on=true) %}{% if enable_thinking is defined %}{% set ns.on = enable_thinking %}{% endif %}"
    "{% if messages[0].role == 'system' and '/no_think' in messages[0].content %}{% set ns.on = false %}{% endif %}"
    + chat(CHATML, REPLY, OPENS + when("not ns.on", say("<think>\n\n</think>\n")))
)
NANO2 = (
    "{% set ns = namespace(on=true) %}{% for m in messages %}{% if m.role in ('user', 'system') and "
    "'/no_think' in m.content %}{% set ns.on = false %}{% endif %}{% endfor %}"
    + chat(
        ("<SPECIAL_11>User\n", "\n"),
        "{{ m.content }}",
        say("<SPECIAL_11>Assistant\n") + when("ns.on", say("<think>\n"), say("<think></think>")),
        system=("<SPECIAL_10>System\n", "\n\n"),
    )
)
SUPER15 = "{% set ns = namespace(on=true) %}" + chat(
    LLAMA, LLAMA_REPLY, LLAMA_OPENS + when("'/no_think' in messages[0].content", EMPTY)
)
R7B = chat(
    COHERE,
    say(COHERE_OPENS + "<|START_RESPONSE|>") + "{{ m.content }}" + say("<|END_RESPONSE|><|END_OF_TURN_TOKEN|>"),
    say(COHERE_OPENS) + when(YES, "", say("<|START_THINKING|><|END_THINKING|>")),
)
COMMAND_A = chat(
    COHERE,
    say(COHERE_OPENS)
    + when("m.reasoning", say("<|START_THINKING|>") + "{{ m.reasoning }}" + say("<|END_THINKING|>"))
    + say("<|START_TEXT|>")
    + "{{ m.content }}"
    + say("<|END_TEXT|><|END_OF_TURN_TOKEN|>"),
    say(COHERE_OPENS + "<|START_THINKING|>") + when("reasoning is defined and not reasoning", say("<|END_THINKING|>")),
)
COMMAND_A_UNOPENED = chat(
    COHERE,
    say(COHERE_OPENS + "<|START_TEXT|>") + "{{ m.content }}" + say("<|END_TEXT|><|END_OF_TURN_TOKEN|>"),
    say(COHERE_OPENS) + when("reasoning is defined and not reasoning", say("<|START_THINKING|><|END_THINKING|>")),
)
HERMES4 = chat(
    LLAMA,
    DROPS + say("<|start_header_id|>assistant<|end_header_id|>\n\n") + "{{ c }}" + say("<|eot_id|>"),
    LLAMA_OPENS,
    head=when("thinking", say("You are a deep thinking AI. Enclose thoughts in <think> </think> tags.\n")),
)
K2_V2 = "{% set effort = reasoning_effort | default('high') %}" + chat(
    CHATML, REPLY, OPENS + when("effort == 'high'", say("<think>"), say("<think_fast>"))
)
GRANITE_HEAD = when(
    "thinking",
    say("Write your thoughts between <think></think> and write your response between <response></response>.\n"),
    say("You are a helpful AI assistant.\n"),
)
GRANITE2_HEAD = when(
    "thinking",
    say("Write your thoughts after 'Here is my thought process:' and your response after 'Here is my response:'.\n"),
)
GRANITE = ("<|start_of_role|>user<|end_of_role|>", "<|end_of_text|>\n")
GRANITE_OPENS = say("<|start_of_role|>assistant<|end_of_role|>")
BIELIK = chat(CHATML, THOUGHT + REPLY, OPENS + when("enable_thinking", say("<think>\n")))
NEMOTRON1 = chat(
    LLAMA, DROPS + say("<|start_header_id|>assistant<|end_header_id|>\n\n") + "{{ c }}" + say("<|eot_id|>"), LLAMA_OPENS
)
MAGISTRAL = (
    "{% if messages[0].role != 'system' %}"
    + say("[SYSTEM_PROMPT]First draft your thinking. [THINK]Here it stands.[/THINK]Then answer.[/SYSTEM_PROMPT]")
    + "{% endif %}"
    + chat(("[INST]", "[/INST]"), MISTRAL_REPLY, "", system=("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"))
)
MISTRAL_TOKENS = ("[INST]", "[/INST]", "[THINK]", "[/THINK]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")
MISTRAL4 = (
    "{% set effort = reasoning_effort | default('none') %}"
    "{% if effort not in ['none', 'high'] %}{{ raise_exception('no such effort') }}{% endif %}"
    + chat(
        ("[INST]", "[/INST]"),
        MISTRAL_REPLY,
        "",
        system=("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
        head=say('[MODEL_SETTINGS]{"reasoning_effort": "') + "{{ effort }}" + say('"}[/MODEL_SETTINGS]'),
    )
)
SEED = chat(
    ("<seed:bos>user\n", "<seed:eos>"),
    say("<seed:bos>assistant\n")
    + when("m.reasoning_content", say("<seed:think>") + "{{ m.reasoning_content }}" + say("</seed:think>"))
    + "{{ m.content }}"
    + say("<seed:eos>"),
    say("<seed:bos>assistant\n")
    + when("thinking_budget is defined and thinking_budget == 0", say("<seed:think>none</seed:think>")),
)
SEED_FORM: Form = {"start": "<seed:think>", "end": "</seed:think>", "suffix": ""}
SEED_TOKENS = ("<seed:bos>", "<seed:eos>", "<seed:think>", "</seed:think>")
K3 = chat(
    ('<|open|>message role="user"<|sep|>', "<|close|>message<|sep|><|end_of_msg|>"),
    say('<|open|>message role="assistant"<|sep|>')
    + when(
        "m.reasoning_content", say("<|open|>think<|sep|>") + "{{ m.reasoning_content }}" + say("<|close|>think<|sep|>")
    )
    + say("<|open|>response<|sep|>")
    + "{{ m.content }}"
    + say("<|close|>response<|sep|><|close|>message<|sep|><|end_of_msg|>"),
    say('<|open|>message role="assistant"<|sep|>') + K3_OPEN,
)
K3_TOKENS = ("<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>")
K3_FORM: Form = {"start": "<|open|>think<|sep|>", "end": "<|close|>think<|sep|>", "suffix": "<|open|>response<|sep|>"}
HYPERCLOVA = chat(
    CHATML,
    when(
        "m.reasoning_content", say("<|im_start|>assistant/think\n") + "{{ m.reasoning_content }}" + say("<|im_end|>\n")
    )
    + REPLY,
    when(
        "force_reasoning",
        say("<|im_start|>assistant/think\n"),
        when("skip_reasoning", say("<|im_start|>assistant\n"), say("<|im_start|>assistant")),
    ),
)
HYPERCLOVA_FORM: Form = {"start": "/think\n", "end": "<|im_end|>", "suffix": "\n<|im_start|>assistant\n"}
SOLAR = chat(
    ("<|begin|>user<|content|>", "<|end|>"),
    when("m.reasoning", say("<|begin|>assistant<|think|>") + "{{ m.reasoning }}" + say("<|end|>"))
    + say("<|begin|>assistant<|content|>")
    + "{{ m.content }}"
    + say("<|end|>"),
    when("reasoning_effort in ['low', 'minimal']", say("<|begin|>assistant<|think|><|end|>"))
    + say("<|begin|>assistant"),
)
SOLAR_TOKENS = ("<|begin|>", "<|end|>", "<|content|>", "<|think|>")
HY3_OPENS = say("<hy:bot><think:open>") + when("reasoning_effort in ['low', 'high']", "", say("</think:open>"))
HY3 = "{% if reasoning_effort is undefined %}{% set reasoning_effort = 'no_think' %}{% endif %}" + chat(
    ("<hy:user>", ""),
    say("<hy:bot><think:open>") + "{{ m.reasoning_content or '' }}" + say("</think:open>") + "{{ m.content }}",
    HY3_OPENS,
)
MUSE = chat(
    ("<|start|>user<|message|>", "<|eot|>"),
    when(
        "m.reasoning_content",
        say("<|start|>assistant to=self<|message|>") + "{{ m.reasoning_content }}" + say("<|eom|>"),
    )
    + say("<|start|>assistant to=user<|message|>")
    + "{{ m.content }}"
    + say("<|eot|>"),
    say("<|start|>assistant"),
    head=say("<|start|>system<|message|>Valid recipients: self, user.<|eot|>"),
)
HARMONY = chat(
    ("<|start|>user<|message|>", "<|end|>"),
    HARMONY_REPLY,
    say("<|start|>assistant"),
    system=("<|start|>developer<|message|># Instructions\n\n", "<|end|>"),
    head=HARMONY_HEAD,
)
HARMONY_TOKENS = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>")
HARMONY_FORM: Form = {
    "start": "<|channel|>analysis<|message|>",
    "end": "<|end|>",
    "suffix": "<|start|>assistant<|channel|>final<|message|>",
}
APRIEL_HEAD = say("Reason step by step, then give [BEGIN FINAL RESPONSE] ... [END FINAL RESPONSE].\n")
APRIEL_FORM: Form = {"start": "Here are my reasoning steps:\n", "end": "[BEGIN FINAL RESPONSE]", "suffix": "\n"}
PIPE = ("<|user|>\n", "<|end|>\n")
PIPE_REPLY = say("<|assistant|>\n") + "{{ m.content }}" + say("<|end|>\n")
APERTUS_HEAD = say("<|developer_start|>Deliberation: ") + when(YES, "enabled", "disabled") + say("<|developer_end|>")
APERTUS = chat(
    ("<|user_start|>", "<|user_end|>"),
    say("<|assistant_start|>") + "{{ m.content }}" + say("<|assistant_end|>"),
    say("<|assistant_start|>"),
    system=("<|system_start|>", "<|system_end|>"),
    head=APERTUS_HEAD,
)
EXAONE = ("[|user|]\n", "[|endofturn|]\n")
EXAONE_REPLY = say("[|assistant|]\n") + "{{ m.content }}" + say("[|endofturn|]\n")
EXAONE_OPENS = say("[|assistant|]\n") + when("enable_thinking", say("<think>\n"), EMPTY)
LING = "{% set on = enable_thinking is undefined or enable_thinking %}" + chat(
    ("<role>HUMAN</role>", "<|role_end|>"),
    "{{ m.content }}" + say("<|role_end|>"),
    say("<role>ASSISTANT</role>\n") + when("on", say("<think>"), say("<think></think>")),
    head=say("<role>SYSTEM</role>detailed thinking ") + when("on", "on", "off") + say("<|role_end|>"),
    system=("<role>SYSTEM</role>", "<|role_end|>"),
)
MINICPM5 = chat(
    CHATML,
    REPLY,
    OPENS + "{% if enable_thinking is defined %}" + when("enable_thinking", say("<think>\n"), EMPTY) + "{% endif %}",
)
RWKV = chat(
    ("User: ", "\n\n"),
    say("Assistant: ") + "{{ m.content }}" + say("\n\n"),
    say("Assistant:")
    + "{% if enable_thinking is defined %}"
    + when("enable_thinking", say(" <think>"), say(" <think>\n</think>"))
    + "{% endif %}",
)
HUNYUAN = chat(("<|startoftext|>", "<|extra_0|>"), "{{ m.content }}" + say("<|eos|>"), when(NO, EMPTY))

CASES = (
    Case(
        "DeepSeek-R1 distill",
        chat(DEEPSEEK, DEEPSEEK_REPLY, say("<｜Assistant｜><think>\n")),
        DEEPSEEK_TOKENS,
        opened=True,
    ),
    Case("DeepSeek-R1, older template", chat(DEEPSEEK, DEEPSEEK_REPLY, say("<｜Assistant｜>")), DEEPSEEK_TOKENS),
    Case("QwQ-32B", chat(CHATML, REPLY, OPENS + say("<think>\n")), THINK, opened=True),
    Case("Qwen3 hybrid", QWEN3, THINK, off=TURN_OFF),
    Case("Qwen3 hybrid, on", QWEN3, THINK, off=TURN_OFF, options=args("enable_thinking=true")),
    Case(
        "Qwen3 hybrid, off",
        QWEN3,
        THINK,
        **OFF,
        on=TURN_ON,
        says="turns thinking off",
        options=args("enable_thinking=false"),
    ),
    Case(
        "Qwen3 hybrid, told /no_think", QWEN3, THINK, off=TURN_OFF, says="may be empty", options={"system": "/no_think"}
    ),
    Case("Qwen3.5", QWEN35, THINK, opened=True, off=TURN_OFF),
    Case(
        "Qwen3.5, off",
        QWEN35,
        THINK,
        **OFF,
        on=TURN_ON,
        says="turns thinking off",
        options=args("enable_thinking=False"),
    ),
    Case(
        "GLM-4.6",
        chat(GLM, "{{ m.content }}", say("<|assistant|>") + when(NO, say("\n<think></think>"))),
        THINK,
        off=TURN_OFF,
    ),
    Case(
        "GLM-4.7",
        chat(GLM, "{{ m.content }}", say("<|assistant|>") + when(NO, say("</think>"), say("<think>"))),
        THINK,
        opened=True,
        off=TURN_OFF,
    ),
    Case(
        "GLM-4.7, off",
        chat(GLM, "{{ m.content }}", say("<|assistant|>") + when(NO, say("</think>"), say("<think>"))),
        THINK,
        **OFF,
        on=TURN_ON,
        options=args("enable_thinking=false"),
    ),
    Case(
        "MiniMax-M2",
        chat(("]~b]user\n", "[e~[\n"), say("]~b]ai\n") + "{{ m.content }}" + say("[e~[\n"), say("]~b]ai\n<think>\n")),
        THINK,
        opened=True,
    ),
    Case("StepFun-3.5", chat(CHATML, THOUGHT + REPLY, OPENS + say("<think>\n")), THINK, opened=True),
    Case(
        "Nemotron-3-Nano",
        chat(CHATML, REPLY, OPENS + when(NO, say("<think></think>"), say("<think>\n"))),
        THINK,
        opened=True,
        off=TURN_OFF,
    ),
    Case("Nemotron-Nano-v2", NANO2, THINK, opened=True, off="--system /no_think"),
    Case("Nemotron-Nano-v2, off", NANO2, THINK, **OFF, says="leave /no_think out", options={"system": "/no_think"}),
    Case("Nemotron-Super-v1.5", SUPER15, THINK, off="--system /no_think"),
    Case(
        "Nemotron-Super-v1.5, off", SUPER15, THINK, **OFF, says="leave /no_think out", options={"system": "/no_think"}
    ),
    Case(
        "ERNIE-4.5-Thinking",
        chat(("<|im_start|>user\n", "<|im_end|>\n\n"), REPLY, OPENS + say("<think>\n")),
        THINK,
        opened=True,
    ),
    Case("SmolLM3", SMOLLM3, THINK, off=TURN_OFF),
    Case(
        "SmolLM3, off by its system prompt",
        SMOLLM3,
        THINK,
        **OFF,
        says="leave /no_think out",
        options={"system": "/no_think"},
    ),
    Case(
        "Kimi-K2-Thinking",
        chat(
            ("<|im_user|>user<|im_middle|>", "<|im_end|>"),
            say("<|im_assistant|>assistant<|im_middle|>") + CALLED + "{{ m.content }}" + say("<|im_end|>"),
            say("<|im_assistant|>assistant<|im_middle|>"),
        ),
        THINK,
    ),
    Case(
        "MiroThinker",
        chat(CHATML, say("<|im_start|>assistant\n") + THOUGHT + "{{ m.content }}" + say("<|im_end|>\n"), OPENS),
        THINK,
    ),
    Case(
        "Phi-4-reasoning",
        chat(
            ("<|im_start|>user<|im_sep|>", "<|im_end|>"),
            REPLY,
            say("<|im_start|>assistant<|im_sep|>"),
            head=say("<|im_start|>system<|im_sep|>Answer as <think> {thoughts} </think> {solution}.<|im_end|>"),
        ),
        THINK,
    ),
    Case("Hunyuan-A13B", HUNYUAN, THINK, off=TURN_OFF),
    Case("DeepSeek-V3.1", V31, DEEPSEEK_TOKENS, **OFF, on="--template-arg thinking=true", says="turns thinking off"),
    Case(
        "DeepSeek-V3.1, on",
        V31,
        DEEPSEEK_TOKENS,
        opened=True,
        off="--template-arg thinking=false",
        options=args("thinking=true"),
    ),
    Case("EXAONE-4.0", chat(EXAONE, EXAONE_REPLY, EXAONE_OPENS), THINK, **OFF, on=TURN_ON, says="turns thinking off"),
    Case(
        "EXAONE-4.0, on",
        chat(EXAONE, EXAONE_REPLY, EXAONE_OPENS),
        THINK,
        opened=True,
        off=TURN_OFF,
        options=args("enable_thinking=true"),
    ),
    Case(
        "EXAONE-Deep",
        chat(EXAONE, EXAONE_REPLY, say("[|assistant|]<thought>\n")),
        (),
        opened=True,
        start="<thought>\n",
        end="</thought>",
    ),
    Case(
        "Gemma-4 31B",
        chat(
            GEMMA4,
            GEMMA4_REPLY,
            say("<|turn>model\n") + when(YES, "", say("<|channel>thought\n<channel|>")),
            head=GEMMA4_HEAD,
        ),
        (),
        **OFF,
        on=TURN_ON,
        says="leaves that off",
    ),
    Case(
        "Gemma-4 31B, on",
        chat(
            GEMMA4,
            GEMMA4_REPLY,
            say("<|turn>model\n") + when(YES, "", say("<|channel>thought\n<channel|>")),
            head=GEMMA4_HEAD,
        ),
        (),
        start="<|channel>thought\n",
        end="<channel|>",
        suffix="",
        off=TURN_OFF,
        options=args("enable_thinking=true"),
    ),
    Case("Gemma-4 E2B", chat(GEMMA4, GEMMA4_REPLY, say("<|turn>model\n"), head=GEMMA4_HEAD), (), **OFF, on=TURN_ON),
    Case(
        "Gemma-4 E2B, on",
        chat(GEMMA4, GEMMA4_REPLY, say("<|turn>model\n"), head=GEMMA4_HEAD),
        (),
        start="<|channel>thought\n",
        end="<channel|>",
        suffix="",
        off=TURN_OFF,
        options=args("enable_thinking=true"),
    ),
    Case("Apertus", APERTUS, (), **OFF, on=TURN_ON),
    Case(
        "Apertus, on",
        APERTUS,
        (),
        start="<|inner_prefix|>",
        end="<|inner_suffix|>",
        suffix="",
        off=TURN_OFF,
        options=args("enable_thinking=true"),
    ),
    Case("Command-R7B", R7B, COHERE_TOKENS, **OFF, on=TURN_ON),
    Case(
        "Command-R7B, on",
        R7B,
        COHERE_TOKENS,
        start="<|START_THINKING|>",
        end="<|END_THINKING|>",
        suffix="<|START_RESPONSE|>",
        off=TURN_OFF,
        options=args("enable_thinking=true"),
    ),
    Case(
        "Command A Reasoning",
        COMMAND_A,
        COHERE_TOKENS,
        start="<|START_THINKING|>",
        end="<|END_THINKING|>",
        suffix="<|START_TEXT|>",
        opened=True,
        off="--template-arg reasoning=false",
    ),
    Case(
        "Command A Reasoning, not opened by its template",
        COMMAND_A_UNOPENED,
        COHERE_TOKENS,
        start="<|START_THINKING|>",
        end="<|END_THINKING|>",
        suffix="<|START_TEXT|>",
        off="--template-arg reasoning=false",
    ),
    Case("Hermes-4", HERMES4, (), **OFF, on="--template-arg thinking=true"),
    Case("Hermes-4, on", HERMES4, (), off="--template-arg thinking=false", options=args("thinking=true")),
    Case(
        "AM-Thinking",
        chat(
            CHATML,
            OPENS + "{{ '' + m.content }}" + say("<|im_end|>\n"),
            OPENS,
            head=say("<|im_start|>system\nThink in <think> </think>, answer in <answer> </answer>.<|im_end|>\n"),
        ),
    ),
    Case("K2-V2", K2_V2, THINK, opened=True),
    Case(
        "K2-V2, medium effort",
        K2_V2,
        THINK,
        start="<think_fast>",
        end="</think_fast>",
        opened=True,
        options={"reasoning_effort": "medium"},
    ),
    Case(
        "Granite-3.3",
        chat(GRANITE, "{{ m.content }}", GRANITE_OPENS, head=GRANITE_HEAD),
        (),
        **OFF,
        on="--template-arg thinking=true",
    ),
    Case(
        "Granite-3.3, on",
        chat(GRANITE, "{{ m.content }}", GRANITE_OPENS, head=GRANITE_HEAD),
        (),
        start="<think>",
        suffix="<response>",
        off="--template-arg thinking=false",
        options=args("thinking=true"),
    ),
    Case(
        "Granite-3.2",
        chat(GRANITE, "{{ m.content }}", GRANITE_OPENS, head=GRANITE2_HEAD),
        (),
        **OFF,
        on="--template-arg thinking=true",
    ),
    Case(
        "Granite-3.2, on",
        chat(GRANITE, "{{ m.content }}", GRANITE_OPENS, head=GRANITE2_HEAD),
        (),
        start="Here is my thought process:\n",
        end="Here is my response:",
        suffix="\n",
        off="--template-arg thinking=false",
        options=args("thinking=true"),
    ),
    Case("gpt-oss", HARMONY, HARMONY_TOKENS, **HARMONY_FORM),
    Case("gpt-oss, high effort", HARMONY, HARMONY_TOKENS, **HARMONY_FORM, options={"reasoning_effort": "high"}),
    Case("gpt-oss, told in a system prompt", HARMONY, HARMONY_TOKENS, **HARMONY_FORM, options={"system": "Be brief."}),
    Case("Magistral", MAGISTRAL, MISTRAL_TOKENS, start="[THINK]", end="[/THINK]", suffix=""),
    Case(
        "Magistral with another system prompt",
        MAGISTRAL,
        MISTRAL_TOKENS,
        **OFF,
        says="leave --system out",
        options={"system": "Be brief."},
    ),
    Case(
        "Magistral asked by the user",
        MAGISTRAL,
        MISTRAL_TOKENS,
        start="[THINK]",
        end="[/THINK]",
        suffix="",
        options={"system": "Think in [THINK] and [/THINK]."},
    ),
    Case("Mistral Small 4", MISTRAL4, MISTRAL_TOKENS, **OFF, on="--reasoning-effort high"),
    Case(
        "Mistral Small 4, high effort",
        MISTRAL4,
        MISTRAL_TOKENS,
        start="[THINK]",
        end="[/THINK]",
        suffix="",
        off="--reasoning-effort none",
        options={"reasoning_effort": "high"},
    ),
    Case("Seed-OSS", SEED, SEED_TOKENS, **SEED_FORM, off="--template-arg thinking_budget=0"),
    Case(
        "Seed-OSS with a budget",
        SEED,
        SEED_TOKENS,
        **SEED_FORM,
        off="--template-arg thinking_budget=0",
        options=args("thinking_budget=512"),
    ),
    Case("Seed-OSS, off", SEED, SEED_TOKENS, **OFF, says="leaves that off", options=args("thinking_budget=0")),
    Case("Kimi-K3", K3, K3_TOKENS, **K3_FORM, opened=True, off="--template-arg thinking=false"),
    Case("Kimi-K3, off", K3, K3_TOKENS, **OFF, on="--template-arg thinking=true", options=args("thinking=false")),
    Case(
        "Kimi-VL-Thinking, opened",
        chat(CHATML, REPLY, OPENS + say("◁think▷")),
        ("◁think▷", "◁/think▷"),
        start="◁think▷",
        end="◁/think▷",
        suffix="",
        opened=True,
    ),
    Case(
        "Kimi-VL-Thinking, in the vocabulary only",
        chat(CHATML, REPLY, OPENS),
        ("◁think▷", "◁/think▷"),
        **NONE,
        says="type --thinking kimi-vl",
    ),
    Case("Apriel-1.5", chat(PIPE, PIPE_REPLY, say("<|assistant|>\n"), head=APRIEL_HEAD), (), **APRIEL_FORM),
    Case(
        "Apriel-1.6",
        chat(PIPE, PIPE_REPLY, say("<|assistant|>\nHere are my reasoning steps:\n"), head=APRIEL_HEAD),
        (),
        **APRIEL_FORM,
        opened=True,
    ),
    Case(
        "HyperCLOVAX-SEED-Think",
        HYPERCLOVA,
        CHATML_TOKENS,
        **HYPERCLOVA_FORM,
        on="--template-arg force_reasoning=true",
        off="--template-arg skip_reasoning=true",
        says="leaves it to the model",
    ),
    Case(
        "HyperCLOVAX-SEED-Think, forced",
        HYPERCLOVA,
        CHATML_TOKENS,
        **HYPERCLOVA_FORM,
        opened=True,
        options=args("force_reasoning=true"),
    ),
    Case(
        "HyperCLOVAX-SEED-Think, skipped",
        HYPERCLOVA,
        CHATML_TOKENS,
        **OFF,
        on="--template-arg force_reasoning=true",
        options=args("skip_reasoning=true"),
    ),
    Case(
        "Solar Open",
        SOLAR,
        SOLAR_TOKENS,
        start="<|think|>",
        end="<|end|>",
        suffix="<|begin|>assistant<|content|>",
        off="--reasoning-effort minimal",
    ),
    Case(
        "Solar Open, low effort",
        SOLAR,
        SOLAR_TOKENS,
        **OFF,
        options={"reasoning_effort": "low"},
        on="--reasoning-effort high",
    ),
    Case("Hy3", HY3, (), **OFF, on="--reasoning-effort high"),
    Case(
        "Hy3, high effort",
        HY3,
        (),
        start="<think:open>",
        end="</think:open>",
        suffix="",
        opened=True,
        options={"reasoning_effort": "high"},
        off="--reasoning-effort none",
    ),
    Case(
        "a family that nobody named",
        MUSE,
        ("<|eom|>", "<|eot|>"),
        start=" to=self<|message|>",
        end="<|eom|>",
        suffix="<|start|>assistant to=user<|message|>",
    ),
    Case(
        "MiniMax-M3",
        chat(("<u>", "</u>"), "{{ m.content }}", "", head=MINIMAX_M3_HEAD),
        ("<mm:think>", "</mm:think>"),
        start="<mm:think>",
        end="</mm:think>",
        suffix="",
        on="--template-arg thinking_mode=enabled",
        off="--template-arg thinking_mode=disabled",
    ),
    Case("Ling-3.0", LING, THINK, opened=True, off=TURN_OFF),
    Case(
        "Laguna, off",
        chat(
            ("<user>\n", "\n</user>\n"),
            "{{ m.content }}",
            say("<assistant>\n") + when(YES, say("<think>"), say("</think>")),
        ),
        THINK,
        **OFF,
        on=TURN_ON,
    ),
    Case("MiniCPM5", MINICPM5, THINK, on=TURN_ON, off=TURN_OFF, says="leaves it to the model"),
    Case("RWKV-7", RWKV, (), start=" <think>", on=TURN_ON, off=TURN_OFF, says="leaves it to the model"),
    Case(
        "LFM2.5-Thinking",
        chat(
            CHATML,
            OPENS
            + when("m.thinking is defined", say("<think>") + "{{ m.thinking }}" + say("</think>"))
            + "{{ m.content }}"
            + say("<|im_end|>\n"),
            OPENS,
        ),
        THINK,
    ),
    Case(
        "LFM2.5-Instruct",
        chat(CHATML, DROPS + OPENS + "{{ c }}" + say("<|im_end|>\n"), OPENS),
        THINK,
        **NONE,
        says="type --thinking think-tags",
    ),
    Case("Bielik-11B-v3", BIELIK, THINK, **OFF, on=TURN_ON),
    Case("Bielik-11B-v3, on", BIELIK, THINK, opened=True, off=TURN_OFF, options=args("enable_thinking=true")),
    Case(
        "Reka-Edge",
        chat(("human: ", "<sep>"), DROPS + "{{ c }}", say("assistant:") + when("enable_thinking", say(" <think>\n"))),
        (),
        **OFF,
        on=TURN_ON,
    ),
    Case("Llama-Nemotron-v1", NEMOTRON1, (), **NONE, says="drops thinking from past turns"),
    Case("Llama-Nemotron-v1, on", NEMOTRON1, (), options={"system": "detailed thinking on"}),
    Case(
        "Phi-4-mini-reasoning",
        chat(PIPE, PIPE_REPLY, say("<|assistant|>\n")),
        THINK,
        **NONE,
        says="type --thinking think-tags",
    ),
    Case("MiMo-VL", chat(CHATML, REPLY, OPENS), THINK, **NONE, says="type --thinking think-tags"),
    Case("OpenThinker", chat(CHATML, REPLY, OPENS), (), **NONE, says="type --thinking think-tags"),
    Case(
        "MiniMax-M1",
        chat(
            ("<beginning_of_sentence>user name=user\n", "<end_of_sentence>\n"),
            "{{ m.content }}",
            say("<beginning_of_sentence>ai name=assistant\n"),
        ),
        (),
        **NONE,
        says="type --thinking think-tags",
    ),
    Case("a tag that forbids thinking", chat(CHATML, REPLY, OPENS + say("<nothink>\n")), THINK, **NONE),
    Case("a tag in a comment", chat(CHATML, REPLY, "{# <think> </think> #}" + OPENS), THINK, **NONE),
    Case(
        "a tag in a branch that is not taken",
        chat(CHATML, REPLY, OPENS + when("false", say("<think>\n"))),
        THINK,
        **NONE,
    ),
    Case("Llama 3", chat(LLAMA, LLAMA_REPLY, LLAMA_OPENS), (), **NONE),
    Case("Qwen2.5", chat(CHATML, REPLY, OPENS), CHATML_TOKENS, **NONE),
    Case("Mistral", chat(("[INST]", "[/INST]"), "{{ m.content }}" + say("</s>"), ""), (), **NONE),
    Case("Phi-3.5", chat(PIPE, PIPE_REPLY, say("<|assistant|>\n")), (), **NONE),
    Case(
        "Kimi-K2",
        chat(
            ("<|im_user|>user<|im_middle|>", "<|im_end|>"),
            "{{ m.content }}" + say("<|im_end|>"),
            say("<|im_assistant|>assistant<|im_middle|>"),
        ),
        (),
        **NONE,
    ),
)
