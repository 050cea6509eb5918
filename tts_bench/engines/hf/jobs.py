"""Requests in flight, and those that wait for a row."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Sequence

from tts_bench.columns import Columns
from tts_bench.engine import Finish, Generation, Request
from tts_bench.engines.hf.rows import Row

Finished = Generation | Exception | None  # None: cancelled


class Job:
    """A request in flight, with all that is needed to start it again in any row."""

    def __init__(self, request: Request, future: asyncio.Future[Generation]) -> None:
        self.request, self.future = request, future
        self.known = list(request.prefix)  # and what is sampled after it
        self.columns: dict[str, list[float]] = {name: [] for name in request.columns}
        self.row: Row | None = None
        self.cancelled = False
        self.number = 0  # where it waits
        self.leader: Job | None = None  # it waits until that one is fed `shared` tokens, which they have in common
        self.shared = 0

    def generation(self, finish: Finish, stop: int = 0) -> Generation:
        """What has been sampled so far, as the whole."""
        return Generation(tuple(self.known[len(self.request.prefix) :]), finish, stop, Columns.of(self.columns))

    @property
    def length(self) -> int:
        return len(self.request.prompt) + len(self.known)

    @property
    def left(self) -> int:
        """Most tokens that it may still sample."""
        return self.request.max_tokens - len(self.known) + len(self.request.prefix)

    @property
    def follows(self) -> bool:
        """Whether its leader is still being fed what it waits for."""
        row = self.leader.row if self.leader else None
        return row is not None and len(row.fed) < self.shared

    def settle(self, outcome: Finished) -> None:
        if self.future.done():
            return
        if outcome is None:
            self.future.cancel()
        elif isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Queue:
    """Jobs that wait for a row."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Job]] = []
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def first(self) -> Job:
        return self._heap[0][-1]

    def put(self, job: Job) -> None:
        # What goes on from a trace comes first, the last of it at once: its row is still there, and need not be rebuilt
        # step by step. The others come in turn.
        number = next(self._numbers)
        job.number = -number if job.known else number
        self.put_back(job)

    def put_back(self, job: Job) -> None:
        """It waits again where it has waited."""
        heapq.heappush(self._heap, (job.number, job))

    def pop(self) -> Job:
        return heapq.heappop(self._heap)[-1]

    def jobs(self) -> list[Job]:
        return [job for _, job in self._heap]


def hand_over(finished: list[tuple[Job, Finished]]) -> None:
    """Take these jobs out, and tell whoever waits what came of them, from any thread."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Finished]]] = {}
    for job, outcome in finished:
        by_loop.setdefault(job.future.get_loop(), []).append((job, outcome))
    finished.clear()
    for loop, its in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the event loop has been closed: nobody waits
            loop.call_soon_threadsafe(_settle, its)


def _settle(finished: Sequence[tuple[Job, Finished]]) -> None:
    for job, outcome in finished:
        job.settle(outcome)
