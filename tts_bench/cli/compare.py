"""`tts-bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.analysis.compute import AXES, comparable
from tts_bench.cli.printing import Json, emit, output
from tts_bench.cli.written import check_out, write
from tts_bench.errors import UserError

_FEWEST, _MOST = 1000, 1_000_000  # resamples


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; runs that differ only in the seed are pooled.")],
    x: Annotated[str, typer.Option("--x", help=f"Compute to match: {', '.join(AXES)}.")] = "tokens",
    baseline: Annotated[str | None, typer.Option(help="Strategy to compare with.", show_default="baseline")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Metric to compare, such as lenient.", show_default="that of the task")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Number of bootstrap resamples.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed for the bootstrap.")] = 0,
    allow_different: Annotated[
        bool,
        typer.Option(
            "--allow-different",
            help="Allow runs with different data, prompts, models, thinking formats or strategy versions.",
        ),
    ] = False,
    front: Annotated[
        bool,
        typer.Option("--front", help="Print the best strategy for each power-of-two budget of compute instead."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the result as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """State what the data support: paired differences with intervals, tests and costs."""

    from tts_bench.analysis import compare as comparing
    from tts_bench.analysis import front as fronts
    from tts_bench.analysis.series import curve_of, series_of
    from tts_bench.present import front as fronts_shown
    from tts_bench.present.comparison import content, document, show
    from tts_bench.runs.unfinished import read

    if not _FEWEST <= resamples <= _MOST:
        raise UserError(f"--resamples is {resamples}; it takes {_FEWEST} to {_MOST}.")
    if seed < 0:
        raise UserError(f"--seed is {seed}; it takes a whole number from 0 upwards.")
    axis = comparable(x)
    if out is not None:
        check_out(out)
    data = [read(folder, metric) for folder in runs]
    series, differences = series_of(data, allow_different=allow_different)
    try:
        result = comparing.compare(series, axis=axis, baseline=baseline, resamples=resamples, seed=seed)
    except UserError as error:
        raise UserError(" ".join([str(error), *differences])) from error
    result.notes.extend(differences)
    curve = curve_of(series)
    budgets = fronts.front(series, axis=axis, resamples=resamples, seed=seed) if front else []
    found = content(result, curve, **({"front": fronts_shown.document(budgets)} if front else {}))
    if out is not None:
        write(out, document(found))
    if as_json:
        emit(found)
        return
    console = output()
    if front:
        fronts_shown.show(budgets, axis, result.notes, console)
        return
    show(result, series, curve, console, partial=any(run.so_far for run in data))
