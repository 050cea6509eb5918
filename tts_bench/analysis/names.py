"""What strategies are called where room is short, and how their names are broken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable


def bare(labels: Iterable[str]) -> dict[str, str]:
    """Each label without its options where that tells it from the others; `file.py:Class` is a name."""
    names = {label: re.sub(r"(?<!\.py):.*", "", label, flags=re.DOTALL) for label in labels}
    often = Counter(names.values())
    return {label: name if often[name] == 1 else label for label, name in names.items()}


def is_baseline(strategy: str) -> bool:
    """Whether it is the strategy that others are compared with where nothing else is said."""
    return strategy.partition(":")[0] == "baseline"


def folded(name: str, width: int) -> list[str]:
    """`name` in lines of at most `width` where its parts allow it: broken after a slash, colon, comma, = or +."""
    lines = [""]
    for part in re.findall(r"[^/:,=+]*[/:,=+]|[^/:,=+]+", name):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return lines
