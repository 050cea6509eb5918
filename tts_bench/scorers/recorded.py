"""Scores that were recorded with outputs: `--scorer NAME=recorded:pool=FOLDER` of what `tts-bench import` has read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tts_bench.api import Problem
from tts_bench.errors import EngineError, UserError
from tts_bench.pools.file import NAME, Pool
from tts_bench.scorer import Candidate, ScorerInfo, Verdict
from tts_bench.scorers.kinds import Loaded, ScorerKind, Setup

_REMEMBERED = 128  # number of problems whose scores are kept in memory


@dataclass(frozen=True)
class RecordedOptions:
    pool: str = field(metadata={"help": "Folder that tts-bench import wrote.", "place": True})


class RecordedScorer:
    """Scores recorded with the outputs of a pool. Outputs of a problem with equal texts get the first one's score."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        about = pool.about
        self._whole = not about.format
        self.info = ScorerInfo("recorded", about.model, about.fingerprint)
        self._scores = lru_cache(_REMEMBERED)(self._of)

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        """
        Raises:
            EngineError: a candidate is not an output of the pool.
        """
        known = self._scores(problem.id)
        texts = [each.thinking if self._whole else each.thinking + each.answer for each in candidates]
        if any(text not in known for text in texts):
            raise EngineError(f"{problem.id}: no score was recorded for this text")
        return [Verdict(known[text]) for text in texts]

    def _of(self, problem: str) -> dict[str, float]:
        outputs = (self._pool.get(problem, sample) for sample in reversed(range(self._pool.about.fewest)))
        return {each.text.decode(): each.score for each in outputs if each.score is not None}

    async def close(self) -> None:
        self._pool.close()


def _check(setup: Setup[RecordedOptions]) -> Path:
    path = Path(setup.options.pool) / NAME
    if not path.is_file():
        raise UserError(f"--scorer {setup.name}: {setup.options.pool} has no {NAME}. Type the folder of an import.")
    return path


def _load(setup: Setup[RecordedOptions]) -> Loaded:
    pool = Pool(_check(setup))
    if not pool.about.scores:
        raise UserError(
            f"--scorer {setup.name}: not every output of {setup.options.pool} has a 'score'. Add it to the file, and "
            "import it again."
        )
    return Loaded(RecordedScorer(pool), "recorded with the outputs", ("the scorer that made these scores is unknown",))


kind = ScorerKind("returns scores that were recorded with imported outputs", RecordedOptions, _load, check=_check)
