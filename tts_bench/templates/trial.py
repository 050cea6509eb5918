"""A template is tried in a process of its own: one that never ends, or fills the memory, ends nothing but that."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from tts_bench.errors import UserError

SECONDS, BYTES = 4, 512 * 2**20  # of processor time, and of memory above what Python itself takes
LONGEST = 1_000_000  # characters of all that it renders in one case

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One conversation to render."""

    messages: Sequence[Message]
    values: Mapping[str, Any] = field(default_factory=dict)  # the user's arguments
    generate: bool = True
    needs: str = ""  # a variable: where the template does not read it, the case is left out
    day: str | None = None  # ISO; None: that of the trial


@dataclass(frozen=True)
class Trial:
    """What came of it. A case that was left out is in neither."""

    texts: Mapping[str, str]
    errors: Mapping[str, str]
    variables: frozenset[str]  # that the template reads and its user may set

    def get(self, name: str) -> str | None:
        """What the case `name` rendered; None where it failed or was left out."""
        return self.texts.get(name)


def tried(source: str, special: Mapping[str, str], day: date, cases: Mapping[str, Case]) -> Trial:
    """Render `cases` with the template `source`; `special` are its tokenizer's special tokens by name.

    Raises:
        UserError: the template is no jinja, or takes more time, memory or text than any conversation needs.
    """
    asked = {
        "source": source,
        "special": dict(special),
        "day": day.isoformat(),
        "cases": {name: asdict(case) for name, case in cases.items()},
    }
    return _tried(json.dumps(asked, sort_keys=True))


@lru_cache(maxsize=256)
def _tried(asked: str) -> Trial:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tts_bench.templates.child"],
            input=asked.encode(),
            capture_output=True,
            timeout=30 * SECONDS,  # a busy machine gives a process less than its processor time, which bounds it
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(_endless()) from None
    if done.returncode:
        raise UserError(_endless() if done.returncode < 0 else _broken(done.stderr))
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise UserError(_broken(done.stdout or done.stderr)) from None
    if problem := said.get("problem"):
        raise UserError(
            f"The model's chat template cannot be used: {problem}. Use another model, or fix its chat_template.jinja."
        )
    return Trial(said["texts"], said["errors"], frozenset(said["variables"]))


def _endless() -> str:
    return (
        f"The model's chat template does not end: words for a short conversation took it over {SECONDS} "
        "seconds. Use another model, or fix its chat_template.jinja."
    )


def _broken(said: bytes) -> str:
    last = (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1][:200]
    return f"The model's chat template could not be tried: {last}. Use another model, or fix its chat_template.jinja."
