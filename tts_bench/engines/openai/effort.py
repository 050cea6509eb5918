"""How a server is told how long to think, if it has an effort setting."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from tts_bench.errors import UserError

Server = Literal["", "openai", "openrouter", "anthropic", "gemini", "xai"]
_HOSTS: dict[str, Server] = {
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "api.x.ai": "xai",
}
_EFFORT = "reasoning_effort"
# Where the server reads a level (low, medium, high) and where a number of tokens, as its documentation has it; empty:
# it has no such knob, and ignores what looks like one.
_KNOBS: dict[Server, tuple[str, str]] = {
    "": (_EFFORT, ""),
    "openai": (_EFFORT, ""),
    "xai": (_EFFORT, ""),
    "openrouter": ("reasoning.effort", "reasoning.max_tokens"),
    "anthropic": ("", "thinking.budget_tokens"),
    "gemini": (_EFFORT, "extra_body.google.thinking_config.thinking_budget"),
}
_BESIDE: dict[str, dict[str, Any]] = {"thinking.budget_tokens": {"type": "enabled"}}  # what stands beside a knob
NONSENSE = "no-such-effort"  # what a server that reads its knob refuses


def server_of(base_url: str, provider: str) -> Server:
    """Which hosted service it is: by its host, or since its replies name who computed them, as a router's do."""
    host = urlsplit(base_url).hostname or ""
    for name, server in _HOSTS.items():
        if host == name or host.endswith(f".{name}"):
            return server
    return "openrouter" if provider else ""


def knob(server: Server, api: str, level: str) -> tuple[str, Any]:
    """Path and value of `level`, which is a word, a number of tokens, or `path=value` for any other knob.

    Raises:
        UserError: the server is not known to have such a knob.
    """
    path, equals, value = level.rpartition("=")
    number = value.isascii() and value.isdecimal()
    if not equals:
        words, numbers = ("reasoning.effort", "") if api == "responses" else _KNOBS[server]
        path = numbers if number else words
        if not path:
            kind, other = ("a number of tokens", "a word such as low") if number else ("a word", "a number of tokens")
            raise UserError(
                f"reasoning-effort: {level} is {kind}, and this endpoint has no known parameter for it. "
                f"Give {other}, or name the request field: efforts=FIELD={level}"
            )
    return path, int(value) if number else value


def nested(path: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - a value of JSON
    """What the dotted `path` stands for in a request."""
    *outer, last = path.split(".")
    said: dict[str, Any] = {**_BESIDE.get(path, {}), last: value}
    for name in reversed(outer):
        said = {name: said}
    return said
