"""What a study would cost, from the cost of a finished run of the same kind: tokens, and hours on one device.

The study: baseline rungs, four continuations each with "Wait", another word and a learned token, a vote of 16 and a
vote that stops early (on the same samples). Strategies share what they can (docs/decisions.md), so each problem is
charged one first thinking, the continuations of three cues, fifteen further samples, and one answer per rung. The
costs of a first thinking, a continuation, a sample and an answer are the run's means.

    python -m benchmarks.study docs/results/qwen2.5-coder-0.5b --task math500 [--models 4] [--problems 5000]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tts_bench.analysis.curve import Point, read_curve

CONTINUATIONS, CUES, SAMPLES, BUDGETS = 4, 3, 16, 4
RATES = (100, 1_000, 10_000)  # generated tokens a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder with a curve.json of baseline, budget-forcing and majority-vote")
    parser.add_argument("--task", required=True)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--problems", type=int, default=5000)
    given = parser.parse_args()
    _, curve = read_curve(given.run / "curve.json")
    budgets, forced, votes = (
        [point for point in curve if point.task == given.task and point.strategy.startswith(name)]
        for name in ("baseline", "budget-forcing", "majority-vote")
    )
    first, answer = budgets[-1].generated, answer_of(budgets)
    cue = (forced[-1].generated - forced[0].generated) / (len(forced) - 1)
    sample = (votes[-1].generated - votes[0].generated) / (len(votes) - 1)
    parts = {
        "first thinking and its answer": first,
        f"{CUES} cues x {CONTINUATIONS} continuations": CUES * CONTINUATIONS * (cue + answer),
        f"{SAMPLES - 1} further samples": (SAMPLES - 1) * sample,
        f"{BUDGETS - 1} shorter budgets": (BUDGETS - 1) * answer,
    }
    problem = sum(parts.values())
    alone = first + CUES * (first + CONTINUATIONS * (cue + answer)) + 2 * SAMPLES * sample + (BUDGETS - 1) * answer
    print("| part | tokens per problem |\n|---|---|")
    for name, tokens in parts.items():
        print(f"| {name} | {tokens:,.0f} |")
    print(f"| all | {problem:,.0f} |\n| the six strategies run one by one | {alone:,.0f} |\n")
    tokens = problem * given.models * given.problems
    print(f"{given.models} models x {given.problems:,} problems: {tokens / 1e6:,.0f} million tokens\n")
    print("| tokens per second | hours on one device | on 8 |\n|---|---|---|")
    for rate in RATES:
        hours = tokens / rate / 3600
        print(f"| {rate:,} | {hours:,.1f} | {hours / 8:,.1f} |")


def answer_of(budgets: list[Point]) -> float:
    """Tokens of an answer and its suffix: what the shortest rung, always cut, generates beyond its budget."""
    return float(budgets[0].generated - float(budgets[0].rung))


if __name__ == "__main__":
    main()
