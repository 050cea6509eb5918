"""The jinja environment that chat templates are written for: that of transformers, with a clock that can be set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

# What a template is always given; what else it reads, a user may set.
ALWAYS = frozenset({"messages", "tools", "documents", "add_generation_prompt"})


def render(
    source: str, messages: Sequence[Mapping[str, Any]], values: Mapping[str, Any], *, generate: bool, day: date
) -> str:
    """The conversation as the template `source` words it.

    Args:
        source: the template.
        messages: turns, each with a role and a content.
        values: the tokenizer's special tokens and the user's arguments.
        generate: whether the model's turn is opened at the end.
        day: what `strftime_now` tells, at midnight.

    Raises:
        jinja2.TemplateError, or anything else that a template may raise.
    """
    return _compiled(source).render(
        {
            **values,
            "strftime_now": lambda form: datetime.combine(day, time()).strftime(form),
            "messages": [dict(message) for message in messages],
            "tools": None,
            "documents": None,
            "add_generation_prompt": generate,
        }
    )


def variables(source: str) -> frozenset[str]:
    """The variables that the template reads and nobody but its user sets."""
    found: set[str] = find_undeclared_variables(_environment().parse(source))
    return frozenset(found - ALWAYS - set(_environment().globals) - {"strftime_now"})


@lru_cache(maxsize=64)
def _compiled(source: str) -> jinja2.Template:
    return _environment().from_string(source)


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["dict"] = _plain_dict
    environment.globals["namespace"] = _Namespace
    return environment


class _Generation(Extension):
    """`{% generation %}` marks what a model said, for training; for a prompt it says nothing."""

    tags = {"generation"}  # noqa: RUF012 - as jinja declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Namespace(jinja2.utils.Namespace):
    """Refuses names with an underscore in front, by which a template could reach Python's own attributes."""

    def __init__(*args: Any, **values: Any) -> None:
        self, *rest = args
        attributes = dict(*rest, **values)
        for name in attributes:
            _check_public(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401
        _check_public(name)
        super().__setitem__(name, value)


def _check_public(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a chat template cannot store an attribute {name!r}")


def _plain_dict(*args: Any, **values: Any) -> dict[Any, Any]:
    """A function in the place of the type, whose attributes a template could climb."""
    return dict(*args, **values)


def _raise(message: object) -> None:
    raise jinja2.TemplateError(str(message))


def _to_json(
    value: Any,  # noqa: ANN401
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Without the escapes for HTML that jinja's own filter makes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
