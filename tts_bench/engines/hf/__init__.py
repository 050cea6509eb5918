"""Engine for transformers models: continuous batching over paged keys and values, exact where a self-test says so."""

from .engine import HfEngine
from .load import load

__all__ = ["HfEngine", "load"]
