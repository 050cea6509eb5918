"""`tts-bench lm-eval ...`: lm-eval's own command line, with our model and tasks registered."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def lm_eval(arguments: Sequence[str]) -> None:
    """Hand `arguments` to lm-eval, with our tasks' `--include_path` and our model's `--device` where none is given."""
    from lm_eval.__main__ import cli_evaluate
    from lm_eval.api.registry import register_model

    from tts_bench.lm_eval.lm import TTSBenchLM
    from tts_bench.tasks import FOLDER

    register_model("tts-bench")(TTSBenchLM)
    given = list(arguments)
    takes_tasks = any(argument.split("=")[0] in ("--tasks", "-t") for argument in given)
    if takes_tasks and not any(argument.startswith("--include_path") for argument in given):
        given += ["--include_path", str(FOLDER)]
    ours = any(argument.rpartition("=")[2] == "tts-bench" for argument in given)
    if ours and not any(argument.split("=")[0] in ("--device", "--config", "-C") for argument in given):
        given += ["--device", "auto"]  # where nobody names one lm-eval would say cuda:0
    sys.argv = ["lm-eval", *given]
    cli_evaluate()
