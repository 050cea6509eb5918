"""Strategies as text: `name:key=value,key=value` read into a frozen dataclass and written back. Standard library only.

Grammar: the name is a registered one or `file.py:Class`; the first `=` of a piece ends its key, so values may hold `=`.
In a value `\\,` is a comma and `\\\\` a backslash; any other backslash stands for itself. A list is `a+b+c`, where
`\\+` is a plus. `none` leaves an optional value out.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tts_bench.api import LearnedToken
from tts_bench.errors import UserError, did_you_mean

T = TypeVar("T")

_SPEC = re.compile(r"(?P<name>[^:]*\.py:[^:]*|[^:]*)(?::(?P<options>.*))?", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Option:
    """A field of a strategy as a user sees it."""

    name: str
    type: str  # in words: "whole number", "whole numbers joined by +" ...
    default: str | None  # as it would be typed; None where the option must be given
    help: str = ""  # from the field's metadata

    def __str__(self) -> str:
        return f"{self.name} ({self.type}, {'required' if self.default is None else f'default {self.default!r}'})"


def parse(spec: str) -> tuple[str, dict[str, str]]:
    """Name and option texts of `name:key=value,key=value`.

    Raises:
        UserError: no name, a piece without `=`, or a key given twice.
    """
    match = _SPEC.fullmatch(spec)
    if match is None or not match["name"].strip():
        raise UserError(f"{spec!r} names no strategy. Type NAME or NAME:key=value,key=value.")
    name, texts = match["name"].strip(), dict[str, str]()
    if match["options"] is None:
        return name, texts
    for piece in _split(match["options"], ","):
        key, equals, value = piece.partition("=")
        if not equals or not key.strip():
            raise UserError(
                f"{name}: found {piece!r} where key=value was expected. "
                f"Type {name}:key=value,key=value, and \\, for a comma inside a value."
            )
        if key.strip() in texts:
            raise UserError(f"{name}: option {key.strip()!r} is given twice. Give it once.")
        texts[key.strip()] = value
    return name, texts


def options_of(cls: type) -> tuple[Option, ...]:
    """The options of a strategy class, in the order of its fields.

    Raises:
        UserError: a field's annotation cannot be resolved, or is of no type that can be given as text.
    """
    hints = _hints(cls)
    return tuple(
        Option(
            field.name,
            _reader(hints[field.name], cls.__name__, field.name).words,
            _default_text(field),
            str(field.metadata.get("help", "")),
        )
        for field in _fields(cls)
    )


def coerce(cls: type[T], texts: Mapping[str, str], name: str | None = None) -> T:
    """An instance of the frozen dataclass `cls` from option texts; `name` is what messages call it.

    Raises:
        UserError: an unknown or missing option, a text of the wrong type, or a value that `__post_init__` refuses.
    """
    name, options, hints = name or cls.__name__, options_of(cls), _hints(cls)
    known = {option.name: option for option in options}
    for key in texts:
        if key not in known:
            listing = "; ".join(map(str, options)) or "none"
            raise UserError(f"{name} has no option {key!r}. {did_you_mean(key, known)} Options: {listing}.")
    for option in options:
        if option.default is None and option.name not in texts:
            note = f" {option.help}" if option.help else ""
            what = "PATH" if "path" in option.type else "VALUE"
            raise UserError(f"{name} needs the option {option}.{note} Type {name}:{option.name}={what}")
    values: dict[str, Any] = {}
    for key, text in texts.items():
        try:
            values[key] = _reader(hints[key], name, key).read(text)
        except ValueError as error:
            raise UserError(f"{name}: option {key} is {text!r}; it takes {known[key].type}. {error}".rstrip()) from None
    try:
        return cls(**values)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error
    except Exception as error:
        raise UserError(f"{name} cannot be made from these options: {type(error).__name__}: {error}") from error


def spell(name: str, strategy: Any) -> str:  # noqa: ANN401 - any frozen dataclass
    """Canonical text of a strategy: every field in declared order. Equal settings give equal text.

    `parse` and `coerce` read it back, except for a learned token, which is spelled by its digest and not its path.
    """
    pieces = [f"{field.name}={_escape(_text(getattr(strategy, field.name)), ',')}" for field in _fields(type(strategy))]
    return f"{name}:{','.join(pieces)}" if pieces else name


def label(name: str, strategy: Any) -> str:  # noqa: ANN401 - any frozen dataclass
    """What a table or a picture calls a strategy: its name and the options that are not at their defaults."""
    fields = [field for field in _fields(type(strategy)) if getattr(strategy, field.name) != _default(field)]
    pieces = [f"{field.name}={_escape(_text(getattr(strategy, field.name)), ',')}" for field in fields]
    return f"{name}:{','.join(pieces)}" if pieces else name


@dataclasses.dataclass(frozen=True)
class _Reader:
    words: str
    read: Callable[[str], Any]  # raises ValueError, with a hint or without


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError from None
    if not math.isfinite(value):
        raise ValueError
    return value


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[_known(text.lower(), ("true", "false"))]


def _known(text: str, known: Iterable[str]) -> str:
    if text not in known:
        raise ValueError(did_you_mean(text, known))
    return text


def _token(text: str) -> LearnedToken:
    from tts_bench.tokens import find, tokenfile

    return tokenfile.load(find.folder(text))


_SCALARS: dict[Any, tuple[_Reader, str]] = {
    int: (_Reader("a whole number", _whole), "whole numbers"),
    float: (_Reader("a number", _number), "numbers"),
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
        return _Reader(f"{plural} joined by +", lambda text: tuple(map(item.read, _split(text, "+"))) if text else ())
    if get_origin(hint) in (Union, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments:
        inner = _reader(next(argument for argument in arguments if argument is not types.NoneType), owner, field)
        return _Reader(f"{inner.words}, or none", lambda text: None if text == "none" else inner.read(text))
    raise UserError(
        f"option {field!r} of {owner} is annotated {hint}, which cannot be given as text. Annotate it as int, float, "
        f"str, bool, Path, LearnedToken, a Literal, tuple[int, ...] or one of these | None."
    )


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except (NameError, TypeError) as error:
        raise UserError(
            f"an annotation of {cls.__name__} cannot be resolved: {error}. Import it in its file."
        ) from error


def _fields(cls: type) -> list[dataclasses.Field[Any]]:
    """The fields that are options: one that is no choice of the user's says so in its metadata."""
    return [field for field in dataclasses.fields(cls) if field.init and field.metadata.get("option", True)]


def _default(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _default_text(field: dataclasses.Field[Any]) -> str | None:
    default = _default(field)
    return None if default is dataclasses.MISSING else _escape(_text(default), ",")


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "+".join(_escape(_text(item), "+") for item in value)
    if isinstance(value, LearnedToken):
        return f"sha256:{value.digest[:16]}"
    return str(value)


def _split(text: str, separator: str) -> list[str]:
    pieces, characters = [""], iter(text)
    for char in characters:
        if char == "\\":
            following = next(characters, "")
            pieces[-1] += following if following and following in (separator, "\\") else char + following
        elif char == separator:
            pieces.append("")
        else:
            pieces[-1] += char
    return pieces


def _escape(text: str, separator: str) -> str:
    return text.replace("\\", "\\\\").replace(separator, "\\" + separator)
