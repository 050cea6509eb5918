"""`tts-bench curves`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_bench.cli.printing import Json, emit, output
from tts_bench.cli.written import check_out, told_of, write
from tts_bench.errors import UserError, did_you_mean
from tts_bench.text import safe

if TYPE_CHECKING:
    from tts_bench.analysis.within import Line, Missing

_FEWEST, _MOST = 1000, 1_000_000  # resamples


def curves(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="natural-length: accuracy by rank of a sample's length within its problem. order: accuracy by "
            "a sample's place in the pool, which should not matter. convergence: accuracy of answers at each tenth of "
            "the thinking. stated: accuracy of the result that a sample's own text states by "
            "each tenth. Repeatable.",
            show_default="all",
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(help="Number of bootstrap resamples.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed for the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Also write a figure (.svg, .png, .pdf) or all numbers (.json).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how accuracy depends on the length of thinking within a problem, from recorded samples and cuts."""

    from tts_bench.analysis.names import bare
    from tts_bench.analysis.runs import Numbers
    from tts_bench.analysis.series import so_far
    from tts_bench.analysis.within import KINDS, within
    from tts_bench.present import curves as shown
    from tts_bench.present.plot import KINDS as PICTURES
    from tts_bench.runs.unfinished import opened

    chosen = [known for known in KINDS if not kind or known in kind]
    for wrong in set(kind or ()) - set(KINDS):
        raise UserError(f"--kind {wrong} is not a curve. {did_you_mean(wrong, KINDS)}")
    if not _FEWEST <= resamples <= _MOST:
        raise UserError(f"--resamples is {resamples}; it takes {_FEWEST} to {_MOST}.")
    if seed < 0:
        raise UserError(f"--seed is {seed}; it takes a whole number from 0 upwards.")
    kinds = ["json", *PICTURES]
    if out and out.suffix.removeprefix(".").lower() not in kinds:
        raise UserError(f"--out {out} ends in {out.suffix!r}; it takes {', '.join(f'.{known}' for known in kinds)}.")
    if out is not None:
        check_out(out)
    source = opened(run)
    header = source.header
    labels = header.get("labels", {})
    names = bare(labels.get(strategy, strategy) for strategy in header["identity"]["strategies"])
    numbers = Numbers(run, header)
    records = numbers.passing(source.records())
    found, missing = within(records, header["metrics"], chosen, resamples=resamples, seed=seed)
    lines = [replace(line, strategy=names[labels.get(line.strategy, line.strategy)]) for line in found]
    console = output()
    said = so_far(numbers.run())
    if as_json:
        emit({**shown.content(lines, missing, str(run)), "so_far": said or None})
    else:
        if said:
            console.print(safe(f"{run} is not finished: {said}."), soft_wrap=True)
        shown.show(lines, missing, str(run), console)
    if out is not None:
        _write(out, lines, missing, run, str(header.get("model", {}).get("name", "")))


def _write(out: Path, lines: Sequence[Line], missing: Sequence[Missing], run: Path, model: str) -> None:
    from tts_bench.present import curves as shown

    if out.suffix.lower() == ".json":
        write(out, shown.document(lines, missing, str(run)))
        return
    if not lines:
        raise UserError(f"--out {out}: there is no curve to draw.")
    with told_of(out):
        unshown = shown.write_figure(lines, out, title=model)
    if unshown:
        print(safe(unshown), file=sys.stderr)
