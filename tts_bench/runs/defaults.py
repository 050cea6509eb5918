"""What a run does where little or nothing is said: the default comparison on the pocket model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from tts_bench import config_file, options, presets, registry
from tts_bench.config import RunConfig
from tts_bench.engines import kinds
from tts_bench.errors import UserError
from tts_bench.presets import Expanded, expanded
from tts_bench.solving.requirements import scores
from tts_bench.tasks import catalog

POCKET, POCKET_TASK, _POCKET_TASKS = "pocket", "pocket_arithmetic", "pocket_"
# What any strategy is measured against: rungs from too little thinking to all of it, "Wait", and a vote.
COMPARISON = ("baseline:budgets=16+24+32+64", "budget-forcing:extensions=4", "majority-vote:samples=16")
LEARNED = "learned-token"
POCKET_SCORER = "pocket:says=steps"  # of lines of thinking, 5% of them wrongly: docs/scorers.md
_SEARCH, _PARAGRAPH, _LINE = "search", "\n\n", "\n"  # what ends a step by default, and in the pocket model's thinking
_PLAIN = ("baseline", "budget-forcing", "majority-vote")
LIMIT = 600  # problems: the fewest that give every accuracy an interval of at most 4 points to either side


@dataclass(frozen=True)
class Plan:
    """What is run on what."""

    model: str | None
    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    limit: int | None
    scorers: tuple[str, ...] = ()


def plan(
    engine: str,
    model: str | None,
    tasks: tuple[str, ...],
    strategies: Sequence[str],
    limit: int | None,
    scorers: tuple[str, ...] = (),
    tell: Callable[[str], None] = print,
) -> Plan:
    """Fill in what was not said (None, or empty).

    The pocket model is measured on `pocket_arithmetic`, and whatever strategies are named, they join the default
    comparison, but for what `-NAME` leaves out; where a task is named, nothing joins anything. Other models are
    measured on GSM8K. Strategies of a group that score are left out where there is no scorer, and `tell` says so; the
    pocket tasks have one of their own. The group of searches ends its steps at line breaks there, since the pocket
    model writes no blank lines.

    Raises:
        UserError: tasks without a model that could read them, a strategy that cannot be had, or none that is left.
    """
    if engine != "hf" or model not in (None, POCKET):
        usual = _PLAIN if engine != "replay" else _PLAIN[:1]  # of recorded outputs nothing more is sure
        specs = _with_scorer(expanded(strategies), scorers, tell)
        return Plan(model, tasks or ("gsm8k",), _asked_for(strategies, specs, usual), limit, scorers)
    foreign = [task for task in tasks if not task.startswith(_POCKET_TASKS)]
    if foreign and model is None:
        raise UserError(
            f"--tasks {','.join(foreign)} needs a model: the default one, pocket, reads only its own tasks. "
            "Type --model smollm2, or any other that tts-bench models lists."
        )
    found = expanded(strategies)
    if _SEARCH in strategies:
        found = _by_lines(found, tell)
    if not scorers and not foreign and any(_scores(spec) for spec in found.specs):
        scorers = (POCKET_SCORER,)
    specs = _with_scorer(found, scorers, tell)
    if tasks:
        return Plan(POCKET, tasks, _asked_for(strategies, specs, COMPARISON), limit, scorers)
    own = [spec for spec in specs if spec not in found.grouped or spec not in _PLAIN]
    left_out = {spec[1:] for spec in strategies if spec.startswith("-")}
    specs = _asked_for(strategies, _joined(own, left_out), (*COMPARISON, LEARNED))
    return Plan(POCKET, (POCKET_TASK,), specs, LIMIT if limit is None else limit, scorers)


def resolved(
    said: Mapping[str, Any],
    flags: Mapping[str, str] | None = None,
    *,
    over: bool = False,
    tell: Callable[[str], None] = print,
) -> RunConfig:
    """The configuration of values by key, with what is run where nothing is said.

    `flags` are texts of the engine's options, as for `kinds.chosen`; `tell` is told what was left out of a group.

    Raises:
        UserError: an engine, a task or a value that cannot be.
    """
    if "tasks" in said:
        catalog.check(said["tasks"])
    engine = kinds.chosen(said.get("engine", "hf"), flags, over=over)
    tasks, strategies, scorers = (tuple(said.get(key, ())) for key in ("tasks", "strategies", "scorers"))
    planned = plan(engine.name, said.get("model"), tasks, strategies, said.get("limit"), scorers, tell)
    return config_file.built({**said, **vars(planned), "engine": engine.spec})


def _with_scorer(found: Expanded, scorers: Sequence[str], tell: Callable[[str], None]) -> tuple[str, ...]:
    """The strategies, without those of a group that score where the run has no scorer."""
    without = [spec for spec in found.specs if spec in found.grouped and not scorers and _scores(spec)]
    if without:
        tell(f"Left out, since the run has no scorer (--scorer NAME=KIND): {', '.join(without)}.")
    return tuple(spec for spec in found.specs if spec not in without)


def _by_lines(found: Expanded, tell: Callable[[str], None]) -> Expanded:
    """The searches that no one named take a line of thinking for a step."""
    named = {
        name: f"{name}:stop={_LINE}"
        for name in presets.groups()[_SEARCH]
        if name in found.grouped and getattr(registry.strategy_class(name), "stop", None) == _PARAGRAPH
    }
    if named:
        tell(
            f"The pocket model writes no blank lines, so a step ends at a line break (stop=\\n) in: {', '.join(named)}."
        )
    specs = tuple(named.get(spec, spec) for spec in found.specs)
    return Expanded(specs, frozenset(named.get(spec, spec) for spec in found.grouped))


def _scores(spec: str) -> bool:
    try:
        return scores(registry.build(spec))
    except UserError:
        return False  # the run's check refuses it


def _asked_for(strategies: Sequence[str], specs: tuple[str, ...], usual: tuple[str, ...]) -> tuple[str, ...]:
    """What came of the strategies that were typed; what is `usual` only where none was.

    Raises:
        UserError: nothing came of them.
    """
    if strategies and not specs:
        said = ",".join(strategies)
        raise UserError(f"--strategies {said} leaves every strategy out. Leave one in, such as baseline.")
    return specs if strategies else usual


def _joined(strategies: Sequence[str], left_out: Set[str]) -> tuple[str, ...]:
    """`strategies` behind those of the default comparison that are neither among them nor left out by `-NAME`."""
    gone = left_out | {options.parse(strategy)[0] for strategy in strategies}
    return (*(arm for arm in COMPARISON if options.parse(arm)[0] not in gone), *strategies)
