"""From a URL and a model's name to an engine: the model is looked up, its tokenizer found, its server probed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, cast

from tts_bench import loops, models
from tts_bench.engine import Capability, EngineInfo, Sampling
from tts_bench.engines.openai import counted
from tts_bench.engines.openai.card import Card, card_of, steady, window_of
from tts_bench.engines.openai.client import Client, Unreachable
from tts_bench.engines.openai.counted import ServerCounted
from tts_bench.engines.openai.dialect import Dialect
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.key import from_environment
from tts_bench.engines.openai.probe import Probe
from tts_bench.engines.openai.tokenizer import EndpointTokenizer, digest, load_tokenizer
from tts_bench.errors import EngineError, UserError

PATH = 4  # version of the way from request to tokens: raise it whenever equal requests may give other text
_UNKNOWN_CONTEXT = 4096
_HOSTED_CONTEXT = 131072  # of a model whose tokenizer is nobody's to have
_LOOK = 60.0  # seconds for all that is asked before a run, or the time for one reply if that is longer


def load(
    base_url: str,
    model: str,
    *,
    tokenizer: str | None = None,
    connections: int = 32,
    timeout: float = 600.0,
    thinks_on: str = "",
    efforts: tuple[str, ...] = (),
    tell: Callable[[str], None] = lambda what: None,
) -> tuple[OpenAIEngine, Path | None, tuple[str, ...]]:
    """Look `model` up at `base_url`, see what its server honours, and make its engine.

    Args:
        base_url: up to /v1.
        model: as the server names it.
        tokenizer: folder, alias or hub id of its tokenizer, or none where the server's counts are to be taken; found
            from what the server says, or by name, where None.
        connections: most requests at once.
        timeout: seconds for one reply.
        thinks_on: what to say, before anything is paid for, where the server takes messages only.
        efforts: settings of the server's own knob that a run will ask for.
        tell: is told of a wait that the server asks for.

    Returns:
        The engine, the tokenizer's folder if it has one, and notes for whoever reads results.

    Raises:
        UserError: the server cannot be reached, refuses the key, has no such model or no use for a run.
    """
    key = from_environment()
    if thinks_on and tokenizer == counted.NONE:
        raise UserError(thinks_on)

    def client(attempts: int) -> Client:
        return Client(base_url, key, connections=connections, timeout=timeout, attempts=attempts, tell=tell)

    found = _looked(client(3), model, tokenizer, max(_LOOK, timeout), thinks_on, efforts)
    context, notes = _window(found)
    info = EngineInfo(
        name="openai",
        model=model,
        fingerprint=_fingerprint(model, found.card, found.folder),
        context=context,
        capabilities=_capabilities(found.dialect, efforts),
        identity={"engine": "openai", "path": PATH, "answers_as": found.answers_as, **_identity(found.dialect)},
        settings={"connections": connections, "request_timeout": timeout},
        exact=False,
        exact_note=describe(found.dialect, counted=found.folder is None),
        continues=found.dialect.api == "completions",
        top_logprobs=found.dialect.top_logprobs,
        at_once=connections,
    )
    engine = OpenAIEngine(info, found.tokenizer, client(8), found.dialect, answers_as=found.answers_as)
    return engine, found.folder, notes


class _Found(NamedTuple):
    """What a look at the server and at the model's name brought."""

    card: Card
    context: int | None
    folder: Path | None
    tokenizer: EndpointTokenizer | ServerCounted
    dialect: Dialect
    answers_as: str


def _looked(
    asking: Client, model: str, tokenizer: str | None, timeout: float, thinks_on: str, efforts: tuple[str, ...]
) -> _Found:
    where = asking.base_url

    async def look() -> _Found:
        try:
            async with asyncio.timeout(timeout):
                card = await card_of(asking, model)
                folder, loaded = _tokenizer(card, model, tokenizer)
                dialect, answers_as = await Probe(asking, model, loaded).dialect(thinks_on, efforts)
                return _Found(card, await window_of(asking, card), folder, loaded, dialect, answers_as)
        finally:
            await asking.close()

    try:
        return loops.run(look())
    except Unreachable as error:
        raise UserError(
            f"{where} cannot be reached ({error}). Is the server running, and is --base-url right?"
        ) from None
    except TimeoutError:
        raise UserError(
            f"{where} did not answer a dozen short requests within {timeout:g} s. Is it still loading the model? If it "
            "is that slow, give --request-timeout SECONDS."
        ) from None
    except EngineError as error:
        raise UserError(f"{where} cannot be used to measure a model: {error}") from error


def check_sampling(engine: OpenAIEngine, samplings: Sequence[Sampling]) -> None:
    """Refuse sampling that the endpoint was not seen to honour: it would sample otherwise without a word.

    Raises:
        UserError: one is set, and the endpoint does not honour it.
    """
    honours = {"temperature": engine.dialect.sampling != "none", "top_p": engine.dialect.sampling == "all"}
    honours |= {"top_k": engine.dialect.top_k, "min_p": engine.dialect.min_p}
    usual = Sampling()
    for option, honoured in honours.items():
        plain = getattr(usual, option)
        asked = next((value for each in samplings if (value := getattr(each, option)) != plain), None)
        if asked is not None and not honoured:
            raise UserError(
                f"{option} is {asked}, set by you or by the model's defaults, but the endpoint does not honour it. "
                f"Type --{option.replace('_', '-')} {plain:g}."
            )


def describe(dialect: Dialect, *, counted: bool = False) -> str:
    """What the endpoint was seen to honour and what not, in a line. `counted`: by the server and by nobody else."""
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
    tokens = "as told" if dialect.told_ids else "made from text, counted by the server"
    tokens = "made from text, which nobody counts" if dialect.uncounted else tokens
    by = f", computed by {dialect.provider}{'' if dialect.pinned else ' or an error'}" if dialect.provider else ""
    free = {"all": "", "temperature": "; takes no top-p", "none": "; takes no temperature"}[dialect.sampling]
    return (
        f"{dialect.api} endpoint{by}; honours {', '.join(seen) or 'nothing'}"
        f"{'; not seen to honour ' + ', '.join(unseen) if unseen else ''}{free}; "
        f"tokens {'as the server counts them, unverified' if counted else tokens}"
    )


def _tokenizer(card: Card, model: str, named: str | None) -> tuple[Path | None, EndpointTokenizer | ServerCounted]:
    """The model's tokenizer and its folder: as named, found where the server has it from, or by its name."""
    if named == counted.NONE:
        return None, ServerCounted()
    known = (name for name in (str(card.get("root") or ""), model) if name and models.can_be_found(name))
    name = named or next(known, None)
    if name is None:
        raise UserError(
            f"the endpoint does not name the tokenizer of {model!r}, which is needed to count tokens. {_ADVICE}"
        )
    try:
        folder = models.tokenizer_folder(name)
    except UserError as error:
        raise error if named else UserError(f"{str(error).rstrip('.')}. {_ADVICE}") from error
    return folder, load_tokenizer(folder, name)


_ADVICE = (
    "Type --tokenizer with its folder, or with the model's hub id. If it is not public, type --tokenizer none to use "
    "the server's own counts and to measure whole replies."
)


def _window(found: _Found) -> tuple[int, tuple[str, ...]]:
    said: tuple[str, ...] = ()
    if found.folder is None or isinstance(found.tokenizer, ServerCounted):
        said = ("token counts are the server's, and those of prompts are estimated, since there is no tokenizer",)
        context = found.context or _HOSTED_CONTEXT
    elif found.context:
        return found.context, ()
    elif (found.folder / "config.json").is_file():
        own = models.context_window(found.folder)
        return own, ("the server does not report its context window; the model's own is used",)
    else:
        longest = found.tokenizer.inner.model_max_length
        context = int(longest) if longest < 10**8 else _UNKNOWN_CONTEXT
    guessed = f"the server does not report its context window; {context} tokens are assumed"
    return context, said if found.context else (*said, guessed)


def _fingerprint(model: str, card: Card, folder: Path | None) -> str:
    """Of a served model no weights are seen: its name, what the server says of it, and its tokenizer stand for it."""
    return sha256(json.dumps([model, steady(card), folder and digest(folder)], sort_keys=True).encode()).hexdigest()


def _identity(dialect: Dialect) -> dict[str, object]:
    """What of it changes text."""
    return {name: value for name, value in asdict(dialect).items() if name != "top_logprobs"}


def _capabilities(dialect: Dialect, efforts: tuple[str, ...]) -> frozenset[Capability]:
    held = {
        "seeds": dialect.seeds,
        "token-ids": dialect.prompt_ids and bool(dialect.told_ids),
        "logprobs": dialect.top_logprobs > 0,
        "effort": bool(efforts),
    }
    return frozenset(cast(Capability, name) for name, there in held.items() if there)
