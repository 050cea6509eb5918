"""What a server says of a model before it is asked anything: its entry in the list of models, and its window."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct

from tts_bench.engines.openai.client import Client, Refused, Unbelievable
from tts_bench.engines.openai.wire import Buffer, decode
from tts_bench.errors import EngineError, UserError, did_you_mean

Card = Mapping[str, Any]

_LIST = 2**22  # bytes of a list of models
_LONGEST_CARD = 2**16
_UNSTEADY = ("created", "permission", "pricing", "description", "per_request_limits", "top_provider")
_WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens")
_WIDEST = 10**9  # tokens; what is above says that there is no bound


class _List(Struct):
    data: list[Raw] | None = None


class _Named(Struct):
    id: str | None = None


async def card_of(client: Client, model: str) -> Card:
    """What the server says of `model`; empty where it does not list its models.

    Raises:
        UserError: it lists others only.
        Unreachable: there is no server.
    """
    try:
        cards = await client.send("GET", "models", None, _cards, _LIST)
    except (Refused, EngineError):  # some servers have a list that does not work, and models that do
        return {}
    raw = cards.get(model) or cards.get(f"models/{model}")  # Gemini
    if cards and raw is None:
        raise UserError(f"{client.base_url} serves no model {model!r}. {did_you_mean(model, cards)}")
    if raw is None or len(bytes(raw)) > _LONGEST_CARD:
        return {}
    try:
        found = json.loads(bytes(raw))
        json.dumps(found)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def steady(card: Card) -> Card:
    """What of a card is as it was when the server is started again, or its prices change."""
    return {key: value for key, value in card.items() if key not in _UNSTEADY}


async def window_of(client: Client, card: Card) -> int | None:
    """Tokens that the server reads at most, as vLLM, SGLang or a hosted service, llama.cpp's server, or TGI say it."""
    if said := next(filter(None, map(_tokens, map(card.get, _WINDOWS))), None):
        return said
    above = client.base_url.removesuffix("/v1")
    for path, keys in (("props", ("default_generation_settings", "n_ctx")), ("info", ("max_total_tokens",))):
        try:
            found = await client.send("GET", f"{above}/{path}", None, _any)
        except (Refused, EngineError):
            continue
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if said := _tokens(found):
            return said
    return None


def _tokens(said: object) -> int | None:
    """`said`, if it is a number of tokens; true is none."""
    return said if type(said) is int and 0 < said < _WIDEST else None


def _cards(raw: Buffer) -> dict[str, Raw]:
    """Cards by the model's name; Together has the list alone."""
    listed = decode(raw, list[Raw]) if raw.lstrip()[:1] == b"[" else decode(raw, _List).data or []
    named = ((_name(each), each) for each in listed)
    return {name: each for name, each in named if name is not None}


def _name(raw: Raw) -> str | None:
    try:
        return decode(raw, _Named).id
    except Unbelievable:  # an entry that is none
        return None


def _any(raw: Buffer) -> Any:  # noqa: ANN401 - any JSON
    return decode(raw, object)
