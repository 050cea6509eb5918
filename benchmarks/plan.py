"""What `tts-bench plan` predicts, against the run that follows it: tokens and seconds, one model after the other.

    python -m benchmarks.plan --model pocket --limit 600
    python -m benchmarks.plan --model smollm2 --tasks gsm8k --limit 24 --max-thinking-tokens 96 --strategy baseline

All other options are those of `tts-bench run`. Each command runs in its own process, timed from start to end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    given = sys.argv[1:]
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        said = json.loads(_played("plan", *given, "--json", "--out", str(out))[0])["forecast"]
        _, seconds = _played("run", *given, "--out", str(out))
        timing = json.loads((out / "run.json").read_text("utf-8"))["timing"]
    tokens = timing["tokens"]["made"] + said["made"]
    print(
        f"pilot: {said['pilot']} of {said['problems']} problems, {said['made']:,} tokens, {said['rate']:,.0f} tokens/s"
    )
    for name, found, foretold in (("tokens", tokens, said["tokens"]), ("seconds", seconds, said["seconds"])):
        value, interval = foretold["value"], f"{foretold['low']:,.0f} to {foretold['high']:,.0f}"
        print(f"{name}: {value:,.0f} ({interval}) foretold, {found:,.0f} found, {found / value - 1:+.1%}")


def _played(*arguments: str) -> tuple[str, float]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tts_bench", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout, time.perf_counter() - began


if __name__ == "__main__":
    main()
