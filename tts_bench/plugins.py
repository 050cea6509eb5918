"""What installed packages add by entry points: strategies and engines, the built-in ones by the same path.

Uses the standard library only.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points

from tts_bench.errors import UserError, did_you_mean

DISTRIBUTION = "test-time-scaling-bench"


@dataclass(frozen=True)
class Group:
    """One kind of thing that packages may register."""

    name: str  # of the entry points
    what: str  # as a message calls one of them
    otherwise: str  # what to type where a name is not known

    def registered(self) -> dict[str, EntryPoint]:
        """All that is registered, by name; nothing is imported.

        Raises:
            UserError: two distributions register the same name.
        """
        found: dict[str, EntryPoint] = {}
        for entry in _entries(self.name, tuple(map(_stamped, sys.path))):
            other = found.setdefault(entry.name, entry)
            if other is not entry and (other.value, source(other)) != (entry.value, source(entry)):
                raise UserError(
                    f"the {self.what} name {entry.name!r} is registered by {source(other)} and by {source(entry)}. "
                    f"Uninstall one of them."
                )
        return found

    def load(self, name: str) -> tuple[object, str]:
        """What `name` stands for, and the distribution it comes from.

        Raises:
            UserError: it is not known or cannot be imported, or two distributions register the same name.
        """
        registered = self.registered()
        if name not in registered:
            raise UserError(f"there is no {self.what} {name!r}. {did_you_mean(name, registered)} {self.otherwise}")
        entry = registered[name]
        try:
            return entry.load(), source(entry)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise UserError(
                f"{self.what} {name!r} of {source(entry)} fails at import ({entry.value}): "
                f"{type(error).__name__}: {error}. Reinstall or remove that package."
            ) from error


@lru_cache(16)
def _entries(group: str, _installed: tuple[tuple[str, int], ...]) -> EntryPoints:
    """A group's entry points, read again where an install changed a folder: to read them takes a tenth of a second."""
    return entry_points(group=group)


def _stamped(folder: str) -> tuple[str, int]:
    try:
        return folder, os.stat(folder or ".").st_mtime_ns
    except OSError:
        return folder, 0


def source(entry: EntryPoint) -> str:
    """Distribution and version that an entry point comes from."""
    return _described(entry.dist) if entry.dist else entry.value


@lru_cache(64)
def _described(distribution: Distribution) -> str:
    """Name and version: to parse a distribution's metadata for each of its entry points takes seconds."""
    return f"{distribution.name} {distribution.version}"


def origin(source: str) -> str:
    """`source` as a list shows it."""
    return "built in" if source.startswith(f"{DISTRIBUTION} ") else source
