"""Flags of a command from the fields of the classes that it fills: their names, types, defaults and help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from tts_bench import options
from tts_bench.engines.flags import flagged

Flag = inspect.Parameter
Command = Callable[..., None]


def flag(
    name: str,
    kind: Any,  # noqa: ANN401 - an annotation
    help: str | None,
    *typed: str,
    shown: str | None = None,
    panel: str | None = None,
) -> Flag:
    """The flag `--name`, or as it is `typed`, which is None where it was not."""
    said = typer.Option(*(typed or [dashed(name)]), help=help, show_default=shown or False, rich_help_panel=panel)
    return Flag(name, Flag.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, said])


def dashed(name: str) -> str:
    """The flag of a field."""
    return f"--{name.replace('_', '-')}"


def of(cls: type, *names: str, panel: str | None = None, leave_out: Iterable[str] = (), **shown: str) -> list[Flag]:
    """A flag for each field of `cls`, or for those named.

    `panel` is its heading in the help; `shown` are defaults that the command has in the place of the class's own.
    """
    chosen = [field for field in fields(cls) if (field.name in names if names else field.name not in leave_out)]
    made = [_flag(cls, field, panel, shown=shown.get(field.name)) for field in chosen]
    return made + [_alias([field], panel) for field in chosen if field.metadata.get("alias")]


def of_engines(*names: str, panel: str | None = None) -> list[Flag]:
    """A flag for each option of an engine that has one, or for those named."""
    found, flags = flagged(), []
    for name in names or found:
        (cls, field), *_ = found[name].items()
        if field.metadata.get("alias") == name:
            flags.append(_alias(found[name].values(), panel))
            continue
        said = dict.fromkeys(each.metadata["help"] for each in found[name].values())  # what it means to each engine
        flags.append(_flag(cls, field, panel, help=" Or: ".join(said)))
    return flags


def takes(*flags: list[Flag]) -> Callable[[Command], Command]:
    """The command has `flags` too; its argument `given` holds the values of those that were typed, by name."""

    def decorate(command: Command) -> Command:
        own = [each for each in inspect.signature(command, eval_str=True).parameters.values() if each.name != "given"]
        every = [*own, *(flag for group in flags for flag in group)]
        names = {each.name for each in own}

        def whole(**values: Any) -> None:
            given = {name: value for name, value in values.items() if name not in names and value not in (None, [])}
            command(**{name: values[name] for name in names}, given=given)

        whole.__name__, whole.__doc__ = command.__name__, command.__doc__
        whole.__annotations__ = {each.name: each.annotation for each in every}
        whole.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        return whole

    return decorate


def texts_of_engine(given: Mapping[str, Any]) -> dict[str, str]:
    """Of the flags that were typed those of an engine, as texts of its options."""
    return {name: options.text_of(value) for name, value in given.items() if name in flagged()}


def of_class(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Of the flags that were typed those that are fields of `cls`."""
    names = {field.name for field in fields(cls)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if name in names}


def _flag(
    cls: type, field: Field[Any], panel: str | None, *, help: str | None = None, shown: str | None = None
) -> Flag:
    hint, metadata = get_type_hints(cls)[field.name], field.metadata
    several = get_origin(hint) is tuple
    if metadata.get("passed_on"):
        hint = str
    elif several:  # typed again for each value
        hint = list[get_args(hint)[0]]  # type: ignore[misc]
    elif get_origin(hint) in (Union, UnionType):
        hint = next(argument for argument in get_args(hint) if argument is not type(None))
    name = dashed(field.name)
    typed = name.removesuffix("s") if several else name
    if hint is bool and field.default:
        typed = f"{name}/--no-{name[2:]}"
    default = shown or metadata.get("shown") or _shown(field, name)
    return flag(field.name, hint, help or metadata.get("help"), typed, shown=default, panel=panel)


def _alias(fields: Iterable[Field[Any]], panel: str | None) -> Flag:
    """The flag of an option's older name, which each engine reads as its own option."""
    first, *rest = dict.fromkeys(fields)
    others = [each for each in dict.fromkeys(dashed(field.name) for field in rest) if each != dashed(first.name)]
    help = f"Alias of {' or '.join([dashed(first.name), *others])}."
    return flag(first.metadata["alias"], int, help, panel=panel)


def _shown(field: Field[Any], name: str) -> str:
    if isinstance(field.default, bool):
        return name if field.default else ""
    return "" if field.default is MISSING or field.default in (None, "", ()) else str(field.default)
