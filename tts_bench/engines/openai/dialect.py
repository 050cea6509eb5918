"""What a server understands, and the request that is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tts_bench.engine import Sampling
from tts_bench.engines.openai.client import LONGEST, SHORT

Api = Literal["completions", "chat", "responses"]
PATHS: dict[Api, str] = {"completions": "completions", "chat": "chat/completions", "responses": "responses"}

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

# Of a column: vLLM names tokens by their ids, which differ where their texts are the same.
_NAMED_BY_ID = {"return_tokens_as_token_ids": True}

# Bytes that an honest reply may need: for each token its logprob, and that of each alternative; of the prompt its ids.
_SAMPLED, _ALTERNATIVE, _READ = 2**9, 2**8, 2**4


@dataclass(frozen=True)
class Dialect:
    """What a server was seen to honour: found by `probe`, written into the record."""

    api: Api
    extras: bool = False  # takes parameters that OpenAI's own API does not have
    prompt_ids: bool = False  # takes prompts as token ids
    told_ids: Literal["", "token_ids", "logprobs"] = ""  # where it tells the ids of sampled tokens
    stop_ids: bool = False
    stop_texts: bool = False
    stop_shown: bool = False  # the text that it gives includes the stop text
    seeds: bool = False
    logprobs: bool = False
    top_logprobs: int = 0  # of how many tokens it tells the log-probabilities, where they are the model's own
    continuation: bool = False  # prompt + prefix is read as it stands
    adds_bos: bool = False  # to prompts of text
    top_k: bool = False
    min_p: bool = False
    limit: Literal["max_tokens", "max_completion_tokens", "max_output_tokens"] = "max_tokens"
    uncounted: bool = False  # does not tell how many tokens there are
    reasons: bool = False  # one reply holds thinking and answer, told apart or with the thinking hidden
    sampling: Literal["all", "temperature", "none"] = "all"  # what of it can be asked for
    provider: str = ""  # who computes, where the server is a router
    pinned: bool = False  # the router takes a word about it


def candidates(api: Api) -> Iterator[Dialect]:
    """Dialects from rich to plain: servers refuse what they do not know, or ignore it."""
    if api == "completions":
        yield Dialect(api, extras=True, logprobs=True)
        yield Dialect(api, logprobs=True)
        yield Dialect(api)
    elif api == "chat":
        yield Dialect(api, extras=True)
        yield Dialect(api)
        yield Dialect(api, limit="max_completion_tokens")
        yield Dialect(api, sampling="temperature")  # Claude takes no top-p beside it
        yield Dialect(api, limit="max_completion_tokens", sampling="temperature")
        yield Dialect(api, limit="max_completion_tokens", sampling="none")  # OpenAI's models that reason
    else:
        yield Dialect(api, limit="max_output_tokens", sampling="temperature")
        yield Dialect(api, limit="max_output_tokens", sampling="none")


def body(
    dialect: Dialect,
    model: str,
    *,
    max_tokens: int,
    sampling: Sampling,
    seed: int,
    stops: Sequence[str] = (),
    stop_ids: Sequence[int] = (),
    top: int = 0,
) -> dict[str, Any]:
    """All of a request but its prompt or messages. What a server has defaults for is always said.

    `top`: of how many tokens the log-probabilities are wanted, at each place; 0: they are not.
    """
    said: dict[str, Any] = {"model": model, dialect.limit: max_tokens}
    if dialect.sampling != "none":
        said["temperature"] = sampling.temperature
    if dialect.sampling == "all":
        said |= {"top_p": sampling.top_p, "seed": seed}
    if dialect.api == "responses":
        said["store"] = False
    if dialect.pinned:
        said["provider"] = {"order": [dialect.provider], "allow_fallbacks": False}
    if stops:
        said["stop"] = list(stops)
    if dialect.api == "completions" and dialect.told_ids in ("", "logprobs") and dialect.logprobs:
        said["logprobs"] = 1
    if top:
        said["logprobs"] = top
    if dialect.extras:
        said |= _EXTRAS | {"top_k": sampling.top_k or -1, "min_p": sampling.min_p}
        said |= _NAMED_BY_ID if top else {}
        if stop_ids:
            said["stop_token_ids"] = sorted(stop_ids)
    return said


def most_bytes(max_tokens: int, prompt_tokens: int, top: int = 0) -> int:
    """Bytes that a reply may have; `top`: as `body` has it."""
    return min(LONGEST, SHORT + (_SAMPLED + _ALTERNATIVE * top) * max_tokens + _READ * prompt_tokens)
