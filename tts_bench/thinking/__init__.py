"""How models think: formats, the families that have them, and which one a model is found to have."""

from tts_bench.thinking.detect import Found, chosen, detect, study
from tts_bench.thinking.families import FAMILIES, PRESETS, Family
from tts_bench.thinking.format import ThinkingFormat

__all__ = ["FAMILIES", "PRESETS", "Family", "Found", "ThinkingFormat", "chosen", "detect", "study"]
