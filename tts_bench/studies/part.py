"""One part of a study played, and what others are told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tts_bench import config_file
from tts_bench.errors import UserError
from tts_bench.files import FULL
from tts_bench.studies import folder
from tts_bench.studies.study import Part

if TYPE_CHECKING:
    from tts_bench.runs.run import Progress, Run


@dataclass(frozen=True)
class Outcome:
    """What came of a part."""

    part: Part
    errors: int = 0  # problems and strategies that ended in an error
    message: str = ""  # why it failed; empty: it is finished
    found: bool = False  # it was finished before

    @property
    def whole(self) -> bool:
        """Whether it is finished without an error."""
        return not self.message and not self.errors


class Watch(Protocol):
    """Who is told how a study goes."""

    def begun(self, part: Part) -> None:
        """A part is begun."""

    def progress(self, part: Part, run: Run) -> AbstractContextManager[Progress]:
        """What is told of the run of a part that is played in this process."""

    def ended(self, outcome: Outcome) -> None:
        """A part has ended."""


def played(part: Part, watched: Callable[[Run], AbstractContextManager[Progress]]) -> Outcome:
    """Play one part. Whatever is wrong with it is its own message; a full disk is everybody's.

    Raises:
        OSError: the disk is full.
    """
    from tts_bench.runs.checked import check
    from tts_bench.runs.run import load  # loads torch and lm-eval

    try:
        run = load(check(part.config))
        with watched(run) as progress:
            errors = len(run.execute(progress).errors)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        folder.failed(part, message)
        return Outcome(part, message=message)
    folder.mended(part)
    return Outcome(part, errors)


def asked(part: Part) -> dict[str, object]:
    """A part as JSON values, for another process."""
    return {"model": part.model, "seed": part.seed, "config": config_file.plain(part.config)}


def answered(values: Mapping[str, object]) -> Part:
    """The part that `asked` spoke of."""
    config = config_file.built(config_file.values(values["config"], lambda key: ""))
    return Part(str(values["model"]), int(str(values["seed"])), config)
