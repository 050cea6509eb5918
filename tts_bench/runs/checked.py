"""All of a run that can be refused before torch and lm-eval are imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts_bench import registry
from tts_bench.config import RunConfig
from tts_bench.core.store import check_named
from tts_bench.errors import UserError
from tts_bench.registry import BuiltStrategy
from tts_bench.runs.folder import RunFolder
from tts_bench.scorers import kinds as scorers
from tts_bench.solving.model import CheckedModel
from tts_bench.solving.model import check as check_model
from tts_bench.solving.requirements import check_scorers, needs
from tts_bench.tasks import catalog, data


@dataclass(frozen=True)
class Checked:
    """A run's settings; what needs the data or the weights is still to be seen."""

    config: RunConfig
    strategies: tuple[BuiltStrategy, ...]
    model: CheckedModel
    scorers: tuple[scorers.Chosen, ...] = ()


def check(config: RunConfig, built: Sequence[BuiltStrategy] | None = None) -> Checked:
    """Refuse strategies, tasks, model, scorers and folders that cannot be.

    `built` are the strategies, in the place of those that `config` names.

    Raises:
        UserError: as said.
    """
    strategies = registry.build_all(config.strategies) if built is None else built
    system = config.model.system or ""
    if system.encode("utf-8", "replace").decode() != system:
        raise UserError("--system has a byte that is not UTF-8. Write it in UTF-8.")
    catalog.check(config.tasks)
    data.data_folder(config.data_dir)
    needed = needs(strategies)
    if config.keep_logprobs and not needed.columns:
        raise UserError("--keep-logprobs is given, but no strategy of the run needs log-probabilities. Remove it.")
    if config.model.store is not None:
        check_named(config.model.store)
    model = check_model(config.model, needed)
    scoring = scorers.check(config.scorers)
    check_scorers(strategies, [one.name for one in scoring])
    if config.out is not None:
        RunFolder(config.out).check()
    return Checked(config, tuple(strategies), model, scoring)
