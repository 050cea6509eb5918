"""`tts-bench plan`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_bench.cli import flags
from tts_bench.cli.configured import FLAGS, checked
from tts_bench.cli.printing import Json, emit, output
from tts_bench.errors import UserError
from tts_bench.options import number

if TYPE_CHECKING:
    from tts_bench.runs.checked import Checked

_PILOT = 8


@flags.takes(*FLAGS)
def plan(
    given: dict[str, Any],
    pilot: Annotated[
        int, typer.Option(help="Pilot problems, spread over the tasks; more if these take under five seconds.")
    ] = _PILOT,
    detect: Annotated[
        float | None, typer.Option(help="Difference in accuracy, such as 0.03: report the number of problems it needs.")
    ] = None,
    seeds_planned: Annotated[
        int, typer.Option("--planned-seeds", help="Number of seeds planned for the run; the pilot uses one.")
    ] = 1,
    rate: Annotated[
        list[str] | None,
        typer.Option(help="NAME=TOKENS_PER_SECOND of another machine, to estimate its hours; repeatable."),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Plan the rest of the run in this folder.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Json = False,
) -> None:
    """Run a pilot to estimate what a run will cost and what it could show. Takes the options of run.

    The pilot's generations stay in the store, so the run will not repeat them. No run folder is created.
    """
    if pilot < 1:
        raise UserError(f"--pilot is {pilot}; it takes a whole number from 1 upwards.")
    if detect is not None and not 0 < detect <= 1:
        raise UserError(f"--detect is {detect:g}; it takes a share above 0 and up to 1, such as 0.03.")
    if not 1 <= seeds_planned <= 10_000:
        raise UserError(f"--planned-seeds is {seeds_planned}; it takes a whole number from 1 to 10000.")
    rates = _rates(rate or ())
    ready = checked(given, resume)
    show(ready, pilot=pilot, detect=detect, seeds=seeds_planned, rates=rates, as_json=as_json, quiet=quiet)


def _rates(texts: Sequence[str]) -> dict[str, float]:
    """Tokens a second by the name of a machine."""
    rates: dict[str, float] = {}
    for text in texts:
        name, _, rate = text.rpartition("=")
        try:
            value = number(rate)
        except ValueError:
            value = 0.0
        if not name or value <= 0:
            raise UserError(f"--rate is {text!r}; it takes NAME=TOKENS_PER_SECOND, such as h100=12000.")
        if name in rates:
            raise UserError(f"--rate gives {name} twice. Give it once.")
        rates[name] = value
    return rates


def show(
    checked: Checked,
    *,
    pilot: int = _PILOT,
    detect: float | None = None,
    seeds: int = 1,
    rates: Mapping[str, float] | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Run the pilot of a run and print its plan.

    Raises:
        UserError: as the run would.
    """
    began = time.perf_counter()

    from tts_bench.present import planned
    from tts_bench.present.progress import Progress
    from tts_bench.present.progress_bar import bar
    from tts_bench.runs import pilot as pilots
    from tts_bench.runs.run import load

    with bar() as fetching:
        run = load(checked, fetching)
    loaded = time.perf_counter() - began
    with Progress(min(pilot, len(run.items)), list(run.labels.values()), quiet=quiet) as progress:
        progress.stage("pilot")
        played = pilots.play(run, pilot, progress, loaded=loaded)
    made = planned.plan(played, seeds=seeds, difference=detect, rates=rates or {})
    if as_json:
        emit(planned.content(made))
        return
    planned.show(made, output())
