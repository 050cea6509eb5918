"""The picture of a training run: what was rewarded, and how far the row went for it."""

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
