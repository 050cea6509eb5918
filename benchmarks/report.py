"""`tts-bench report` on a large run: seconds, memory, size, and how long Chromium takes to show it.

The run is synthetic: four strategies with five rungs each, and thinking of about 250 tokens with natural (Zipf) word
frequencies, shared between strategies as in the harness. Exit code 1 if the report takes more than 20 s, 1 GB or 30 MB,
or 3 s to show.

    python benchmarks/report.py [--problems 10000]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from tts_bench.api import Cost
from tts_bench.records import AnswerRecord, Record, SegmentRecord, to_line

RUNGS = 5
STRATEGIES = {
    "baseline:budgets=64+128+256+512+1024": "baseline:budgets=64+128+256+512+1024",
    "budget-forcing:cue=Wait,extensions=4,budget=none": "budget-forcing:extensions=4",
    "learned-token:token=token,extensions=4,budget=none": "learned-token:token=token,extensions=4",
    "majority-vote:samples=5,budget=none": "majority-vote:samples=5",
}
SECONDS, MEMORY, SIZE, SHOWN = 20.0, 1e9, 30e6, 3.0  # at most
_LETTERS = 4  # a token


class Words:
    """Text of any length, from a vocabulary of 20,000 made-up words."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgk"
        vocabulary = ["".join(self.random.choices(letters, k=2 + place % 9)) for place in range(20_000)]
        weights = list(accumulate(1 / (place + 2) for place in range(20_000)))
        self.stock = " ".join(self.random.choices(vocabulary, cum_weights=weights, k=1_500_000))

    def take(self, tokens: int) -> str:
        start = self.random.randrange(len(self.stock) - _LETTERS * tokens)
        return self.stock[start : start + _LETTERS * tokens]


def problem(doc: int, words: Words) -> Iterator[Record]:
    """One record for each of the strategies, which share the prompt and the first thought."""
    rng = words.random
    length = min(1200, round(rng.lognormvariate(5.3, 0.6)) + 20)
    prompt = SegmentRecord("prompt", words.take(90), 90, 0, 0, 0, "", f"{doc} prompt")
    first = SegmentRecord("thinking", words.take(length), length, 1, 0, 90, "s", f"{doc} first")
    luck = rng.random()
    for place, strategy in enumerate(STRATEGIES):
        segments = [prompt]
        lineages: list[list[SegmentRecord]] = []
        for rung in range(RUNGS):
            thought = [prompt]
            if place == 0:
                cut = min(length, 64 << rung)
                thought.append(replace(first, text=first.text[: _LETTERS * cut], tokens=cut))
            elif place < 3:
                thought = [*(lineages[-1][:-2] if rung else (prompt, first))]
                if rung:
                    at = thought[-1].start + thought[-1].tokens
                    more = rng.randrange(40, 160)
                    thought.append(SegmentRecord("cue", "Wait", 1, 0, 0, at, "", f"{doc} cue {place} {rung}"))
                    origin = f"{doc} more {place} {rung}"
                    thought.append(SegmentRecord("thinking", words.take(more), more, 1, 0, at + 1, "s", origin))
            else:
                sample = replace(first, text=words.take(length), origin=f"{doc} sample {rung}") if rung else first
                thought = [*(lineages[-1] if rung else (prompt,)), sample]
            at, name = thought[-1].start + thought[-1].tokens, f"{doc} {place} {rung}"
            closing = SegmentRecord("closing", "\n\nFinal answer: \\boxed{", 9, 0, 1, at, "", f"{name} closing")
            said = str(rng.randrange(1000))
            answer = SegmentRecord("answer", said + "}", 4, 1, 0, at + 9, "s", f"{name} answer", extracted=said)
            lineages.append([*thought, closing, answer])
        for lineage in lineages:
            segments.extend(part for part in lineage if part not in segments)
        answers = tuple(
            _answer(rung, lineage, segments, luck < 0.3 + 0.05 * rung) for rung, lineage in enumerate(lineages)
        )
        yield Record("gsm8k", doc, 0, f"gsm8k/{doc}", strategy, tuple(segments), answers, answers[-1].cost)


def _answer(rung: int, lineage: list[SegmentRecord], segments: list[SegmentRecord], right: bool) -> AnswerRecord:
    thinking = sum(part.tokens + part.end for part in lineage if part.kind == "thinking")
    cues = sum(part.kind == "cue" for part in lineage)
    cost = Cost(90, thinking, 9 + cues, 5, thinking + 14, 1e9 * thinking)
    places, extracted = tuple(segments.index(part) for part in lineage), lineage[-1].extracted
    scores = {"strict": float(right), "lenient": float(right)}
    return AnswerRecord(str(rung), f"\\boxed{{{extracted}}}", extracted, cost, places, rung == 0, cues, cues, scores)


def write_run(folder: Path, problems: int, seed: int = 0) -> None:
    """The folder of a finished run."""
    folder.mkdir()
    words = Words(seed)
    with (folder / "records.jsonl").open("w", encoding="utf-8") as file:
        for doc in range(problems):
            file.writelines(map(to_line, problem(doc, words)))
    header = {
        "schema": 1,
        "status": "finished",
        "identity": {"strategies": list(STRATEGIES), "seed": seed, "data": {}},
        "model": {"name": "made-up", "fingerprint": "0" * 64, "context": 4096},
        "metrics": {"gsm8k": "strict"},
        "labels": STRATEGIES,
    }
    (folder / "run.json").write_text(json.dumps(header), encoding="utf-8")


def shown(page: Path) -> float | None:
    """Seconds until Chromium has drawn the page; None without Chromium."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium")
    if browser_path is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]")
        seconds = time.perf_counter() - began
        browser.close()
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run, page = Path(place) / "run", Path(place) / "report.html"
        write_run(run, given.problems)
        began = time.perf_counter()
        entry = "from tts_bench.cli.main import main; main()"
        subprocess.run([sys.executable, "-c", entry, "report", run, "--out", page], check=True)
        seconds = time.perf_counter() - began
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        memory, size = 1024 * usage.ru_maxrss, page.stat().st_size
        cpu = usage.ru_utime + usage.ru_stime
        records = (run / "records.jsonl").stat().st_size
        show = shown(page)
    print("| problems | records, MB | wall s | CPU s | memory, MB | report, MB | shown, s |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {given.problems} | {records / 1e6:.0f} | {seconds:.1f} | {cpu:.1f} | {memory / 1e6:.0f} | {size / 1e6:.1f} "
        f"| {'no Chromium' if show is None else f'{show:.1f}'} |"
    )
    return int(seconds > SECONDS or memory > MEMORY or size > SIZE or (show or 0) > SHOWN)


if __name__ == "__main__":
    sys.exit(main())
