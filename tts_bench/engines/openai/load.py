"""From a URL and a model's name to an engine: the model is looked up, its tokenizer found, its server probed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, cast

from tts_bench import loops, models
from tts_bench.engines.base import Capability, EngineInfo, Sampling
from tts_bench.errors import EngineError, UserError, did_you_mean

from .client import Client, Refused, Unreachable
from .engine import OpenAIEngine
from .probe import Probe, key_refused
from .tokenizer import EndpointTokenizer, digest, load_tokenizer
from .wire import Dialect

PATH = 2  # version of the way from request to tokens: raise it whenever equal requests may give other text
KEYS = ("TTS_BENCH_API_KEY", "OPENAI_API_KEY")  # in this order
_UNKNOWN_CONTEXT = 4096
Card = Mapping[str, Any]  # what a server's list of models says of one


def load(
    base_url: str,
    model: str,
    *,
    tokenizer: str | None = None,
    system: str | None = None,
    connections: int = 32,
    timeout: float = 600.0,
) -> tuple[OpenAIEngine, Path, tuple[str, ...]]:
    """Look `model` up at `base_url`, see what its server honours, and make its engine.

    Args:
        base_url: up to /v1.
        model: as the server names it.
        tokenizer: folder, alias or hub id of its tokenizer; found from what the server says, or by name, where None.
        system: the system prompt, for servers that take messages only.
        connections: most requests at once.
        timeout: seconds for one reply.

    Returns:
        The engine, the tokenizer's folder, and notes for whoever reads results.

    Raises:
        UserError: the server cannot be reached, refuses the key, has no such model or no use for a run.
    """
    key = next(filter(None, map(os.environ.get, KEYS)), None)

    def client(attempts: int) -> Client:
        return Client(base_url, key, connections=connections, timeout=timeout, attempts=attempts)

    try:
        found = loops.run(_look(client(3), model, tokenizer))
    except Unreachable as error:
        raise UserError(
            f"{base_url} cannot be reached ({error}). Is the server running, and is --base-url right?"
        ) from error
    except EngineError as error:
        raise UserError(f"{base_url} is no endpoint to measure a model with: {error}") from error
    context, notes = _window(found.context, found.folder, found.tokenizer)
    info = EngineInfo(
        name="openai",
        model=model,
        fingerprint=_fingerprint(model, found.card, found.folder),
        context=context,
        capabilities=_capabilities(found.dialect),
        identity={"engine": "openai", "path": PATH, "answers_as": found.answers_as, **asdict(found.dialect)},
        settings={"connections": connections, "request_timeout": timeout},
        exact=False,
        exact_note=describe(found.dialect),
        continues=found.dialect.api == "completions",
    )
    engine = OpenAIEngine(info, found.tokenizer, client(8), found.dialect, answers_as=found.answers_as, system=system)
    return engine, found.folder, notes


class _Found(NamedTuple):
    """What a look at the server and at the model's name brought."""

    card: Card
    context: int | None
    folder: Path
    tokenizer: EndpointTokenizer
    dialect: Dialect
    answers_as: str


async def _look(asking: Client, model: str, tokenizer: str | None) -> _Found:
    try:
        card = await _card(asking, model)
        name = tokenizer or _tokenizer_name(card, model)
        folder = models.tokenizer_folder(name)
        loaded = load_tokenizer(folder, name)
        dialect, answers_as = await Probe(asking, model, loaded).dialect()
        return _Found(card, await _context(asking, card), folder, loaded, dialect, answers_as)
    finally:
        await asking.close()


def check_sampling(engine: OpenAIEngine, samplings: Sequence[Sampling]) -> None:
    """Refuse sampling that the endpoint was not seen to honour: it would sample otherwise without a word.

    Raises:
        UserError: top-k or min-p is set, and the endpoint does not honour it.
    """
    for option, honoured in (("top_k", engine.dialect.top_k), ("min_p", engine.dialect.min_p)):
        asked = next((value for each in samplings if (value := getattr(each, option))), None)
        if asked and not honoured:
            flag = f"--{option.replace('_', '-')}"
            raise UserError(
                f"{option} is {asked}, as you or the model's own settings say, but the endpoint does not honour it. "
                f"Type {flag} 0."
            )


def describe(dialect: Dialect) -> str:
    """What the endpoint was seen to honour and what not, in a line."""
    names = {
        "seeds": "seeds",
        "stop_texts": "stop texts",
        "stop_ids": "stop ids",
        "prompt_ids": "token-id prompts",
        "told_ids": "token ids of what it samples",
        "continuation": "continuation",
        "top_k": "top-k",
        "min_p": "min-p",
        "logprobs": "logprobs",
    }
    seen = [names[field.name] for field in fields(dialect) if field.name in names and getattr(dialect, field.name)]
    unseen = [name for name in names.values() if name not in seen]
    return (
        f"{dialect.api} endpoint; honours {', '.join(seen) or 'nothing'}"
        f"{'; not seen to honour ' + ', '.join(unseen) if unseen else ''}; "
        f"tokens {'as told' if dialect.told_ids else 'made from text, counted by the server'}"
    )


async def _card(client: Client, model: str) -> Card:
    """What the server says of `model`; empty where it does not list its models."""
    try:
        listed = await client.send("GET", "models", None, _cards)
    except Refused as error:
        if error.status in (401, 403):
            raise UserError(key_refused(client.base_url, error)) from error
        return {}
    except EngineError:  # some servers have a list that does not work, and models that do
        return {}
    cards = {str(card["id"]): card for card in listed}
    if cards and model not in cards:
        raise UserError(f"{client.base_url} serves no model {model!r}. {did_you_mean(model, cards)}")
    return cards.get(model, {})


def _cards(data: object) -> list[Card]:
    listed = data.get("data") if isinstance(data, dict) else None
    return [card for card in listed or () if isinstance(card, dict) and "id" in card]


def _tokenizer_name(card: Card, model: str) -> str:
    """The model itself where its name can be looked up, or else where the server has it from."""
    names = (str(card.get("root") or ""), model)
    for name in names:
        if name and models.can_be_found(name):
            return name
    raise UserError(
        f"nothing says which tokenizer {model!r} has, and without it no token can be counted. "
        "Type --tokenizer with its folder, or with the model's hub id."
    )


async def _context(client: Client, card: Card) -> int | None:
    """Tokens that the server reads at most, as vLLM and SGLang, llama.cpp's server, or TGI say it."""
    if isinstance(said := card.get("max_model_len"), int):
        return said
    above = client.base_url.removesuffix("/v1")
    for path, keys in (("props", ("default_generation_settings", "n_ctx")), ("info", ("max_total_tokens",))):
        try:
            found = await client.send("GET", f"{above}/{path}", None, lambda data: data)
        except (Refused, Unreachable, EngineError):
            continue
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, int) and found > 0:
            return found
    return None


def _window(told: int | None, folder: Path, tokenizer: EndpointTokenizer) -> tuple[int, tuple[str, ...]]:
    if told:
        return told, ()
    if (folder / "config.json").is_file():
        return models.context_window(folder), ("the server does not tell its context window; the model's own is taken",)
    longest = tokenizer.inner.model_max_length
    context = int(longest) if longest < 10**8 else _UNKNOWN_CONTEXT
    return context, (f"the server does not tell its context window; {context} tokens are assumed",)


def _fingerprint(model: str, card: Card, folder: Path) -> str:
    """Of a served model no weights are seen: its name, what the server says of it, and its tokenizer stand for it."""
    steady = {key: value for key, value in card.items() if key not in ("created", "permission")}
    return sha256(json.dumps([model, steady, digest(folder)], sort_keys=True).encode()).hexdigest()


def _capabilities(dialect: Dialect) -> frozenset[Capability]:
    held = {
        "seeds": dialect.seeds,
        "token-ids": dialect.prompt_ids and bool(dialect.told_ids),
        "logprobs": dialect.logprobs,
    }
    return frozenset(cast(Capability, name) for name, there in held.items() if there)
