"""What strategies are called where room is short."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable


def bare(labels: Iterable[str]) -> dict[str, str]:
    """Each label without its options where that tells it from the others; `file.py:Class` is a name."""
    names = {label: re.sub(r"(?<!\.py):.*", "", label, flags=re.DOTALL) for label in labels}
    often = Counter(names.values())
    return {label: name if often[name] == 1 else label for label, name in names.items()}
