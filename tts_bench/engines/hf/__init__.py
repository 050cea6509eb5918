"""Engine for transformers models: continuous batching over a slot cache, exact where the self-test says so."""

from .engine import HfEngine
from .load import load

__all__ = ["HfEngine", "load"]
