"""`--quiet` for verbs that write files or download something: they print only errors."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Annotated, Any

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]


def quietly(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--quiet` to a command. Errors are raised through it and printed as usual."""

    def whole(*, quiet: bool = False, **values: Any) -> None:
        with ExitStack() as stack:
            if quiet:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            command(**values)

    own = inspect.signature(command, eval_str=True).parameters.values()
    kind = inspect.Parameter.KEYWORD_ONLY
    added = inspect.Parameter("quiet", kind, default=False, annotation=Quiet)
    every = [*(each.replace(kind=kind) for each in own), added]
    whole.__name__, whole.__doc__ = command.__name__, command.__doc__
    whole.__annotations__ = {each.name: each.annotation for each in every}
    whole.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    return whole
