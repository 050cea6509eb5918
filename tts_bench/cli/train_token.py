"""`tts-bench train-token`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tts_bench.errors import UserError

_MODEL, _ROLLOUTS, _LEARNING, _JUDGING = "Model", "Rollouts", "Learning", "Judging"


def train_token(
    model: Annotated[str, typer.Option(help="Folder, GGUF file, hub id or alias.")] = "pocket",
    task: Annotated[str, typer.Option(help="Task with a train split.")] = "pocket_arithmetic",
    out: Annotated[Path | None, typer.Option(help="Folder of the token.", show_default="tokens/MODEL-SEED")] = None,
    start: Annotated[str, typer.Option("--from", help="Text whose embedding the row starts from.")] = "Wait",
    name: Annotated[str, typer.Option(help="What the token is called.")] = "<|continue-thinking|>",
    seed: Annotated[int, typer.Option(help="Seed of problems and rollouts.")] = 0,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of data files (or TTS_BENCH_DATA).")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the token, for its card.")] = "that of the model",
    steps: Annotated[int, typer.Option(rich_help_panel=_LEARNING)] = 20,
    inner: Annotated[int, typer.Option(help="Updates from the same rollouts.", rich_help_panel=_LEARNING)] = 4,
    lr: Annotated[float, typer.Option(help="Of the row's norm, an update.", rich_help_panel=_LEARNING)] = 0.1,
    clip: Annotated[float, typer.Option(rich_help_panel=_LEARNING)] = 0.2,
    micro_batch: Annotated[int, typer.Option(help="Sequences of one forward pass.", rich_help_panel=_LEARNING)] = 16,
    format_reward: Annotated[
        float, typer.Option(help="For a boxed answer, beside 1 for a right one.", rich_help_panel=_LEARNING)
    ] = 0.1,
    shuffle_rewards: Annotated[
        bool,
        typer.Option("--shuffle-rewards", help="Control: nothing can be learned.", rich_help_panel=_LEARNING),
    ] = False,
    problems_per_step: Annotated[int, typer.Option(rich_help_panel=_ROLLOUTS)] = 16,
    group: Annotated[int, typer.Option(help="Rollouts of one problem.", rich_help_panel=_ROLLOUTS)] = 16,
    continuations: Annotated[int, typer.Option(help="Times that the token is put in.", rich_help_panel=_ROLLOUTS)] = 1,
    rollout_engine: Annotated[
        str, typer.Option(help="hf: the model that is updated; vllm: a second one.", rich_help_panel=_ROLLOUTS)
    ] = "hf",
    vllm: Annotated[
        str, typer.Option(help="Options of vLLM's own, key=value,...", show_default="none", rich_help_panel=_ROLLOUTS)
    ] = "",
    shared_prefix: Annotated[
        bool, typer.Option(help="A group thinks alike up to the first cue.", rich_help_panel=_ROLLOUTS)
    ] = True,
    temperature: Annotated[
        float | None,
        typer.Option(show_default="the model's own, or 1", rich_help_panel=_ROLLOUTS),
    ] = None,
    max_thinking_tokens: Annotated[
        int | None, typer.Option(help="Cap of a trace's thinking.", rich_help_panel=_ROLLOUTS)
    ] = None,
    max_answer_tokens: Annotated[
        int | None, typer.Option(help="Kept for the answer.", rich_help_panel=_ROLLOUTS)
    ] = None,
    hold_out: Annotated[
        int, typer.Option(help="Training problems that are never trained on.", rich_help_panel=_JUDGING)
    ] = 64,
    evaluate_every: Annotated[int, typer.Option(help="Steps between looks at them.", rich_help_panel=_JUDGING)] = 4,
    patience: Annotated[
        int, typer.Option(help="Looks without a better one before it stops; 0: never.", rich_help_panel=_JUDGING)
    ] = 3,
    test_task: Annotated[
        str | None, typer.Option(help="Task of the last evaluation.", show_default="--task", rich_help_panel=_JUDGING)
    ] = None,
    test_problems: Annotated[int, typer.Option(help="Of its test split; 0: none.", rich_help_panel=_JUDGING)] = 300,
    test_continuations: Annotated[int, typer.Option(rich_help_panel=_JUDGING)] = 4,
    votes: Annotated[int, typer.Option(help="Samples of the vote it is held against.", rich_help_panel=_JUDGING)] = 16,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", rich_help_panel=_MODEL)] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.", rich_help_panel=_MODEL)] = "auto",
    rows: Annotated[int, typer.Option(help="Sequences decoded together.", rich_help_panel=_MODEL)] = 64,
    threads: Annotated[int | None, typer.Option(help="Threads of the processor.", rich_help_panel=_MODEL)] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.", rich_help_panel=_MODEL)
    ] = False,
    thinking: Annotated[str | None, typer.Option(help="Thinking format.", rich_help_panel=_MODEL)] = None,
    think_start: Annotated[str | None, typer.Option(help="Its start.", rich_help_panel=_MODEL)] = None,
    think_end: Annotated[str | None, typer.Option(help="Its end.", rich_help_panel=_MODEL)] = None,
    answer_suffix: Annotated[str | None, typer.Option(help="What asks for the answer.", rich_help_panel=_MODEL)] = None,
    system: Annotated[str | None, typer.Option(help="System prompt.", rich_help_panel=_MODEL)] = None,
) -> None:
    """Train a continue-thinking token: one embedding row of a frozen model, by reinforcement learning.

    The same command again resumes. top-k, top-p and min-p are off: the loss follows plain sampling. Several processes
    share the work: torchrun --standalone --nproc-per-node N -m tts_bench train-token ...
    """
    given = locals()
    from tts_bench.learning.team import follows

    try:
        _train(given)
    except UserError:
        if follows():  # the leading process says it
            raise typer.Exit(2) from None
        raise


def _train(given: dict[str, Any]) -> None:
    from dataclasses import fields
    from re import sub

    from tts_bench.harness.config import ModelConfig
    from tts_bench.learning.config import TrainConfig
    from tts_bench.learning.precheck import precheck
    from tts_bench.learning.team import joined

    ours = {
        field.name: given[field.name] for field in fields(ModelConfig) if field.name in given and field.name != "vllm"
    }
    name = sub(r"[^A-Za-z0-9_.+-]", "_", given["model"].rstrip("/").rpartition("/")[2])
    where = given["out"] or Path("tokens") / f"{name}-{given['seed']}"
    rest = {field.name: given[field.name] for field in fields(TrainConfig) if field.name not in ("model", "out")}
    config = TrainConfig(ModelConfig(**ours, top_k=0, top_p=1.0, min_p=0.0), out=where, **rest)
    with joined() as team:
        with team.united():
            precheck(config)
        from tts_bench.cli.report_token import train_and_show  # loads torch and lm-eval

        train_and_show(config, team)
