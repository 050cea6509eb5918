"""The option `--json` of every verb that prints a table, and how its content is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def emit(content: Mapping[str, object]) -> None:
    """Print `content` as one JSON object, of schema 1 unless it says another.

    It is all ASCII: no name in it reaches a terminal as it is.

    Raises:
        ValueError: a number in it is not finite.
    """
    sys.stdout.write(json.dumps({"schema": 1, **content}, indent=1, allow_nan=False) + "\n")
