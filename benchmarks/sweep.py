"""What a sweep of the four strategies generates, against what its records need and against one strategy at a time.

A token is needed once: segments of one origin are one generation, of which the longest cut counts. The learned token
is the model's own "Wait" row, saved as a token file for this benchmark. Exit code 1 if more than 1.02 times the needed
tokens are generated.

    python benchmarks/sweep.py [--model smollm2 --task gsm8k --limit 4 --max-thinking-tokens 64]
"""

from __future__ import annotations

from tts_bench.engines.environment import prepare as prepare_environment

prepare_environment()  # before torch

import argparse  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Iterable, Sequence  # noqa: E402
from dataclasses import dataclass, replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from rich.console import Console  # noqa: E402

from tts_bench.config import ModelConfig, RunConfig  # noqa: E402
from tts_bench.present.progress import Progress  # noqa: E402
from tts_bench.records import Record  # noqa: E402
from tts_bench.runs.run import prepare  # noqa: E402
from tts_bench.tokens import tokenfile  # noqa: E402

ALLOWED = 1.02
WITHOUT_TOKEN = ("baseline:budgets=16+32+64", "budget-forcing:extensions=2", "majority-vote:samples=4")


@dataclass(frozen=True)
class Spent:
    """Tokens of one run. Only the hf engine reports what was read."""

    made: int  # sampled by the engine
    needed: int  # sampled tokens that the records are made of, each once
    cues: int  # inserted where thinking had ended
    errors: int
    prefilled: int | None = None  # prompt tokens read
    fed: int | None = None  # other known tokens read
    prompts: int = 0  # prompt tokens of the records, each prompt once


def strategies(token: Path) -> tuple[str, ...]:
    return (*WITHOUT_TOKEN, f"learned-token:token={token},extensions=2")


def save_token(folder: Path, row: Sequence[float], *, model: str, fingerprint: str) -> Path:
    """A token file with a given row: a copy, not a trained one."""
    tokenfile.save(
        folder,
        row,
        model=model,
        fingerprint=fingerprint,
        name="<|wait-copy|>",
        init="Wait",
        training={},
        licence="that of the model",
    )
    return folder


def wait_row(model: Path) -> list[float]:
    """The input-embedding row of "Wait"."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    [wait] = AutoTokenizer.from_pretrained(model)("Wait", add_special_tokens=False).input_ids
    weight: Any = AutoModelForCausalLM.from_pretrained(model, dtype="float32").get_input_embeddings().weight
    return list(weight[wait].tolist())


def measure(config: RunConfig, folder: Path) -> Spent:
    """Run `config` with its own store inside `folder`."""
    own = replace(config, model=replace(config.model, store=folder / "generations.sqlite"))
    run = prepare(own, folder / "run")
    with Progress(len(run.items), list(run.labels.values()), Console(file=io.StringIO())) as progress:
        outcome = run.execute(progress)
    timing = json.loads((outcome.out / "run.json").read_text("utf-8"))["timing"]
    records = list(run.folder.records())
    counts = getattr(run.model.engine, "counts", None)
    return Spent(
        made=timing["tokens"]["made"],
        needed=needed(records, "thinking", "answer"),
        cues=sum(max((answer.cues for answer in record.answers), default=0) for record in records),
        errors=len(outcome.errors),
        prefilled=counts.prefilled if counts else None,
        fed=counts.fed if counts else None,
        prompts=needed(records, "prompt"),
    )


def needed(records: Iterable[Record], *kinds: str) -> int:
    """Tokens of the records' segments of `kinds`, each origin once at its longest, sampled ends included."""
    longest: dict[str, int] = {}
    for record in records:
        for segment in record.segments:
            if segment.kind in kinds:
                length = segment.tokens + segment.end
                longest[segment.origin] = max(length, longest.get(segment.origin, 0))
    return sum(longest.values())


def compare(config: RunConfig, folder: Path) -> tuple[Spent, dict[str, Spent]]:
    """All strategies of `config` in one run, and each in its own run with an empty store."""
    together = measure(config, folder / "sweep")
    alone = {
        spec: measure(replace(config, strategies=(spec,)), folder / str(place))
        for place, spec in enumerate(config.strategies)
    }
    return together, alone


def table(together: Spent, alone: dict[str, Spent]) -> str:
    one_by_one = Spent(
        made=sum(spent.made for spent in alone.values()),
        needed=together.needed,
        cues=sum(spent.cues for spent in alone.values()),
        errors=sum(spent.errors for spent in alone.values()),
        prefilled=_sum(spent.prefilled for spent in alone.values()),
        fed=_sum(spent.fed for spent in alone.values()),
        prompts=together.prompts,
    )
    rows = {f"{spec.partition(':')[0]} alone": spent for spec, spent in alone.items()}
    rows |= {"one by one, added up": one_by_one, "the sweep": together}
    lines = [
        "| run | cues | tokens generated | needed | ratio | prompt tokens read | unique of them | other tokens read |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, spent in rows.items():
        known = ["-" if value is None else str(value) for value in (spent.prefilled, spent.fed)]
        ratio = f"{spent.made / spent.needed:.3f}"
        lines.append(
            f"| {name} | {spent.cues} | {spent.made} | {spent.needed} | {ratio} "
            f"| {known[0]} | {spent.prompts} | {known[1]} |"
        )
    return "\n".join(lines)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket", help="folder, hub id or alias")
    parser.add_argument("--task", default="pocket_arithmetic")
    parser.add_argument("--limit", type=int, default=50, help="problems")
    parser.add_argument("--max-thinking-tokens", type=int, default=400)
    parser.add_argument("--max-answer-tokens", type=int, default=16)
    given = parser.parse_args()
    from tts_bench import models

    found = models.resolve(given.model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        row = wait_row(found.folder)
        token = save_token(folder / "token", row, model=given.model, fingerprint=found.fingerprint)
        model = ModelConfig(
            model=given.model,
            engine="hf:workers=1",  # whose counts can be read
            max_thinking_tokens=given.max_thinking_tokens,
            max_answer_tokens=given.max_answer_tokens,
        )
        config = RunConfig(model, (given.task,), strategies(token), limit=given.limit)
        together, alone = compare(config, folder)
    print(table(together, alone))
    print(f"\nThe sweep's {together.made} tokens against {together.needed} needed; at most {ALLOWED} is allowed.")
    errors = together.errors + sum(spent.errors for spent in alone.values())
    if errors or together.made > ALLOWED * together.needed:
        sys.exit(f"{errors} errors" if errors else 1)


if __name__ == "__main__":
    main()
