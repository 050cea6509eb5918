"""The study that `tts-bench study new` writes: it runs as it stands, and says what may be changed."""

from __future__ import annotations

TEXT = """\
# A study: models x tasks x seeds x strategies. Play it: tts-bench study run NAME
# Keys are those of a run's configuration (docs/configuration.md); here they hold for every model.

seeds = [0, 1, 2]  # one run for each model and seed
tasks = ["pocket_arithmetic"]
limit = 40  # the first problems of each task; leave it out for all of them
strategies = [
    "baseline:budgets=16+32+64",
    "majority-vote:samples=8",
    "budget-forcing:extensions=2,cue=Wait",
    "budget-forcing:extensions=2,cue=Hmm",
]
# out = "runs/NAME"  # the study's folder; by default it is called after this file

# A table for each model. Without `model` in it, its name is the model. What it sets goes before what is set above.
[models.pocket]

# [models.greedy]
# model = "pocket"
# temperature = 0

# The differences that the study asks about. p-values are corrected over all of these, on every task and model, and
# over nothing else. Without a comparison, `tts-bench compare` decides what is compared with what.
[comparisons.wait-or-vote]
left = "budget-forcing:extensions=2,cue=Wait"  # left minus right
right = "majority-vote"
at = "equal-compute"  # or "last", the default: both at their last rung

[comparisons.cues]
left = "budget-forcing:extensions=2,cue=Wait"
right = "budget-forcing:extensions=2,cue=Hmm"
"""


def text(name: str) -> str:
    """The file's content, where it is called `name`."""
    return TEXT.replace("NAME", name, 1).replace("NAME", name.removesuffix(".toml").rpartition("/")[2])
