"""What of a training can be refused at once, before torch and lm-eval are imported."""

from __future__ import annotations

from tts_bench.learning.config import TrainConfig, of_rollouts
from tts_bench.learning.tasks import check_task
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
