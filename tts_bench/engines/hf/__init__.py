"""Engine for transformers models: continuous batching over a slot cache, exact where the self-test says so."""

from .engine import HfEngine
from .load import load, load_shared

__all__ = ["HfEngine", "load", "load_shared"]
