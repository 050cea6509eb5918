"""`tts-bench config`: the configuration of a run as a file."""

from __future__ import annotations

import sys
from typing import Any

import typer

from tts_bench.cli import flags
from tts_bench.cli.configured import FLAGS, checked

app = typer.Typer(help="Print a run's configuration as a file.")


@app.callback()
def config() -> None:
    """A run's configuration as a file."""


@app.command()
@flags.takes(*FLAGS)
def show(given: dict[str, Any]) -> None:
    """Print what `tts-bench run` with the same flags would run, as TOML with all defaults. Nothing is loaded or run."""
    from tts_bench.config_file import to_toml

    sys.stdout.write(to_toml(checked(given).config))
