"""`tts-bench train-token`."""

from __future__ import annotations

from pathlib import Path
from re import sub
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_bench.cli import flags
from tts_bench.cli.printing import output
from tts_bench.cli.quiet import quietly
from tts_bench.config import ModelConfig
from tts_bench.engines import kinds
from tts_bench.engines.hf.kind import HfOptions
from tts_bench.errors import UserError
from tts_bench.grammar import split_name
from tts_bench.learning.config import TrainConfig
from tts_bench.text import safe

if TYPE_CHECKING:
    from rich.console import Console

    from tts_bench.learning.evaluation import Evaluation, Gain
    from tts_bench.learning.process_group import ProcessGroup

_MODEL, _ROLLOUTS, _LEARNING, _JUDGING = "Model", "Rollouts", "Learning", "Judging"
_ROWS = 64  # sequences that the hf engine decodes together, where nothing is said


@quietly
@flags.takes(
    flags.of(ModelConfig, "seed"),
    flags.of(TrainConfig, "name", "data_dir", "licence"),
    flags.of(
        TrainConfig,
        *("steps", "inner", "lr", "clip", "micro_batch", "format_reward", "shuffle_rewards"),
        panel=_LEARNING,
    ),
    flags.of(
        TrainConfig,
        *("problems_per_step", "group", "continuations", "rollout_engine", "shared_prefix"),
        panel=_ROLLOUTS,
    ),
    flags.of_engines("vllm", panel=_ROLLOUTS),
    flags.of(ModelConfig, "temperature", "max_thinking_tokens", "max_answer_tokens", panel=_ROLLOUTS),
    flags.of(
        TrainConfig,
        *("hold_out", "evaluate_every", "patience", "test_task", "test_problems", "test_continuations", "votes"),
        panel=_JUDGING,
    ),
    flags.of(ModelConfig, "engine", panel=_MODEL),
    flags.of(
        HfOptions,
        *("device", "dtype", "max_num_seqs", "threads", "trust_remote_code"),
        panel=_MODEL,
        max_num_seqs=str(_ROWS),
    ),
    flags.of(ModelConfig, "thinking", "think_start", "think_end", "answer_suffix", "system", panel=_MODEL),
)
def train_token(
    given: dict[str, Any],
    model: Annotated[str, typer.Option(help="Folder, GGUF file, hub id or alias.")] = "pocket",
    task: Annotated[str, typer.Option(help="Task with a training split.")] = "pocket_arithmetic",
    out: Annotated[Path | None, typer.Option(help="Folder for the token.", show_default="tokens/MODEL-SEED")] = None,
    start: Annotated[str, typer.Option("--from", help="Text whose embedding the row starts from.")] = "Wait",
) -> None:
    """Train a continue-thinking token: one embedding row of a frozen model, by reinforcement learning.

    Repeating the command resumes the training. top-k, top-p and min-p are off, because the loss assumes plain sampling.
    To use several processes: torchrun --standalone --nproc-per-node N -m tts_bench train-token ...
    """
    from tts_bench.learning.process_group import follows

    try:
        _train({**given, "model": model, "task": task, "out": out, "start": start})
    except UserError:
        if follows():  # the leading process says it
            raise typer.Exit(2) from None
        raise


def _train(given: dict[str, Any]) -> None:
    from tts_bench.learning.precheck import precheck
    from tts_bench.learning.process_group import joined

    config = _config(given)
    with joined() as processes:
        with processes.united():
            precheck(config)
        _train_and_show(config, processes)


def _train_and_show(config: TrainConfig, processes: ProcessGroup) -> None:
    """Prepare, train, evaluate and show; of a group of processes, the leading process alone shows."""

    from tts_bench.learning.session import prepare, run  # loads torch and lm-eval
    from tts_bench.present.progress_bar import bar
    from tts_bench.present.training import step

    console = output(quiet=not processes.leads)
    with bar() as fetching:
        trainer = prepare(config, fetching if processes.leads else None, processes)
    info, conditions = trainer.model.engine.info, trainer.model.conditions
    console.print(safe(f"model     {info.model} (sha256 {info.fingerprint[:12]})"), soft_wrap=True)
    console.print(
        safe(f"thinking  {conditions.format.describe()}; at most {conditions.max_thinking} tokens"), soft_wrap=True
    )
    exact = "exact" if info.exact else "not exact: a resumed training may differ in rounding"
    console.print(safe(f"engine    {info.name}, {exact}; sampling {conditions.continuation}"), soft_wrap=True)
    if processes.size > 1:
        console.print(f"processes {processes.size}; they share rollouts and updates", soft_wrap=True)
    problems = trainer.problems
    held = f"{len(problems.training)} problems of {config.task} ({problems.source}), {len(problems.held_out)} held out"
    console.print(safe(f"data      {held}"), soft_wrap=True)
    console.print(safe(f"training  {trainer.folder.path}; repeat the command to resume"), soft_wrap=True)

    def warn(text: str) -> None:
        console.print(safe(f"warning: {text}"), soft_wrap=True)

    found = run(trainer, lambda line: console.print(step(line, config.steps), soft_wrap=True), warn)
    if not processes.leads:
        return
    if found:
        _show(found, config.start, console)
    console.print(safe(f"Written to {config.out}: token.safetensors, card.json, log.jsonl, curve.png"), soft_wrap=True)
    console.print(
        safe(f"Try it: tts-bench run --model MODEL --strategy learned-token:token={config.out}"), soft_wrap=True
    )


def _show(found: Evaluation, word: str, console: Console) -> None:
    """The token's rungs, each against what its critics would ask for. Differences in points with 95% intervals."""
    console.print()
    heading = f"{found.problems} test problems of {found.task}, {found.baseline:.1%} right without the token"
    console.print(safe(heading), soft_wrap=True)
    for rung in found.rungs:
        facts = [f"right {rung.accuracy:.1%}", f"{rung.tokens:.0f} tokens", f"fixed {rung.fixed:.1%}"]
        facts += [f"spoiled {rung.spoiled:.1%}", *(f"{name} {score:.1%}" for name, score in rung.scores.items())]
        facts.append(f"without an answer {rung.no_answer:.1%}")
        console.print(f"{rung.name}  {', '.join(facts)}", soft_wrap=True)
        for gain, against in (
            (rung.over_none, "no token"),
            (rung.over_word, f"{word} {rung.name}"),
            (rung.over_word_at_equal_tokens, f"{word} at equal tokens"),
            (rung.over_vote_at_equal_tokens, "a vote at equal tokens"),
        ):
            console.print(safe(f"    {_points(gain)} over {against}"), soft_wrap=True)
    if any(r.over_word_at_equal_tokens.beyond or r.over_vote_at_equal_tokens.beyond for r in found.rungs):
        console.print("* the other curve ends at fewer tokens and is extended at its last level", soft_wrap=True)
    if found.errors:
        console.print(f"{found.errors} problems ended in errors and are excluded from these numbers", soft_wrap=True)


def _points(gain: Gain) -> str:
    star = "*" if gain.beyond else ""
    return f"{100 * gain.mean:+z5.1f} ({100 * gain.low:z.1f} to {100 * gain.high:z.1f}){star}"


def _config(given: dict[str, Any]) -> TrainConfig:
    texts = flags.texts_of_engine(given)
    more = {"vllm": texts.pop("vllm")} if "vllm" in texts else {}
    rollouts = given.get("rollout_engine", "hf")
    if more and split_name(rollouts, "engine")[0] != "vllm":
        raise UserError(f"--vllm {more['vllm']} needs --rollout-engine vllm. Add it, or remove --vllm.")
    if more:
        given = {**given, "rollout_engine": kinds.chosen(rollouts, more).spec}
    engine = kinds.chosen(given.get("engine", "hf"), texts)
    if getattr(engine.options, "max_num_seqs", _ROWS) is None:
        engine = kinds.chosen(kinds.changed(engine.spec, max_num_seqs=_ROWS))
    model = ModelConfig(**{**flags.of_class(ModelConfig, given), "engine": engine.spec}, top_k=0, top_p=1.0, min_p=0.0)
    name = sub(r"[^A-Za-z0-9_.+-]", "_", given["model"].rstrip("/").rpartition("/")[2])
    out = given["out"] or Path("tokens") / f"{name}-{model.seed}"
    return TrainConfig(**{**flags.of_class(TrainConfig, given), "model": model, "out": out})
