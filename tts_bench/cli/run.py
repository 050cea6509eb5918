"""`tts-bench run`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

_MODEL, _GENERATION, _OUTPUT = "Model", "Generation", "Run"


def run(
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME or NAME:key=value,... ; repeat for more. Without a task it joins the default comparison.",
            show_default="baseline, budget-forcing, majority-vote, learned-token",
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            help="Tasks, joined by commas; lm_eval/NAME for lm-eval's own.",
            show_default="pocket_arithmetic; gsm8k for other models",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="The first problems of each task only.", show_default="600 of the default task"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of data files (or TTS_BENCH_DATA).")] = None,
    in_flight: Annotated[
        int | None, typer.Option(help="Problems worked on at once.", show_default="64 for each worker")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one strategy on one problem.")] = 3600.0,
    model: Annotated[
        str | None,
        typer.Option(
            help="Folder, GGUF file, hub id or alias; of an endpoint, the name it serves it by.",
            show_default="pocket",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="hf, vllm, openai, scripted, or another.", rich_help_panel=_MODEL)] = "hf",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=_MODEL)] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.", rich_help_panel=_MODEL)] = "auto",
    rows: Annotated[
        int | None,
        typer.Option(
            help="Sequences decoded together; of an endpoint, requests at once.",
            show_default="64, or 128 for tiny models; 32 of an endpoint",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of the processor, for each worker.", rich_help_panel=_MODEL)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Engines, each in a process or actor of its own.",
            show_default="1, more for tiny models; of Ray, one for each GPU",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Ray cluster that the workers are on: auto, HOST:PORT, or local for this machine alone.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option(help="Prove at start that batches do not change text.", rich_help_panel=_MODEL)
    ] = True,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.", rich_help_panel=_MODEL)
    ] = False,
    base_url: Annotated[str | None, typer.Option(help="URL of an endpoint, up to /v1.", rich_help_panel=_MODEL)] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="Folder or hub id of the tokenizer of an endpoint's model.",
            show_default="found by the model's name",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    request_timeout: Annotated[
        float, typer.Option(help="Seconds for one reply of an endpoint.", rich_help_panel=_MODEL)
    ] = 600.0,
    vllm: Annotated[
        str, typer.Option(help="key=value,... of vLLM's own options, such as its memory.", rich_help_panel=_MODEL)
    ] = "",
    thinking: Annotated[
        str | None, typer.Option(help="Thinking format, where it is not found.", rich_help_panel=_GENERATION)
    ] = None,
    think_start: Annotated[str | None, typer.Option(help="Its start.", rich_help_panel=_GENERATION)] = None,
    think_end: Annotated[str | None, typer.Option(help="Its end.", rich_help_panel=_GENERATION)] = None,
    answer_suffix: Annotated[
        str | None, typer.Option(help="What asks for the answer.", rich_help_panel=_GENERATION)
    ] = None,
    system: Annotated[str | None, typer.Option(help="System prompt.", rich_help_panel=_GENERATION)] = None,
    template_arg: Annotated[
        list[str] | None,
        typer.Option(
            help="name=value for the chat template, such as enable_thinking=true; repeat for more.",
            rich_help_panel=_GENERATION,
        ),
    ] = None,
    reasoning_effort: Annotated[
        str | None,
        typer.Option(help="Effort, where the chat template has it: low, medium ...", rich_help_panel=_GENERATION),
    ] = None,
    template_date: Annotated[
        str | None,
        typer.Option(
            help="YYYY-MM-DD that the chat template is told, where it speaks of the date.",
            show_default="the day of the first run, also when it is resumed",
            rich_help_panel=_GENERATION,
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="0 is greedy.", show_default="the model's own, or 1", rich_help_panel=_GENERATION),
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="0: all.", rich_help_panel=_GENERATION)] = None,
    top_p: Annotated[float | None, typer.Option(help="1: all.", rich_help_panel=_GENERATION)] = None,
    min_p: Annotated[float | None, typer.Option(help="0: all.", rich_help_panel=_GENERATION)] = None,
    continuation_sampling: Annotated[
        str, typer.Option(help="key=value,... where thinking after a cue differs.", rich_help_panel=_GENERATION)
    ] = "",
    answer_sampling: Annotated[
        str, typer.Option(help="key=value,... where answers differ.", rich_help_panel=_GENERATION)
    ] = "",
    max_thinking_tokens: Annotated[
        int | None,
        typer.Option(
            help="Cap of a trace's thinking, cues included.",
            show_default="8192, or what the context leaves",
            rich_help_panel=_GENERATION,
        ),
    ] = None,
    max_answer_tokens: Annotated[
        int | None,
        typer.Option(
            help="Kept for the answer on top of it.",
            show_default="1024, or an eighth of the context",
            rich_help_panel=_GENERATION,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random streams.", rich_help_panel=_GENERATION)] = 0,
    store: Annotated[
        Path | None, typer.Option(help="Generations made so far.", show_default="generations.sqlite beside the folder")
    ] = None,
) -> None:
    """Run strategies on tasks with a model; draw accuracy against compute.

    With neither model nor tasks: the pocket model, a synthetic control that ships with this package, on its own task.
    The same command again resumes: nothing that was generated is generated again.
    """
    given = locals()
    from tts_bench.harness.config import ModelConfig, RunConfig
    from tts_bench.harness.defaults import plan
    from tts_bench.harness.precheck import precheck
    from tts_bench.tasks import catalog

    named = tuple(name.strip() for name in tasks.split(",") if name.strip()) if tasks is not None else ()
    if tasks is not None:
        catalog.check(named)
    planned = plan(engine, model, named, strategy or (), limit)
    given |= {"model": planned.model, "template_args": tuple(template_arg or ())}
    settings = ModelConfig(**{each.name: given[each.name] for each in fields(ModelConfig) if each.name in given})
    config = RunConfig(settings, planned.tasks, planned.strategies, planned.limit, data_dir, in_flight, timeout)
    precheck(config, out)
    from tts_bench.cli.report_run import run_and_show  # loads torch and lm-eval

    run_and_show(config, out)
