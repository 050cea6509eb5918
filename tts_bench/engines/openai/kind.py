"""The engine `openai`: its options, checks before a server is contacted, and how its replies are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tts_bench import models
from tts_bench.engine import Sampling
from tts_bench.engines.kinds import EngineKind, Loaded, Setup, there
from tts_bench.engines.openai import key
from tts_bench.engines.openai.url import check_url
from tts_bench.errors import UserError
from tts_bench.options import at_least, option

if TYPE_CHECKING:
    from tts_bench.config import ModelConfig
    from tts_bench.engines.openai.engine import OpenAIEngine
    from tts_bench.thinking import ThinkingFormat


@dataclass(frozen=True)
class OpenAIOptions:
    """
    Raises:
        ValueError: a number is out of range.
    """

    base_url: str | None = option(None, "Base URL of an OpenAI-compatible endpoint, ending in /v1.", flag=True)
    tokenizer: str = option(
        "",
        "Tokenizer of the served model: folder, hub id, or none to use the server's counts.",
        shown="looked up by model name",
        flag=True,
        place=True,
    )
    num_concurrent: int = option(32, "Maximum number of concurrent requests to an endpoint.", flag=True, alias="rows")
    request_timeout: float = option(600.0, "Timeout in seconds for one reply from an endpoint.", flag=True)

    def __post_init__(self) -> None:
        at_least(1, self, "num_concurrent")
        if not 0 < self.request_timeout < float("inf"):
            raise ValueError(f"request_timeout is {self.request_timeout}; it takes a number of seconds above 0")


def _check(setup: Setup[OpenAIOptions]) -> tuple[str, str]:
    """The URL and name of the served model."""
    base_url = check_url(setup.options.base_url)
    key.from_environment()
    if setup.config.model is None:
        raise UserError(f"--engine openai needs --model NAME, as {base_url}/models lists it.")
    return base_url, setup.config.model


def _load(setup: Setup[OpenAIOptions]) -> Loaded:
    from tts_bench.engines.openai.load import check_sampling, load

    config, tell = setup.config, setup.progress
    base_url, model = _check(setup)
    engine, folder, notes = load(
        base_url,
        model,
        tokenizer=setup.options.tokenizer or None,
        connections=setup.options.num_concurrent,
        timeout=setup.options.request_timeout,
        thinks_on=setup.needs.thinks_on,
        efforts=setup.needs.efforts,
        tell=(lambda what: tell(what, 0, 0)) if tell else (lambda what: None),
    )
    recommended = models.sampling_defaults(folder) if folder else Sampling()
    check_sampling(engine, config.sampling(recommended))
    form = None
    if not engine.info.continues:
        if config.thinking or config.think_start:
            raise UserError(
                "--thinking, --think-start and --think-end do not apply to chat-only endpoints. Remove them."
            )
        form = _chat_format(engine, config)
    return Loaded(engine, "an endpoint", recommended, notes, form)


def _chat_format(engine: OpenAIEngine, config: ModelConfig) -> ThinkingFormat:
    from tts_bench.engines.openai import chat
    from tts_bench.engines.openai.counted import ServerCounted

    if isinstance(engine.tokenizer, ServerCounted) or engine.dialect.reasons:
        if config.answer_suffix is not None:
            raise UserError(
                "--answer-suffix does not apply: the endpoint returns thinking and answer in one reply. Remove it."
            )
        return chat.ONE_REPLY
    return chat.thinking_format(engine.tokenizer, config.answer_suffix)


kind = EngineKind(
    "runs a model on a server",
    OpenAIOptions,
    _load,
    capabilities=frozenset({"token-ids", "seeds", "logprobs", "effort"}),
    check=_check,
    installed=there("httpx2", "transformers"),
    install="pip install httpx2 transformers",
)
