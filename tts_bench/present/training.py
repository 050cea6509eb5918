"""A training as people see it: a line a step, and the picture of what was rewarded and how far the row went for it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from tts_bench.text import safe


def draw(log: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """A PNG of the log's lines: accuracies above, norm and cosine of the row below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    steps = [line for line in log if line["step"]]
    watched = [line for line in log if line.get("held_out")]
    at = [line["step"] for line in steps]
    above.plot(at, [line["accuracy"] for line in steps], color="C0", label="with the token, training problems")
    above.plot(at, [line["before"] for line in steps], color="C0", ls=":", label="without it")
    if watched:
        held = [line["step"] for line in watched]
        above.plot(held, [w["held_out"]["accuracy"] for w in watched], "o-", color="C3", label="with it, held out")
        above.axhline(watched[0]["held_out"]["before"], color="C3", ls=":", label="without it")
    above.set_ylabel("accuracy")
    above.set_ylim(0, 1)
    above.legend(fontsize="small", ncols=2, loc="lower right")
    above.set_title(safe(title).replace("$", r"\$"), fontsize="medium")
    start = log[0]["row_norm"]
    everywhere = [line["step"] for line in log]
    below.plot(everywhere, [line["cosine"] for line in log], color="C2", label="cosine to its start")
    below.plot(everywhere, [line["row_norm"] / start for line in log], color="C4", label="norm, of its start's")
    below.set_xlabel("step")
    below.legend(fontsize="small")
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def step(line: Mapping[str, Any], steps: int) -> str:
    """A line of the log, of so many `steps`, in words."""
    parts = [f"step {line['step']:>3}/{steps}"]
    if line["step"]:
        parts.append(f"reward {line['reward']:.3f}")
        parts.append(f"right {line['accuracy']:6.1%} (without it {line['before']:6.1%})")
        parts.append(f"boxed {line['format']:.0%}")
        parts.append(f"cues {line['cues']}/{line['cues_wanted']}")
        parts.append(f"{line['extra_tokens']:+z.0f} tokens")
        parts.append(f"groups {line['groups']}")
    parts.append(f"norm {line['row_norm']:.3f}, cosine {line['cosine']:.3f}")
    if line["step"]:
        seconds = line["seconds"]
        parts.append(
            f"{sum(seconds.values()):.1f} s ({seconds['rollouts'] / max(sum(seconds.values()), 1e-9):.0%} rollouts)"
        )
    if held := line.get("held_out"):
        parts.append(f"held out: right {held['accuracy']:.1%} (without it {held['before']:.1%})")
    return ", ".join(parts)
