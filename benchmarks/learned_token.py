"""What learned tokens of several seeds gain, from runs of `tts-bench run`: gains over "Wait", controls, oracle.

    tts-bench run --model pocket --tasks pocket_arithmetic --limit 400 --out runs/a \\
        --strategy budget-forcing:extensions=8 --strategy majority-vote \\
        --strategy learned-token:token=tokens/seed-0 --strategy learned-token:token=tokens/seed-1 ...
    python benchmarks/learned_token.py runs/a --learned tokens/seed-* --control tokens/shuffled-* --oracle oracle

Differences are in points, paired by problem. A problem's gain is its mean over the seeds; intervals are bootstrapped
over problems, with Student's over seeds beside them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import t

from tts_bench.analysis.bootstrap import difference_interval, resampled_means
from tts_bench.analysis.matched import accuracy_at
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.table import Grid
from tts_bench.tokens import tokenfile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    for name in ("learned", "control", "oracle"):
        parser.add_argument(f"--{name}", nargs="*", type=Path, default=[])
    options = parser.parse_args()
    lines: dict[str, Grid] = {}
    for run in options.runs:
        for of_task in read_run(run).grids.values():
            lines |= of_task
    [word] = [line for name, line in lines.items() if name.startswith("budget-forcing:cue=Wait")]
    votes = [line for name, line in lines.items() if name.startswith("majority-vote")]
    show("Wait", word)
    for name in ("oracle", "learned", "control"):
        found = [line_of(folder, lines) for folder in getattr(options, name)]
        for folder, line in zip(getattr(options, name), found, strict=True):
            show(folder.name, line)
        if found:
            gains(name, found, word)
    for folder in (*options.oracle, *options.learned):
        line = line_of(folder, lines)
        equal_tokens(folder.name, line, word, "Wait")
        for vote in votes:
            equal_tokens(folder.name, line, vote, "a vote")


def line_of(folder: Path, lines: dict[str, Grid]) -> Grid:
    digest = tokenfile.load(folder).digest[:16]
    return next(line for name, line in lines.items() if f"sha256:{digest}" in name)


def show(name: str, line: Grid) -> None:
    accuracies = " ".join(f"{100 * value:.1f}" for value in line.score.mean(0))
    tokens = " ".join(f"{value:.0f}" for value in line.values["generated"].mean(0))
    print(f"{name}: {accuracies} with {tokens} tokens (n = {len(line.documents)})")


def gains(name: str, found: list[Grid], word: Grid) -> None:
    for rung in range(1, len(found[0].rungs)):
        each = np.array([line.score[:, rung] - word.score[:, rung] for line in found])  # [seeds, problems]
        over_problems = each.mean(0)
        means = resampled_means(over_problems[:, None], 10_000, np.random.default_rng(0))[:, 0]
        low, high = difference_interval(means, over_problems)
        text = f"{name} over Wait x{rung}: {points(each.mean())} ({points(low)} to {points(high)} over problems"
        seeds = each.mean(1)
        if len(seeds) > 1:
            half = t.ppf(0.975, len(seeds) - 1) * seeds.std(ddof=1) / len(seeds) ** 0.5
            text += f"; {points(seeds.mean() - half)} to {points(seeds.mean() + half)} over seeds"
        print(f"{text}); each: {' '.join(points(seed) for seed in seeds)}")


def equal_tokens(name: str, line: Grid, other: Grid, what: str) -> None:
    costs = other.values["generated"].mean(0)
    parts = []
    for rung in range(1, len(line.rungs)):
        tokens = line.values["generated"][:, rung].mean()
        level = float(accuracy_at(float(tokens), costs, other.expected.mean(0)))
        beyond = "*" if tokens > costs.max() else ""
        parts.append(f"x{rung} {points(line.score[:, rung].mean() - level)}{beyond}")
    print(f"{name} over {what} at equal tokens: {' '.join(parts)}")


def points(share: float) -> str:
    return f"{100 * share:+.1f}"


if __name__ == "__main__":
    main()
