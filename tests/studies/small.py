"""A small study of everything: two models, two tasks, three seeds, four strategies."""

from __future__ import annotations

from pathlib import Path

WAIT, HMM = "budget-forcing:extensions=1,cue=Wait", "budget-forcing:extensions=1,cue=Hmm"
STRATEGIES = ["baseline:budgets=16+64", "majority-vote:samples=3", WAIT, HMM]
WHOLE = f"""\
seeds = [0, 1, 2]
tasks = ["pocket_arithmetic", "pocket_flat"]
strategies = {STRATEGIES}
limit = 4

[models.pocket]
engine = "hf:workers=1"
max_thinking_tokens = 100

[models.adder]
engine = "scripted"

[comparisons.cues]
left = "{WAIT}"
right = "{HMM}"

[comparisons.vote]
left = "majority-vote"
right = "baseline"
at = "equal-compute"
"""
SCRIPTED = f"""\
seeds = [0, 1, 2, 3]
tasks = ["pocket_arithmetic"]
strategies = {STRATEGIES[:2]}
limit = 4

[models.adder]
engine = "scripted"
"""


def parts(folder: Path, *names: str) -> dict[str, bytes]:
    """The named files of each part of the study in `folder`, where they are there."""
    return {
        f"{part.name}/{name}": (part / name).read_bytes()
        for part in sorted((folder / "parts").iterdir())
        for name in names or ("records.jsonl", "curve.json")
        if (part / name).is_file()
    }
