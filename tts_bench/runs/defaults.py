"""What a run does where little or nothing is said: the default comparison on the pocket model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tts_bench import config_file, options
from tts_bench.config import RunConfig
from tts_bench.engines import kinds
from tts_bench.errors import UserError
from tts_bench.tasks import catalog

POCKET, POCKET_TASK, _POCKET_TASKS = "pocket", "pocket_arithmetic", "pocket_"
# What any strategy is measured against: rungs from too little thinking to all of it, "Wait", and a vote.
COMPARISON = ("baseline:budgets=16+24+32+64", "budget-forcing:extensions=4", "majority-vote:samples=16")
LEARNED = "learned-token"
_PLAIN = ("baseline", "budget-forcing", "majority-vote")
LIMIT = 600  # problems: the fewest that give every accuracy an interval of at most 4 points to either side


@dataclass(frozen=True)
class Plan:
    """What is run on what."""

    model: str | None
    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    limit: int | None


def plan(engine: str, model: str | None, tasks: tuple[str, ...], strategies: Sequence[str], limit: int | None) -> Plan:
    """Fill in what was not said (None, or empty).

    The pocket model is measured on `pocket_arithmetic`, and whatever strategies are named, they join the default
    comparison; where a task is named, nothing joins anything. Other models are measured on GSM8K.

    Raises:
        UserError: tasks without a model that could read them.
    """
    if engine != "hf" or model not in (None, POCKET):
        return Plan(model, tasks or ("gsm8k",), tuple(strategies) or _PLAIN, limit)
    if not tasks:
        return Plan(POCKET, (POCKET_TASK,), _joined(strategies), LIMIT if limit is None else limit)
    foreign = [task for task in tasks if not task.startswith(_POCKET_TASKS)]
    if foreign and model is None:
        raise UserError(
            f"--tasks {','.join(foreign)} needs a model: the default one, pocket, reads only its own tasks. "
            "Type --model smollm2, or any other that tts-bench models tells of."
        )
    return Plan(POCKET, tasks, tuple(strategies) or COMPARISON, limit)


def resolved(said: Mapping[str, Any], flags: Mapping[str, str] | None = None, *, over: bool = False) -> RunConfig:
    """The configuration of values by key, with what is run where nothing is said.

    `flags` are texts of the engine's options, as for `kinds.chosen`.

    Raises:
        UserError: an engine, a task or a value that cannot be.
    """
    if "tasks" in said:
        catalog.check(said["tasks"])
    engine = kinds.chosen(said.get("engine", "hf"), flags, over=over)
    tasks, strategies = said.get("tasks", ()), said.get("strategies", ())
    planned = plan(engine.name, said.get("model"), tasks, strategies, said.get("limit"))
    return config_file.built({**said, **vars(planned), "engine": engine.spec})


def _joined(strategies: Sequence[str]) -> tuple[str, ...]:
    if not strategies:
        return (*COMPARISON, LEARNED)
    named = {options.parse(strategy)[0] for strategy in strategies}
    return (*(arm for arm in COMPARISON if options.parse(arm)[0] not in named), *strategies)
