"""Which tasks a token can be trained on."""

from __future__ import annotations

from tts_bench.errors import UserError
from tts_bench.tasks import catalog


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
