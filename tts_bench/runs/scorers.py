"""The scorers of a run: loaded, and as its header and its identity have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tts_bench.models import Progress
from tts_bench.scorer import Scorer
from tts_bench.scorers import kinds


@dataclass(frozen=True)
class RunScorer:
    """One of them, under the name that strategies call it by."""

    name: str
    loaded: kinds.Loaded

    @property
    def scorer(self) -> Scorer:
        return self.loaded.scorer

    def identity(self) -> dict[str, Any]:
        """What its scores depend on."""
        info = self.scorer.info
        return {"kind": info.name, "fingerprint": info.fingerprint, **info.identity}

    def facts(self) -> dict[str, Any]:
        """What a record says of it; no path, no secret."""
        info = self.scorer.info
        return {
            **self.identity(),
            "model": info.model,
            "source": self.loaded.source,
            "notes": list(self.loaded.notes),
            "parameters": info.parameters,
            "layers": info.layers,
            "width": info.width,
            "settings": info.settings,
        }


def load_scorers(chosen: Sequence[kinds.Chosen], progress: Progress | None = None) -> tuple[RunScorer, ...]:
    """Load them; `progress` is told of a download.

    Raises:
        UserError: what is impossible with one of them.
    """
    return tuple(RunScorer(one.name, kinds.load(one, progress)) for one in chosen)
