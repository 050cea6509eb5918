"""What of a training can be refused at once, before torch and lm-eval are imported."""

from __future__ import annotations

from tts_bench.errors import UserError
from tts_bench.learning.config import TrainConfig, of_rollouts
from tts_bench.solving.model import check
from tts_bench.tasks import catalog, data
from tts_bench.tokens import tokenfile


def precheck(config: TrainConfig) -> None:
    """Refuse what `session.prepare` would refuse later.

    Raises:
        UserError: as `prepare`; what needs the data or the weights is left to it.
    """
    tokenfile.check_free(config.out)
    check_task(config.task)
    catalog.check((config.test_task or config.task,))
    data.data_folder(config.data_dir)
    check(config.model)
    check(of_rollouts(config))


def check_task(name: str) -> None:
    """Refuse a task that has nothing to train on.

    Raises:
        UserError: unknown, lm-eval's own, or without a train split.
    """
    trainable = ", ".join(other for other in catalog.names() if "train" in catalog.describe(other).splits)
    if name.startswith(catalog.PREFIX):
        raise UserError(
            f"--task {name} is lm-eval's own: it has no train split here. Tasks that have one: {trainable}."
        )
    catalog.check((name,))
    if "train" not in catalog.describe(name).splits:
        raise UserError(f"--task {name} has no train split. Tasks that have one: {trainable}.")
