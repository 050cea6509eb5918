"""`tts-bench study`: create, run, inspect and merge studies."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_bench.analysis.compute import AXES
from tts_bench.cli import flags
from tts_bench.cli.printing import Json, emit, output
from tts_bench.cli.quiet import quietly
from tts_bench.cli.written import check_megabytes
from tts_bench.errors import UserError
from tts_bench.present.report.texts import Kept
from tts_bench.text import counted, safe

if TYPE_CHECKING:
    from tts_bench.studies.study import Part, Study

app = typer.Typer(help="Run models x tasks x seeds x strategies as one study, with one table of results.")
_File = Annotated[Path, typer.Argument(metavar="FILE", help="Study file or study folder.")]
_SPEED = ("workers", "ray", "max_num_seqs", "rows", "threads")  # engine options that do not change texts


@app.callback()
def study() -> None:
    """A study is a file with models, tasks, seeds, strategies and comparisons."""


@app.command()
@quietly
def new(file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, such as cues.toml.")]) -> None:
    """Write a commented study file. It runs unchanged, on the pocket model."""
    from tts_bench.files import FULL, write_whole
    from tts_bench.studies.file import named
    from tts_bench.studies.start import text

    if file.exists() or file.is_symlink():
        raise UserError(f"{file} is already there. Type another name.")
    if (better := named(file)) != file:
        what = "has no name before its ending" if file.name == ".toml" else "does not end in .toml"
        raise UserError(f"{file} {what}. Type a name such as {better}.")
    try:
        write_whole(file, text(str(file)).encode())
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"{file} cannot be written: {error.strerror}. Type another name.") from error
    print(f"Written to {safe(str(file))}. Next:\n    tts-bench study run {safe(shlex.quote(str(file)))}")


@app.command()
@flags.takes(flags.of_engines(*_SPEED))
def run(
    file: _File,
    given: dict[str, Any],
    jobs: Annotated[int, typer.Option(help="Number of parts to run in parallel, each in its own process.")] = 1,
    part: Annotated[
        str | None, typer.Option(metavar="I/N", help="Run only share I of N, to split a study across N machines.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only parts that fail: no progress or table.")
    ] = False,
) -> None:
    """Run the unfinished parts of a study, then print the results.

    Repeating the command resumes an interrupted study. If a part fails, it is reported, the others continue, and the
    exit code is 1.
    """
    from tts_bench.studies.file import read

    if jobs < 1:
        raise UserError(f"--jobs is {jobs}; it takes a whole number from 1 upwards.")
    found = read(file, _tell)
    parts = found.parts if part is None else _share(found, part)
    play(found, parts, jobs=jobs, engine=flags.texts_of_engine(given), quiet=quiet)


@app.command()
def status(file: _File, as_json: Json = False) -> None:
    """Print the progress of each part of a study."""
    from tts_bench.present.study import show_states, states_document
    from tts_bench.studies.file import read
    from tts_bench.studies.folder import states

    found = states(read(file, _tell))
    if as_json:
        emit(states_document(found))
        return
    show_states(found, output())


@app.command()
@quietly
def report(
    file: _File,
    x: Annotated[str, typer.Option("--x", help=f"Compute to match: {', '.join(AXES)}.")] = "tokens",
    texts: Annotated[
        Kept, typer.Option(help="Which traces to include: none, errors, flips (and errors), or all.")
    ] = "all",
    max_mb: Annotated[float, typer.Option(help="Maximum size of the page in MB.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Print a study's table and comparisons, and write them to its folder, with a figure per task and one page."""
    from tts_bench.analysis.compute import axis_of
    from tts_bench.files import FULL
    from tts_bench.present import study as shown
    from tts_bench.studies.file import read
    from tts_bench.studies.results import StudyData

    check_megabytes(max_mb)
    if x == "seconds":
        raise UserError("--x seconds depends on machine load and cannot be compared; use --x flops.")
    axis = axis_of(x, {})
    data = StudyData(read(file, _tell))
    compared = data.compare(axis=axis)
    try:
        written = shown.write(data, compared, axis=axis, texts=texts, max_mb=max_mb)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"{data.study.out} cannot be written to: {error.strerror}.") from error
    if as_json:
        emit({**shown.document(data, compared), "written": [str(path) for path in written]})
        return
    shown.show(data, compared, output())
    print(f"Written: {', '.join(safe(str(path)) for path in written)}")


@app.command()
@quietly
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Folders with shares of one study.")],
    out: Annotated[Path, typer.Option(help="Folder to create.")],
) -> None:
    """Merge shares of a study that ran on several machines, with all their generations."""
    from tts_bench.present.study import show_states
    from tts_bench.studies.folder import states
    from tts_bench.studies.merge import merge as join

    show_states(states(join(folders, out)), output())


def play(
    study: Study,
    parts: Sequence[Part],
    *,
    jobs: int = 1,
    engine: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> None:
    """Run `parts`; print their outcomes and the table of all results. Exit code 1 if any part is incomplete.

    If `quiet`, only incomplete parts are printed.
    """
    from tts_bench.present import study as shown
    from tts_bench.studies.play import play as played
    from tts_bench.studies.results import StudyData

    console = output()
    outcomes = played(study, parts, shown.Shown(len(parts), output(quiet=quiet), quiet=quiet), jobs=jobs, engine=engine)
    short = [outcome for outcome in outcomes if not outcome.whole]
    if not quiet and any(not outcome.message for outcome in outcomes):
        data = StudyData(study)
        shown.show(data, data.compare(), console)
    if not quiet:
        print(f"{len(parts) - len(short)} of {len(parts)} parts finished without an error in {safe(str(study.out))}.")
    for outcome in short:
        console.print(safe(f"  {outcome.part.name}: {shown.ending(outcome)}"), soft_wrap=True)
    if not quiet:
        print(f"Next: tts-bench study report {safe(str(study.out))}")
    if short:
        raise typer.Exit(1)


def _share(study: Study, text: str) -> list[Part]:
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    place, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= place <= of:
        raise UserError(f"--part is {text[:40]!r}; it takes a share such as 1/2, the first of two.")
    if not (parts := study.share(place, of)):
        raise UserError(f"--part {text}: the study has only {counted(len(study.parts), 'part')}. Use fewer shares.")
    return parts


def _tell(line: str) -> None:
    print(safe(line), file=sys.stderr)
