"""The hf engine in this process, or in several. Where it is in several, this one imports no transformers for it."""

from __future__ import annotations

from typing import Any

from tts_bench.engines.base import Engine
from tts_bench.engines.workers import Workers


def load(workers: int, **arguments: Any) -> Engine:  # noqa: ANN401 - the arguments of `hf.load`
    """An engine for transformers models over `workers` processes that share the memory for keys and values.

    Raises:
        UserError: as `hf.load`, or a process ended while it loaded the model.
    """
    if workers == 1:
        return _load(**arguments)
    return Workers(workers, _load, share=workers, **arguments)


def _load(**arguments: Any) -> Engine:  # noqa: ANN401
    from tts_bench.engines import hf

    return hf.load(**arguments)
