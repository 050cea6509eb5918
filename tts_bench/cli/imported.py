"""`tts-bench import`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class By(StrEnum):
    QUESTION = "question"
    ID = "id"


def imported(
    files: Annotated[
        list[Path], typer.Argument(help="lm-eval samples (.jsonl), Inspect logs (.eval, .json) or JSON Lines.")
    ],
    task: Annotated[str, typer.Option(help="Task whose problems the outputs answer; lm_eval/NAME for lm-eval's own.")],
    model: Annotated[str, typer.Option(help="Name of the model that generated them.")],
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/MODEL-TASK-imported")] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Tokenizer (model, hub id or folder), if the files lack token counts.")
    ] = None,
    thinking: Annotated[
        str | None, typer.Option(help="Thinking format, if the first outputs do not show it; end-of-turn for none.")
    ] = None,
    think_start: Annotated[str | None, typer.Option(help="Delimiter that starts thinking.")] = None,
    think_end: Annotated[str | None, typer.Option(help="Delimiter that ends thinking.")] = None,
    by: Annotated[By, typer.Option(help="Match problems by question, or by number or name.")] = By.QUESTION,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Strategy to run on the outputs; repeatable.", show_default="baseline, majority-vote"),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder with data files (or TTS_BENCH_DATA).")] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only errors: no header, progress or table.")
    ] = False,
) -> None:
    """Create a run from outputs that another program recorded. Nothing is generated.

    The outputs are stored as pool.sqlite in the run folder. To run more strategies on them:
    tts-bench run --engine replay --model FOLDER --tasks TASK --strategy NAME
    """
    from tts_bench.cli.run import play
    from tts_bench.present.running import imported as said
    from tts_bench.runs.importing import ImportConfig, import_pool
    from tts_bench.text import safe

    config = ImportConfig(
        tuple(files), task, model, out, tokenizer, thinking, think_start, think_end, by.value, tuple(strategy or ()),
        data_dir,
    )  # fmt: skip
    about, checked = import_pool(config)
    for line in () if quiet else said(about):
        print(safe(line))
    play(checked, quiet=quiet)
