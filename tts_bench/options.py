"""Options as text: a frozen dataclass read from `name:key=value,key=value` and written back. Standard library only.

This is the one grammar of strategies, engines and sampling; `tts_bench.grammar` has its characters. A list is `a+b+c`,
where `\\+` is a plus. `none` leaves an optional value out. A class may have one field for options that it passes on to
a library (`passed_on`).
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from tts_bench.api import LearnedToken
from tts_bench.errors import UserError, did_you_mean
from tts_bench.grammar import as_json, escape, from_json, pairs, pieces, split_name
from tts_bench.marks import hints_of

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Option:
    """A field of an options class as a user sees it."""

    name: str
    type: str  # in words: "whole number", "whole numbers joined by +" ...
    default: str | None  # as it would be typed; None where the option must be given
    help: str = ""  # from the field's metadata

    def __str__(self) -> str:
        return f"{self.name} ({self.type}, {'required' if self.default is None else f'default {self.default!r}'})"


def option(
    default: Any,  # noqa: ANN401
    help: str,
    *,
    shown: str | None = None,
    flag: bool = False,
    place: bool = False,
    alias: str = "",
) -> Any:  # noqa: ANN401
    """A field with a default and its help. Help texts show `shown` instead of the default, if given.

    For an engine's option, `flag` says whether the command line also has a flag for it, and `place` whether it may be a
    path that identifies nothing, which a record may store relative to another folder. `alias` is an older name that is
    still read; it is never written.
    """
    metadata = {"help": help, "shown": shown, "flag": flag, "place": place, "alias": alias}
    return dataclasses.field(default=default, metadata=metadata)


def passed_on(help: str, *, flag: bool = False) -> Any:  # noqa: ANN401 - as `dataclasses.field`
    """The field, a mapping from names to JSON values, that takes every option for which the class has no field."""
    return dataclasses.field(default_factory=dict, metadata={"help": help, "flag": flag, "passed_on": True})


def parse(spec: str) -> tuple[str, dict[str, str]]:
    """Name and option texts of `name:key=value,key=value`.

    Raises:
        UserError: no name, a piece without `=`, or a key given twice.
    """
    name, text = split_name(spec)
    return name, {} if text is None else pairs(text, name)


def options_of(cls: type) -> tuple[Option, ...]:
    """The options of a strategy class, in the order of its fields.

    Raises:
        UserError: a field's annotation cannot be resolved, or is of no type that can be given as text.
    """
    hints = hints_of(cls)
    return tuple(
        Option(
            field.name,
            _reader(hints[field.name], cls.__name__, field.name).words,
            _default_text(cls, field),
            str(field.metadata.get("help", "")),
        )
        for field in _fields(cls)
    )


def aliases(cls: type) -> dict[str, str]:
    """Older names of options of `cls` that are still read -> the fields they stand for."""
    return {old: field.name for field in dataclasses.fields(cls) if (old := field.metadata.get("alias"))}


def unaliased(cls: type, texts: Mapping[str, str], name: str) -> dict[str, str]:
    """`texts` with each alias replaced by the name of its field.

    Raises:
        UserError: an option is given under both of its names.
    """
    renamed, found = aliases(cls), dict[str, str]()
    for key, text in texts.items():
        field = renamed.get(key, key)
        if field in found:
            old = next(alias for alias, of in renamed.items() if of == field)
            raise UserError(f"{name} has {field!r} twice: {old} is another name for it. Give one of them.")
        found[field] = text
    return found


def coerce(
    cls: type[T], texts: Mapping[str, str], name: str | None = None, *, typed: Mapping[str, str] | None = None
) -> T:
    """An instance of the frozen dataclass `cls` from option texts; `name` is what messages call it.

    `typed` says of options that were not given as `name:key=value` what the user typed, such as `--rows`.

    Raises:
        UserError: an unknown or missing option, a text of the wrong type, or a value that `__post_init__` refuses.
    """
    name, options, typed = name or cls.__name__, options_of(cls), typed or {}
    texts = unaliased(cls, texts, name)
    known, rest = {option.name for option in options}, passed_on_by(cls)
    passed = {key: text for key, text in texts.items() if key not in known}
    if passed and rest is None:
        raise _unknown(name, next(iter(passed)), options)
    for option in options:
        if option.default is None and option.name not in texts:
            note = f" {option.help}" if option.help else ""
            what = "PATH" if "path" in option.type else "VALUE"
            raise UserError(f"{name} needs the option {option}.{note} Type {name}:{option.name}={what}")
    values = read(cls, {key: text for key, text in texts.items() if key in known}, name, typed=typed)
    if rest is not None:
        values[rest] = {key: from_json(text, name, key) for key, text in passed.items()}
    try:
        return cls(**values)
    except UserError:
        raise
    except ValueError as error:
        first, _, said = str(error).partition(" ")
        raise UserError(f"{typed[first]} {said}." if first in typed else f"{name}: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a class may do anything when it is made
        raise UserError(f"{name} cannot be made from these options: {type(error).__name__}: {error}") from error


def read(cls: type, texts: Mapping[str, str], name: str, *, typed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The values of some options of `cls` from their texts.

    Raises:
        UserError: an unknown option, or a text of the wrong type.
    """
    options, hints, values = options_of(cls), hints_of(cls), dict[str, Any]()
    known = {option.name: option for option in options}
    for key, text in unaliased(cls, texts, name).items():
        if key not in known:
            raise _unknown(name, key, options)
        try:
            values[key] = _reader(hints[key], name, key).read(text)
        except ValueError as error:
            said = (typed or {}).get(key) or f"{name}: option {key}"
            raise UserError(f"{said} is {text!r}; it takes {known[key].type}. {error}".rstrip()) from None
    return values


def at_least(least: int, of: Any, *names: str) -> None:  # noqa: ANN401 - any options
    """Refuse numbers of `of` below `least`; None stands for a number that the program finds.

    Raises:
        ValueError: one is.
    """
    for name in names:
        value = getattr(of, name)
        if value is not None and value < least:
            raise ValueError(f"{name} is {value}; it takes a whole number from {least} upwards")


def spell(name: str, settings: Any) -> str:  # noqa: ANN401 - any frozen dataclass
    """Canonical text of a strategy or engine: every field in declared order. Equal settings give equal text.

    `parse` and `coerce` read it back, except for a learned token, which is spelled by its digest and not its path.
    """
    return _spelled(name, settings, _fields(type(settings)))


def label(name: str, settings: Any) -> str:  # noqa: ANN401 - any frozen dataclass
    """The name and the options that are not at their defaults: what a table or a picture calls a strategy."""
    given = [
        field for field in _fields(type(settings)) if getattr(settings, field.name) != _default(type(settings), field)
    ]
    return _spelled(name, settings, given)


def _spelled(name: str, settings: Any, given: Iterable[dataclasses.Field[Any]]) -> str:  # noqa: ANN401
    written = [f"{field.name}={escape(text_of(getattr(settings, field.name)), ',')}" for field in given]
    if rest := passed_on_by(type(settings)):
        written += [f"{key}={as_json(value)}" for key, value in getattr(settings, rest).items()]
    return f"{name}:{','.join(written)}" if written else name


def passed_on_by(cls: type) -> str | None:
    """The field for options that `cls` passes on; None where it knows all of its options."""
    return next((field.name for field in dataclasses.fields(cls) if field.metadata.get("passed_on")), None)


@dataclasses.dataclass(frozen=True)
class _Reader:
    words: str
    read: Callable[[str], Any]  # raises ValueError, with a hint or without


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError
    return int(text)


def number(text: str) -> float:
    """A finite number in ASCII; Python's own reading takes digits of any script, and `1_000`.

    Raises:
        ValueError: `text` is none.
    """
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError
    return value


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _known(text: str, known: Iterable[str]) -> str:
    if text not in known:
        raise ValueError(did_you_mean(text, known))
    return text


def _token(text: str) -> LearnedToken:
    from tts_bench.tokens import find, tokenfile

    return tokenfile.load(find.folder(text))


_SCALARS: dict[Any, tuple[_Reader, str]] = {
    int: (_Reader("a whole number", _whole), "whole numbers"),
    float: (_Reader("a number", number), "numbers"),
    bool: (_Reader("true or false", _truth), "true or false"),
    str: (_Reader("a text", str), "texts"),
    Path: (_Reader("a path", Path), "paths"),
    LearnedToken: (_Reader("the path of a token folder or its hub id", _token), "paths of token folders"),
}


def _reader(hint: Any, owner: str, field: str) -> _Reader:  # noqa: ANN401 - annotations are any object
    if hint in _SCALARS:
        return _SCALARS[hint][0]
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        choices = {str(choice): choice for choice in arguments}
        return _Reader(f"one of {', '.join(choices)}", lambda text: choices[_known(text, choices)])
    if get_origin(hint) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis and arguments[0] in _SCALARS:
        item, plural = _SCALARS[arguments[0]]
        return _Reader(f"{plural} joined by +", lambda text: tuple(map(item.read, pieces(text, "+"))) if text else ())
    if get_origin(hint) in (Union, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments:
        inner = _reader(next(argument for argument in arguments if argument is not types.NoneType), owner, field)
        return _Reader(f"{inner.words}, or none", lambda text: None if text == "none" else inner.read(text))
    raise UserError(
        f"option {field!r} of {owner} is annotated {hint}, which cannot be given as text. Annotate it as int, float, "
        f"str, bool, Path, LearnedToken, a Literal, tuple[int, ...] or one of these | None."
    )


def _fields(cls: type) -> list[dataclasses.Field[Any]]:
    """The fields that are options each."""
    return [field for field in dataclasses.fields(cls) if field.init and not field.metadata.get("passed_on")]


def _unknown(name: str, key: str, options: Iterable[Option]) -> UserError:
    listing = "; ".join(map(str, options)) or "none"
    suggestion = did_you_mean(key, [option.name for option in options])
    return UserError(f"{name} has no option {key!r}. {suggestion} Options: {listing}.")


def _default(cls: type, field: dataclasses.Field[Any]) -> object:
    if field.default_factory is dataclasses.MISSING:
        return field.default
    try:
        return field.default_factory()
    except Exception as error:
        raise UserError(
            f"the default of option {field.name!r} of {cls.__name__} fails: {type(error).__name__}: {error}."
        ) from error


def _default_text(cls: type, field: dataclasses.Field[Any]) -> str | None:
    default = _default(cls, field)
    return None if default is dataclasses.MISSING else escape(text_of(default), ",")


def text_of(value: object) -> str:
    """What is read back as `value`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "+".join(escape(text_of(item), "+") for item in value)
    if isinstance(value, LearnedToken):
        return f"sha256:{value.digest[:16]}"
    return str(value)
