"""From the name a user gives to a checked local folder with safetensors, config and tokenizer."""

from tts_bench.models.aliases import ALIASES, Alias, Shipped
from tts_bench.models.cache import Progress, cache_folder, converted
from tts_bench.models.convert import lacking
from tts_bench.models.folder import REWARD, check, context_window, end_tokens, fingerprint, sampling_defaults
from tts_bench.models.lookup import (
    ModelFolder,
    at_hand,
    can_be_found,
    examine,
    here,
    resolve,
    shipped_folder,
    tokenizer_folder,
)
from tts_bench.models.wheels import without_pip

__all__ = [
    "ALIASES",
    "REWARD",
    "Alias",
    "ModelFolder",
    "Progress",
    "Shipped",
    "at_hand",
    "cache_folder",
    "can_be_found",
    "check",
    "context_window",
    "converted",
    "end_tokens",
    "examine",
    "fingerprint",
    "here",
    "lacking",
    "resolve",
    "sampling_defaults",
    "shipped_folder",
    "tokenizer_folder",
    "without_pip",
]
