"""Check, seed by seed, that the analysis finds the effects that were built into the pocket model.

python -m benchmarks.known_truth [--seeds 20] [--problems 600] [--flat 3000] [--out docs/results/known-truth.json]

Fixed before any run: the sizes are those of the default comparison (600 problems of `pocket_arithmetic`) and of the
whole test split of `pocket_flat` (3,000, as in the model's gate), four strategies each.

- found: `compare` states that the last rungs of budget forcing, the vote and the learned token are above the baseline's
  (Holm-corrected p below 0.05), and each interval reaches the smallest gain that the gate demands (`GAINS`).
- silent: on `pocket_flat`, each interval of such a difference is at most 6 points wide and overlaps ± 2 points around
  0, the range that the gate allows the model. The vote there is of 4: one of 16 would cost four times the rest.
- order: last rungs are ordered baseline < budget forcing < vote and learned token, the gaps that the gate demands; and
  `compare` states that at equal tokens the learned token is above both budget forcing and the vote.

Seeds that are already in --out, for the same model and sizes, are not run again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tts_bench.analysis.compare import compare
from tts_bench.analysis.family import Statement
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import series_of
from tts_bench.files import write_whole
from tts_bench.models import resolve

GAINS = {"budget-forcing": 0.12, "majority-vote": 0.25, "learned-token": 0.12}
ORDER = (("baseline", "budget-forcing"), ("budget-forcing", "majority-vote"), ("budget-forcing", "learned-token"))
AHEAD = (("learned-token", "budget-forcing"), ("learned-token", "majority-vote"))  # at equal tokens
SILENT, WIDEST = 0.02, 0.06
FLAT = ("baseline", "budget-forcing:extensions=4", "majority-vote:samples=4", "learned-token:extensions=4")
CLAIMS = ("found", "silent", "order")
Run = Callable[[Sequence[str], Path], None]  # `tts-bench` with these arguments, and a folder for its files


def judge(positive: Sequence[Statement], negative: Sequence[Statement]) -> dict[str, bool]:
    """Which claims hold, given what `compare` states about `pocket_arithmetic` and `pocket_flat`."""
    last = {said.left: said for said in positive if said.kind == "last"}
    gains = {"baseline": 0.0, **{name: said.difference for name, said in last.items()}}
    matched = {(said.left, said.right): said for said in positive if said.kind == "matched"}
    flat = [said for said in negative if said.kind == "last"]
    if last.keys() != GAINS.keys() or {said.left for said in flat} != GAINS.keys():
        return dict.fromkeys(CLAIMS, False)
    return {
        "found": all(
            said.significant and said.difference > 0 and said.high >= GAINS[name] for name, said in last.items()
        ),
        "silent": all(said.high - said.low <= WIDEST and said.low <= SILENT and said.high >= -SILENT for said in flat),
        "order": all(gains[less] < gains[more] for less, more in ORDER)
        and all(_ahead(matched, first, second) for first, second in AHEAD),
    }


def _ahead(matched: dict[tuple[str, str], Statement], first: str, second: str) -> bool:
    said, sign = (matched[first, second], 1) if (first, second) in matched else (matched.get((second, first)), -1)
    return said is not None and said.significant and sign * said.difference > 0


def in_process_of_its_own(arguments: Sequence[str], place: Path) -> None:
    """`tts-bench` with these arguments."""
    script = place / "command.py"  # a file: worker processes start from it
    script.write_text("from tts_bench.cli.main import main\nif __name__ == '__main__': main()")
    subprocess.run([sys.executable, script, *arguments], check=True, stdout=subprocess.DEVNULL)


def play(seed: int, problems: int, flat: int, run: Run = in_process_of_its_own) -> dict[str, Any]:
    """One seed: both runs, each in its own process, and their results."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as place:
        told = [
            _statements(run, Path(place) / "arithmetic", "--limit", str(problems), "--seed", str(seed)),
            _statements(
                run, Path(place) / "flat", "--tasks", "pocket_flat", "--limit", str(flat), "--seed", str(seed),
                *(f"--strategy={strategy}" for strategy in FLAT),
            ),
        ]  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**judge(*told), "cpu_seconds": round(spent), "statements": [_short(said) for said in (*told[0], *told[1])]}


def _statements(run: Run, out: Path, *options: str) -> list[Statement]:
    run(["run", "--out", str(out), *options], out.parent)
    series, _ = series_of([read_run(out)])
    return compare(series).statements


def _short(said: Statement) -> dict[str, Any]:
    kept = asdict(said)
    names = ("task", "kind", "left", "right", "difference", "low", "high", "adjusted", "compute")
    return {name: round(kept[name], 5) if isinstance(kept[name], float) else kept[name] for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--problems", type=int, default=600)
    parser.add_argument("--flat", type=int, default=3000)
    parser.add_argument("--out", type=Path, default=Path("docs/results/known-truth.json"))
    given = parser.parse_args()
    settings = {"model": resolve("pocket").fingerprint, "problems": given.problems, "flat": given.flat}
    held = json.loads(given.out.read_text("utf-8")) if given.out.exists() else {}
    seeds = held.pop("seeds", {}) if held.get("settings") == settings else {}
    for seed in map(str, range(given.seeds)):
        if seed not in seeds:
            seeds[seed] = play(int(seed), given.problems, given.flat)
            write_whole(given.out, f"{json.dumps({'settings': settings, 'seeds': seeds}, indent=1)}\n".encode())
        print(seed, *(f"{claim}: {'yes' if seeds[seed][claim] else 'NO'}" for claim in CLAIMS), flush=True)
    for claim in CLAIMS:
        print(f"{claim} in {sum(seeds[str(seed)][claim] for seed in range(given.seeds))} of {given.seeds} seeds")


if __name__ == "__main__":
    main()
