"""Import a file of N recorded outputs to number tasks and run a vote on them: outputs per second and peak memory.

python -m benchmarks.imported [--outputs 20000] [--samples 16] [--counted]

The outputs are written as a stream, one per line, as from a model with 60% accuracy; the file is never held in memory.
With `--counted`, the file states token counts; otherwise the pocket model's tokenizer counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from random import Random

from tts_bench.engines.environment import prepare


def write(folder: Path, outputs: int, samples: int, *, counted: bool) -> tuple[Path, Path]:
    """A data folder with one problem per `samples` outputs, and the file of outputs."""
    (folder / "gsm8k").mkdir()
    problems = -(-outputs // samples)
    with (folder / "gsm8k" / "test.jsonl").open("w") as file:
        for number in range(problems):
            question = f"Crate {number} holds {number % 97} apples, and {number % 89 + 2} more are put in. How many?"
            row = {"question": question, "answer": f"#### {number % 97 + number % 89 + 2}"}
            file.write(json.dumps(row) + "\n")
    random = Random(0)
    with (folder / "outputs.jsonl").open("w") as file:
        for each in range(outputs):
            number = each // samples
            have, more = number % 97, number % 89 + 2
            said = have + more + (0 if random.random() < 0.6 else random.randint(1, 9))
            steps = "".join(
                f"Step {step}: the crate holds {have + step} apples so far, so I go on.\n"
                for step in range(random.randint(2, 12))
            )
            text = f"<think>\n{steps}So {have} and {more} are {said}.\n</think>\n\nThe answer is \\boxed{{{said}}}."
            line: dict[str, object] = {"doc_id": number, "response": text}
            file.write(json.dumps({**line, "tokens": len(text) // 4} if counted else line) + "\n")
    return folder, folder / "outputs.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=int, default=20_000)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--counted", action="store_true")
    given = parser.parse_args()
    prepare()
    with tempfile.TemporaryDirectory() as place:
        data, file = write(Path(place), given.outputs, given.samples, counted=given.counted)
        print(f"{given.outputs:,} outputs, {given.samples} each, {file.stat().st_size / 1e6:,.0f} MB", flush=True)
        _play(data, file, Path(place) / "run", counted=given.counted, outputs=given.outputs)


def _play(data: Path, file: Path, out: Path, *, counted: bool, outputs: int) -> None:
    from tts_bench.present.progress import Progress
    from tts_bench.runs.importing import ImportConfig, import_pool
    from tts_bench.runs.run import load

    began = time.perf_counter(), time.process_time()
    tokenizer = None if counted else "pocket"
    about, checked = import_pool(ImportConfig((file,), "gsm8k", "made", out, tokenizer, data_dir=data))
    _say("import", began, outputs)
    began = time.perf_counter(), time.process_time()
    run = load(checked)
    with Progress(len(run.items), list(run.labels.values()), quiet=True) as progress:
        result = run.execute(progress)
    timing = json.loads((out / "run.json").read_text())["timing"]
    _say("vote and scores", began, about.outputs)
    print(f"  of that generation {timing['generation_seconds']:.1f} s, scoring {timing['scoring_seconds']:.1f} s")
    print(f"  errors {len(result.errors)}, accuracy of the last rung {result.curve[-1].accuracy:.3f}")


def _say(what: str, began: tuple[float, float], outputs: int) -> None:
    seconds, busy = time.perf_counter() - began[0], time.process_time() - began[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = f"{outputs / seconds:,.0f} outputs/s ({outputs / busy:,.0f} per second of the processor)"
    print(f"{what}: {seconds:.1f} s, {rate}, peak {peak:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
