"""What can be refused at once, before torch and lm-eval are imported. The rules stand where they are applied."""

from __future__ import annotations

from pathlib import Path

from tts_bench import registry
from tts_bench.harness.config import RunConfig
from tts_bench.harness.folder import RunFolder
from tts_bench.harness.model import check
from tts_bench.tasks import catalog, data


def precheck(config: RunConfig, out: Path | None) -> None:
    """Refuse what `prepare` would refuse later: strategies, tasks, model and folders that cannot be.

    Raises:
        UserError: as `prepare`; what needs the data or the weights is left to it.
    """
    registry.build_all(config.strategies)
    catalog.check(config.tasks)
    data.data_folder(config.data_dir)
    check(config.model)
    if out is not None:
        RunFolder(out).check()
