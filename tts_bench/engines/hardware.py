"""Names of devices and number formats, known without importing torch."""

from __future__ import annotations

import re

from tts_bench.errors import UserError, did_you_mean

DEVICES = ("cuda", "mps", "cpu")  # in the order in which "auto" takes them
DTYPES = ("float32", "bfloat16", "float16")


def check_names(device: str, dtype: str) -> None:
    """Refuse a device or dtype that does not exist anywhere; a device may be numbered, as in "cuda:0".

    Raises:
        UserError: it is neither "auto" nor a known name.
    """
    unnumbered = re.sub(r"(?<=^cuda):\d+$", "", device)
    for kind, name, known in (("device", unnumbered, DEVICES), ("dtype", dtype, DTYPES)):
        if name not in ("auto", *known):
            raise UserError(f"there is no {kind} {name!r}. {did_you_mean(name, ('auto', *known))}")
