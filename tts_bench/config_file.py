"""A run's configuration on disk, as TOML or JSON: one flat table, whose keys are the flags with `_` for `-`.

What is not said has its default. Strategies, the engine and sampling are texts, as they are typed.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from tts_bench import foreign
from tts_bench.config import BLANK, ModelConfig, RunConfig
from tts_bench.engine import Sampling
from tts_bench.errors import UserError, did_you_mean

Where = Callable[[str], str]  # a key -> file and line, as a message begins
_EXAMPLES = {
    "tasks": 'at least one, such as ["gsm8k"]',
    "strategies": 'at least one, such as ["baseline"]',
}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path, as text"}


def keys() -> dict[str, tuple[type, Field[Any]]]:
    """Every key of a file: the class and the field that it fills."""
    model = {field.name: (ModelConfig, field) for field in fields(ModelConfig)}
    run = {field.name: (RunConfig, field) for field in fields(RunConfig) if field.name != "model"}
    return {"model": model["model"], "engine": model["engine"], **run, **model}


def plain(config: RunConfig) -> dict[str, Any]:
    """All of `config` as JSON values by key."""
    holders = {RunConfig: config, ModelConfig: config.model}
    return {name: _plain(getattr(holders[cls], name)) for name, (cls, _) in keys().items()}


def default(key: str) -> object:
    """The JSON value that `key` has where nothing is said; None too where something has to be."""
    field = keys()[key][1]
    return None if field.default is MISSING else _plain(field.default)


def to_toml(config: RunConfig) -> str:
    """`config` as TOML, which `read` reads back."""
    said = plain(config)
    lines = [f"{key} = {toml_value(value)}\n" for key, value in said.items() if value is not None]
    unsaid = [key for key, value in said.items() if value is None]
    return "".join([*lines, f"# Left out, or found by the run: {', '.join(unsaid)}\n" if unsaid else ""])


def read(path: Path) -> dict[str, Any]:
    """What a file of a configuration says, by key: TOML, or JSON where its name ends in `.json`.

    Raises:
        UserError: it cannot be read, or has a key or a value that cannot be; the message names file and line.
    """
    try:
        raw = foreign.read(path, foreign.MB)
        text = raw.decode()
        table = _json(raw) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UserError(f"--config {path} cannot be read: {error.strerror}. Give the path of a TOML file.") from error
    except (ValueError, RecursionError) as error:
        what = "JSON" if path.suffix == ".json" else "TOML"
        raise UserError(f"--config {path} is not a valid {what} configuration: {error}. Fix it.") from error
    return values(table, lambda key: _place(path, text, key))


def place(path: Path, key: str) -> str:
    """Where a key of a file that was read stands, as a message begins."""
    return _place(path, foreign.read(path, foreign.MB).decode(), key)


def values(table: object, where: Where) -> dict[str, Any]:
    """The values that a table gives to fields, by key.

    Raises:
        UserError: it is no table, or has a key or a value that cannot be.
    """
    if not isinstance(table, dict):
        raise UserError(f"{where('')}a configuration is a table of keys and values, not a {type(table).__name__}.")
    known, found = keys(), dict[str, Any]()
    for key in (key for key in table if key not in known):
        raise UserError(f"{where(key)}there is no key {key[:200]!r}. {advice(key)}")
    for key, value in table.items():
        cls, _ = known[key]
        try:
            _check_said(key, value)
            found[key] = _read(get_type_hints(cls)[key], value)
            _check_range(cls, key, found[key])
        except UserError as error:
            raise UserError(f"{where(key)}{re.sub('^--[a-z-]+', key, str(error))}") from error
        except ValueError as error:
            raise UserError(f"{where(key)}{key} is {json.dumps(value, default=str)[:200]}; it takes {error}.") from None
    return found


def _check_said(key: str, value: object) -> None:
    """
    Raises:
        ValueError: it is empty, where that is not what is run without it, and says nothing.
    """
    if isinstance(value, str | list) and not value and key not in BLANK and value != default(key):
        raise ValueError(f"{_EXAMPLES.get(key, 'a text that is not empty')}. Leave it out for the default")


def _check_range(cls: type, key: str, value: object) -> None:
    """
    Raises:
        UserError: no configuration can have this value, whatever else it says; the message begins with the flag.
    """
    said: dict[str, Any] = {key: value}
    if cls is ModelConfig:
        ModelConfig(**said).sampling(Sampling())
    else:
        RunConfig(**{"model": ModelConfig(), "tasks": (), "strategies": (), **said})


def built(said: Mapping[str, Any]) -> RunConfig:
    """The configuration of values by key, which have to say tasks and strategies.

    Raises:
        UserError: a value out of range.
    """
    parts: dict[type, dict[str, Any]] = {RunConfig: {}, ModelConfig: {}}
    for name, value in said.items():
        parts[keys()[name][0]][name] = value
    return RunConfig(model=ModelConfig(**parts[ModelConfig]), **parts[RunConfig])


def toml_value(value: object) -> str:
    """A JSON value other than an object as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def advice(key: str) -> str:
    """What to type in the place of a key that there is not."""
    from tts_bench.engines.flags import flagged

    if key in flagged():
        return f'It is an option of the engine. Type engine = "NAME:{key}=VALUE".'
    return did_you_mean(key, keys())


def _json(raw: bytes) -> object:
    """
    Raises:
        ValueError: no bounded JSON, or an object that says a key twice.
    """
    foreign.parse(raw)  # what is nested too deeply for the standard library
    return json.loads(raw, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it says {next(name for name in names if names.count(name) > 1)[:200]!r} twice")
    return table


def _place(path: Path, text: str, key: str) -> str:
    return f"{path}{_line(text, key)}: "


def _line(text: str, key: str) -> str:
    """Where a key stands, as well as can be told."""
    found = re.search(rf"""^[\s{{,[]*["']?{re.escape(key)}["']?\s*[=:\]]""", text, re.MULTILINE) if key else None
    return f", line {text.count(chr(10), 0, found.end()) + 1}" if found else ""


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def _read(hint: Any, value: object) -> object:  # noqa: ANN401 - annotations are any object
    """`value` as the type that `hint` says.

    Raises:
        ValueError: it is of another type; the message says of which it should be.
    """
    arguments = get_args(hint)
    if NoneType in arguments:
        return None if value is None else _read(next(each for each in arguments if each is not NoneType), value)
    if get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError('a list of texts, such as ["a", "b"]')
        return tuple(value)
    wanted = (int, float) if hint is float else str if hint is Path else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(_WORDS[hint])
    if hint is float and not abs(value) <= sys.float_info.max:  # type: ignore[arg-type]  # NaN is not either
        raise ValueError(_WORDS[hint])
    return hint(value)
