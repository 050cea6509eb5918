"""A run on a slow script that may be killed at any moment, and that logs what it stores."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from tests.engines.rambling import in_actor, slow
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.core.store import Store
from tts_bench.engine import Generation
from tts_bench.engines import scripted
from tts_bench.engines.scripted import SCRIPTS
from tts_bench.present.progress import Progress
from tts_bench.runs.run import prepare

FILES = ("records.jsonl", "curve.json")
STRATEGIES = ("baseline:budgets=10+60", "budget-forcing:extensions=2", "majority-vote:samples=4")


def write_problems(folder: Path, count: int) -> Path:
    """A data folder with so many problems of GSM8K's kind."""
    (folder / "gsm8k").mkdir(parents=True)
    rows = [{"question": f"What is {n} and {n + 3}?", "answer": f"It is so.\n#### {2 * n + 3}"} for n in range(count)]
    (folder / "gsm8k" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(
    data: Path,
    out: Path,
    log: Path | None = None,
    ray: str = "",
    actors: Path | None = None,
    strategies: tuple[str, ...] = STRATEGIES,
    scorers: tuple[str, ...] = (),
) -> None:
    """A whole run; `log` gets a line for every generation that is stored: its key, finish and length. A file of the
    same name that ends in `.scores` gets the key of every score.

    With `actors`, two actors of the Ray cluster at `ray` answer, and leave a file there that is named by their process.
    """
    SCRIPTS["slow"] = slow
    tqdm.set_lock(threading.RLock())  # its own is shared by forked processes, and held for ever by one that is killed
    if log is not None:
        _log_to(log)
    if actors is not None:
        scripted.load_script = partial(in_actor, actors)
    model = ModelConfig(model="slow", engine=f"scripted:ray={ray},workers=2" if actors else "scripted")
    config = RunConfig(model, ("gsm8k",), strategies, data_dir=data, in_flight=3, scorers=scorers)
    ready = prepare(config, out)
    with Progress(len(ready.items), list(ready.labels.values()), Console(file=io.StringIO())) as progress:
        ready.execute(progress)


def nothing_finished_was_made_again(log: Path) -> None:
    """Hold the log of `run` against what a store promises."""
    held: dict[str, tuple[str, int]] = {}
    for line in log.read_text().splitlines():
        key, finish, length = line.split()
        if key in held:
            assert held[key][0] == "length", f"{key} was finished and made again"
            assert int(length) > held[key][1], f"{key} was made again, no longer than before"
        held[key] = (finish, int(length))
    assert len(held) > 50


def _log_to(path: Path) -> None:
    file, put = path.open("a", buffering=1), Store.put

    def logged_put(self: Store, generations: Iterable[tuple[bytes, Generation]]) -> None:
        kept = list(generations)
        put(self, kept)
        file.write("".join(f"{key.hex()} {made.finish} {len(made.tokens)}\n" for key, made in kept))

    Store.put = logged_put  # type: ignore[method-assign]
    scores, put_verdicts = path.with_suffix(".scores").open("a", buffering=1), Store.put_verdicts

    def logged_put_verdicts(self: Store, verdicts: Iterable[tuple[bytes, bytes]]) -> None:
        kept = list(verdicts)
        put_verdicts(self, kept)
        scores.write("".join(f"{key.hex()}\n" for key, _ in kept))

    Store.put_verdicts = logged_put_verdicts  # type: ignore[method-assign]
