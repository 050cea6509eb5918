"""The problems of a run on imported outputs."""

from __future__ import annotations

from tts_bench.engine import Recording
from tts_bench.errors import UserError
from tts_bench.tasks.loading import LoadedTasks


def recorded_documents(
    recorded: Recording, tasks: LoadedTasks, limit: int | None
) -> tuple[Recording, dict[str, list[int]]]:
    """The documents that have outputs, the first `limit` of them, in the task's order; and what is recorded of these.

    Raises:
        UserError: the outputs are for another task, or its data have changed; or the pool is damaged.
    """
    loaded = tasks.tasks.get(recorded.task)
    if loaded is None or len(tasks.tasks) > 1:
        found = ", ".join(tasks.tasks)
        raise UserError(
            f"the imported outputs are for {recorded.task}, but the run is on {found}. Name only that task."
        )
    if loaded.sha256 != recorded.data:
        raise UserError(
            f"the data of {recorded.task} (sha256 {loaded.sha256[:12]}) differ from those at import "
            f"({recorded.data[:12]}). Import the files again, or give the same --data-dir."
        )
    played = sorted(recorded.documents)[:limit]
    return recorded if len(played) == len(recorded.documents) else recorded.of(played), {recorded.task: played}
