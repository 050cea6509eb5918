"""What strategies are called where room is short, and how their names are broken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable


def bare(labels: Iterable[str]) -> dict[str, str]:
    """Each label without its options where that tells it from the others; `file.py:Class` is a name."""
    names = {label: _name(label) for label in labels}
    often = Counter(names.values())
    return {label: name if often[name] == 1 else label for label, name in names.items()}


def told_apart(labels: Iterable[str]) -> dict[str, str]:
    """Each label without the options that all others of its strategy have too, such as a number of samples."""
    options = {label: (name := _name(label), re.split(r"(?<!\\),", label[len(name) + 1 :])) for label in labels}
    alike = {
        name: set.intersection(*(set(own) for other, own in options.values() if other == name))
        for name, _ in options.values()
    }
    kept = {
        label: (name, [option for option in own if option not in alike[name]]) for label, (name, own) in options.items()
    }
    return {label: f"{name}:{','.join(own)}" if any(own) else name for label, (name, own) in kept.items()}


def _name(label: str) -> str:
    return re.sub(r"(?<!\.py):.*", "", label, flags=re.DOTALL)


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
