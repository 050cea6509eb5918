"""The two controls, played: what was built into the pocket model must be found, and nothing where nothing was built in.

Whoever sees both on a new machine, engine or version knows that this installation measures what is there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tts_bench.analysis.compare import compare
from tts_bench.analysis.family import Statement
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import series_of
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.present.progress import Progress
from tts_bench.runs.run import prepare

PROBLEMS = 240
POSITIVE, NEGATIVE = "pocket_arithmetic", "pocket_flat"
# The least gain over the baseline that each strategy shows on the positive control (docs/pocket.md), less some noise.
GAINS = {"budget-forcing:extensions=4": 0.03, "majority-vote:samples=16": 0.2}
STRATEGIES = ("baseline", *GAINS)
SILENT = 0.02  # the negative control moves no strategy by more


@dataclass(frozen=True)
class Verdict:
    """What one control showed."""

    control: str
    sound: bool
    said: str


def play(engine: ModelConfig, problems: int = PROBLEMS) -> list[Verdict]:
    """Run both controls with `engine`, whose model is the pocket model; progress is shown on standard error.

    Raises:
        UserError: the engine cannot be started.
    """
    config = RunConfig(engine, (POSITIVE, NEGATIVE), STRATEGIES, limit=problems)
    with tempfile.TemporaryDirectory() as scratch:
        run = prepare(config, Path(scratch) / "controls")
        with Progress(len(run.items), list(run.labels.values())) as progress:
            outcome = run.execute(progress)
        if outcome.errors:
            error = outcome.errors[0].error
            assert error is not None
            return [Verdict("both controls", False, f"{len(outcome.errors)} errors, the first: {error.message}")]
        series, _ = series_of([read_run(outcome.out)])
    return judge([said for said in compare(series).statements if said.kind == "last"], GAINS)


def judge(statements: Sequence[Statement], gains: Mapping[str, float]) -> list[Verdict]:
    """Hold the differences from the baseline against what the controls must show."""
    positive = [said for said in statements if said.task == POSITIVE]
    negative = [said for said in statements if said.task == NEGATIVE]
    found = len(positive) == len(gains) and all(
        said.high >= gain and said.low > 0 for said, gain in zip(positive, gains.values(), strict=True)
    )
    silent = len(negative) == len(gains) and all(said.low <= SILENT and said.high >= -SILENT for said in negative)
    return [
        Verdict("positive control", found, ("found: " if found else "NOT FOUND: ") + _differences(positive)),
        Verdict("negative control", silent, ("silent: " if silent else "NOT SILENT: ") + _differences(negative)),
    ]


def _differences(statements: Sequence[Statement]) -> str:
    return ", ".join(
        f"{said.left} {100 * said.difference:+z.1f} points ({100 * said.low:+z.1f} to {100 * said.high:+z.1f})"
        for said in statements
    )
