"""The study file that `tts-bench study new` writes: it runs unchanged, and its comments say what to change."""

from __future__ import annotations

TEXT = """\
# A study: models x tasks x seeds x strategies. To run it: tts-bench study run NAME
# Keys are those of a run's configuration (docs/configuration.md); here they apply to every model.

seeds = [0, 1, 2]  # one run per model and seed
tasks = ["pocket_arithmetic"]
limit = 40  # use only the first N problems of each task; remove it to use all
strategies = [
    "baseline:budgets=16+32+64",
    "majority-vote:samples=8",
    "budget-forcing:extensions=2,cue=Wait",
    "budget-forcing:extensions=2,cue=Hmm",
]
# out = "runs/NAME"  # the study's folder; by default named after this file

# One table per model. Its name is the model, unless it sets `model`. Its settings override those above.
[models.pocket]

# [models.greedy]
# model = "pocket"
# temperature = 0

# The differences that the study tests. p-values are corrected over exactly these, on every task and model. Without
# any, the study makes the default comparisons of `tts-bench compare`.
[comparisons.wait-or-vote]
left = "budget-forcing:extensions=2,cue=Wait"  # left minus right
right = "majority-vote"
at = "equal-compute"  # or "last", the default: both at their last rung

[comparisons.cues]
left = "budget-forcing:extensions=2,cue=Wait"
right = "budget-forcing:extensions=2,cue=Hmm"
"""


def text(name: str) -> str:
    """The content of the file, named `name`."""
    return TEXT.replace("NAME", name, 1).replace("NAME", name.removesuffix(".toml").rpartition("/")[2])
