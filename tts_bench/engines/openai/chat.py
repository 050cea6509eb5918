"""What a server can do that takes messages only: think and answer in one reply, or answer when it is asked again."""

from __future__ import annotations

from typing import Any

from tts_bench.engine import Request
from tts_bench.engines.openai.dialect import Api
from tts_bench.engines.openai.tokenizer import EndpointTokenizer
from tts_bench.errors import EngineError, UserError
from tts_bench.thinking import ThinkingFormat

QUESTION = "State only your final answer, boxed."
_PROMPT, _REPLY, _AGAIN = "0 prompt 0", "0 reply 0", "0 again 0"  # stand in for contents while a template is read

_ROLES = ("user", "assistant", "user")

# Of a server that tells thinking and answer apart, or hides the thinking: nothing is asked again.
ONE_REPLY = ThinkingFormat(
    name="one-reply",
    start="",
    end="",
    answer_suffix="",
    mode="one-reply",
    notes=("messages only: thinking and answer come in one reply",),
)


def thinking_format(tokenizer: EndpointTokenizer, question: str | None) -> ThinkingFormat:
    """Thinking is the whole first reply; the answer is the reply to `question`, asked as the template words a turn."""
    before, after = _turn(tokenizer)
    return ThinkingFormat(
        name="chat",
        start="",
        end="",
        answer_suffix=before + (question or QUESTION) + after,
        question=question or QUESTION,
        mode="end-of-turn",
        notes=("messages only: the answer is asked for in a second turn",),
    )


def messages(request: Request, api: Api = "chat") -> dict[str, Any]:
    """The conversation that the request stands for, under the name that the endpoint has for it.

    Raises:
        EngineError: the request thinks on from somewhere inside a turn.
    """
    if not request.turns or request.sampled:
        raise EngineError("the endpoint takes whole messages only: it cannot continue a trace")
    said = [{"role": turn.role, "content": turn.content} for turn in request.turns]
    return {"input" if api == "responses" else "messages": said}


def _turn(tokenizer: EndpointTokenizer) -> tuple[str, str]:
    """What the chat template puts between a reply and the next prompt, and between that and the next reply."""
    if tokenizer.template is None:
        raise UserError(
            "the endpoint takes messages only, and the tokenizer has no chat template to count them with. "
            "Type --tokenizer with the folder or hub id of the instruct model."
        )
    turns = [{"role": role, "content": text} for role, text in zip(_ROLES, (_PROMPT, _REPLY, _AGAIN), strict=True)]
    text = tokenizer.template.render(turns)
    before, after = text.rpartition(_REPLY)[2].split(_AGAIN)
    return before, after
