"""What stands in requests and replies, and in which of the servers' dialects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from tts_bench.engines.base import Sampling

from .client import Unbelievable

PATHS = {"completions": "completions", "chat": "chat/completions"}

# What servers do not know of these they ignore, or refuse all of them.
_EXTRAS = {
    "repetition_penalty": 1.0,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "include_stop_str_in_output": True,
    "return_token_ids": True,
    # llama.cpp. Without the list it narrows before it divides by the temperature, and penalises if started so.
    "samplers": ["temperature", "top_k", "top_p", "min_p"],
    "mirostat": 0,
    "dynatemp_range": 0.0,
    # Its logprobs leave out tokens that end inside a character; this has all of them, the stop's too.
    "verbose": True,
    "return_tokens": True,
    "response_fields": ["tokens", "stopping_word"],
}


@dataclass(frozen=True)
class Dialect:
    """What a server was seen to honour: found by `probe`, written into the record."""

    api: Literal["completions", "chat"]
    extras: bool = False  # takes parameters that OpenAI's own API does not have
    prompt_ids: bool = False  # takes prompts as token ids
    told_ids: Literal["", "token_ids", "logprobs"] = ""  # where it tells the ids of sampled tokens
    stop_ids: bool = False
    stop_texts: bool = False
    stop_shown: bool = False  # the text that it gives includes the stop text
    seeds: bool = False
    logprobs: bool = False
    continuation: bool = False  # prompt + prefix is read as it stands
    adds_bos: bool = False  # to prompts of text
    top_k: bool = False
    min_p: bool = False
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


@dataclass(frozen=True)
class Reply:
    """One generation, as far as the server tells of it."""

    model: str
    text: str
    ids: tuple[int, ...] | None
    finish: Literal["stop", "length"]
    stop: int | str | None  # what it says that it stopped at
    prompt_tokens: int
    completion_tokens: int
    logprobs: bool


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Message(BaseModel):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(BaseModel):
    text: str | None = None
    message: _Message | None = None
    finish_reason: Literal["stop", "length"]
    stop_reason: int | str | None = None  # vLLM
    matched_stop: int | str | None = None  # SGLang
    token_ids: list[int] | None = None  # vLLM
    logprobs: dict[str, Any] | None = None


class _Verbose(BaseModel):
    tokens: list[int] = []
    stopping_word: str = ""


class _Body(BaseModel):
    model: str
    choices: list[_Choice] = Field(min_length=1, max_length=1)
    usage: _Usage
    verbose: _Verbose | None = Field(None, alias="__verbose")  # llama.cpp


def body(
    dialect: Dialect,
    model: str,
    *,
    max_tokens: int,
    sampling: Sampling,
    seed: int,
    stops: Sequence[str] = (),
    stop_ids: Sequence[int] = (),
) -> dict[str, Any]:
    """All of a request but its prompt or messages. What a server has defaults for is always said."""
    said: dict[str, Any] = {
        "model": model,
        dialect.limit: max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": seed,
    }
    if stops:
        said["stop"] = list(stops)
    if dialect.api == "completions" and dialect.told_ids in ("", "logprobs") and dialect.logprobs:
        said["logprobs"] = 1
    if dialect.extras:
        said |= _EXTRAS | {"top_k": sampling.top_k or -1, "min_p": sampling.min_p}
        if stop_ids:
            said["stop_token_ids"] = sorted(stop_ids)
    return said


def read(data: object) -> Reply:
    """The reply of either endpoint.

    Raises:
        Unbelievable: something is missing, or of the wrong kind.
    """
    try:
        whole = _Body.model_validate(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Unbelievable(
            f"the reply is not as it has to be: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
    [choice] = whole.choices
    text, verbose = choice.text, whole.verbose or _Verbose()
    if choice.message:
        text = (choice.message.reasoning_content or choice.message.reasoning or "") + (choice.message.content or "")
    if text is None:
        raise Unbelievable("the reply has no text")
    stops = (choice.stop_reason, choice.matched_stop, verbose.stopping_word or None)
    return Reply(
        whole.model,
        text,
        tuple(verbose.tokens) or _told(choice),
        choice.finish_reason,
        next((stop for stop in stops if stop is not None), None),
        whole.usage.prompt_tokens,
        whole.usage.completion_tokens,
        bool(choice.logprobs),
    )


def _told(choice: _Choice) -> tuple[int, ...] | None:
    if choice.token_ids is not None:
        return tuple(choice.token_ids)
    content = (choice.logprobs or {}).get("content")  # llama.cpp
    if not isinstance(content, list) or not all(isinstance(token, dict) and "id" in token for token in content):
        return None
    ids = tuple(token["id"] for token in content)
    if not all(isinstance(number, int) for number in ids):
        raise Unbelievable("the reply's logprobs have ids that are no numbers")
    return ids
