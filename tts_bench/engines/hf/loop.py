"""Continuous batching: a thread that decodes whatever is in flight, row by row joining and leaving."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tts_bench.engines.base import Generation, Request
from tts_bench.streams import uniform

from .decoder import Decoder, batch_size
from .rows import Row, Rows
from .sampling import draw
from .stops import trailing_stop

Outcome = Generation | Exception | None  # None: cancelled


@dataclass
class Counts:
    """What the engine has done so far."""

    prefilled: int = 0  # prompt tokens
    fed: int = 0  # known tokens stepped through the batch
    sampled: int = 0
    steps: int = 0
    halvings: int = 0  # of the number of rows, for lack of memory
    busy: float = 0.0  # seconds of work


class Job:
    """A request in flight, with all that is needed to start it again in any row."""

    def __init__(self, request: Request, future: asyncio.Future[Generation]) -> None:
        self.request, self.future = request, future
        self.known = list(request.prefix)  # and what is sampled after it
        self.row: Row | None = None
        self.cancelled = False

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(self.known[len(self.request.prefix) :])

    @property
    def length(self) -> int:
        return len(self.request.prompt) + len(self.known)

    def settle(self, outcome: Outcome) -> None:
        if self.future.done():
            return
        if outcome is None:
            self.future.cancel()
        elif isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Loop:
    """Owns the decoder once it is started; requests come in by `submit` from any thread."""

    def __init__(
        self,
        decoder: Decoder,
        decode: Callable[[Sequence[int]], str],
        *,
        rows: int,
        context: int,
        budget: int,
        threads: int,
    ) -> None:
        """`decode` gives the text of token ids; `budget` bounds the key-value storage, in bytes."""
        self.decoder = decoder
        self.counts = Counts()
        self._decode, self._context, self._budget, self._threads = decode, context, budget, threads
        self._most_rows = self._rows = rows
        self._table = Rows(decoder.slots)
        self._active: list[Job] = []  # job i is in slot i
        self._waiting: deque[Job] = deque()
        self._inbox: deque[Job] = deque()
        self._finished: list[tuple[Job, Outcome]] = []  # handed over together, once a step
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, first: Callable[[Rows], str]) -> str:
        """Start the thread; returns what `first` returns there."""
        outcome: Future[str] = Future()

        def run() -> None:
            torch.set_num_threads(self._threads)  # OpenMP keeps the number for each thread that asks
            with torch.inference_mode():
                try:
                    outcome.set_result(first(self._table))
                except BaseException as error:
                    outcome.set_exception(error)
                else:
                    self._run()

        self._thread = threading.Thread(target=run, name="hf-engine", daemon=True)
        self._thread.start()
        return outcome.result()

    def submit(self, jobs: list[Job]) -> None:
        with self._wake:
            if self._closed:
                raise RuntimeError("the engine is closed")
            self._inbox.extend(jobs)
            self._wake.notify()

    def close(self) -> None:
        """End the thread; jobs in flight are cancelled."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while self._collect():
            started = time.perf_counter()
            try:
                self._drop_cancelled()
                self._admit()
                if self._active:
                    self._step()
            except Exception as error:
                if out_of_memory(error):
                    self._halve(error)
                else:
                    self._finished += [(job, error) for job in self._leave_all()]
            self._hand_over()
            self.counts.busy += time.perf_counter() - started
        self._finished += [(job, None) for job in (*self._leave_all(), *self._waiting)]
        self._hand_over()

    def _hand_over(self) -> None:
        """Tell whoever waits what came of the jobs that are finished."""
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
        for job, outcome in self._finished:
            by_loop.setdefault(job.future.get_loop(), []).append((job, outcome))
        self._finished = []
        for loop, finished in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the event loop has been closed: nobody waits
                loop.call_soon_threadsafe(_settle, finished)

    def _collect(self) -> bool:
        """Take in what has been submitted; waits while there is nothing to do. False when the engine is closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._closed or self._inbox or self._waiting or self._active)
            for job in self._inbox:
                # What goes on from a trace comes first: its row is still there, and need not be rebuilt step by step.
                (self._waiting.appendleft if job.known else self._waiting.append)(job)
            self._inbox.clear()
            return not self._closed

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._active if job.cancelled]:
            self._leave(job)
        if any(job.cancelled for job in self._waiting):
            self._waiting = deque(job for job in self._waiting if not job.cancelled)

    def _admit(self) -> None:
        while self._waiting and len(self._active) < self._rows:
            job = self._waiting[0]
            if self._room(job) <= 0:
                self._finished.append((self._waiting.popleft(), Generation(job.tokens, "context")))
            elif not self._reserve(job.length):
                self._refuse(self._waiting.popleft())
            elif job is self._waiting[0] and len(self._active) < self._rows:  # making room may have sent others back
                self._join(job)

    def _join(self, job: Job) -> None:
        request = job.request
        row = self._table.take(len(self._active), request.prompt, job.known)
        job.row = row
        self._active.append(self._waiting.popleft())  # from here on it is put back with the others if memory is short
        if not row.prompt:
            row.logits = self.decoder.prefill(row.slot, request.prompt)
            row.prompt = request.prompt
            self.counts.prefilled += len(request.prompt)
        if not job.known:
            assert row.logits is not None
            self._sample([job], row.logits[None])

    def _step(self) -> None:
        longest = max(job.length for job in self._active)
        if not self._reserve(longest):
            for job in [job for job in self._active if job.length == longest]:
                self._leave(job)
                self._refuse(job)
            return
        jobs = [(job, job.row) for job in self._active if job.row]
        logits = self.decoder.step([job.known[len(row.fed)] for job, row in jobs], [row.length for _, row in jobs])
        self.counts.steps += 1
        newest = [index for index, (job, row) in enumerate(jobs) if len(row.fed) == len(job.known) - 1]
        for job, row in jobs:  # all rows first: a job that leaves moves another one's row
            self.counts.fed += len(row.fed) < len(job.request.prefix) or len(row.fed) < len(job.known) - 1
            row.fed.append(job.known[len(row.fed)])
        self._sample([jobs[index][0] for index in newest], logits if len(newest) == len(jobs) else logits[newest])

    def _sample(self, jobs: list[Job], logits: NDArray[np.float32]) -> None:
        """The next token of each of `jobs` from its row of `logits`."""
        uniforms = [uniform(job.request.stream, len(job.known)) for job in jobs]
        tokens = draw(logits, [job.request.sampling for job in jobs], uniforms)
        for job, token in zip(jobs, tokens, strict=True):
            outcome: Outcome
            if isinstance(token, ValueError):
                outcome, row = token, job.row
                self._leave(job)
                if row:
                    self._table.wipe(row)
            else:
                job.known.append(token)
                self.counts.sampled += 1
                outcome = self._outcome(job)
                if outcome:
                    self._leave(job)
            if outcome:
                self._finished.append((job, outcome))

    def _outcome(self, job: Job) -> Generation | None:
        request = job.request
        stop = int(job.known[-1] in request.stop_ids)
        if not stop and request.stop_texts:
            own = job.known[len(request.prefix) - request.sampled :]
            stop = trailing_stop(own, request.stop_texts, self._decode)
        if stop:
            return Generation(job.tokens, "stop", stop)
        if len(job.tokens) == request.max_tokens:
            return Generation(job.tokens, "length")
        return Generation(job.tokens, "context") if self._room(job) == 0 else None

    def _room(self, job: Job) -> int:
        return self._context - job.length

    def _leave(self, job: Job) -> None:
        """Free the job's row; the last active job moves into the gap, so that a step covers active rows alone."""
        row = job.row
        if row is None:
            return
        job.row = None
        self._table.release(row)
        last = self._active.pop()
        if last is not job and last.row:
            self._active[row.slot] = last
            self._table.move(last.row, row.slot)

    def _leave_all(self) -> list[Job]:
        """Take every active job out, in order, and forget all rows."""
        jobs, self._active = self._active, []
        for job in jobs:
            job.row = None
        self._table.drop()
        return jobs

    def _reserve(self, length: int) -> bool:
        """Make every slot hold `length` tokens and the scratch position; fewer slots where the budget asks for it.

        False where not even the smallest batch fits. Active jobs that lose their row go back to the queue.
        """
        slots = self._table.slots
        if length < slots.capacity:
            return True
        unit = 256 if length < 2048 else 1024
        capacity = (length // unit + 1) * unit
        affordable = self._budget // (capacity * slots.token_bytes)
        if affordable < batch_size(1):
            return False
        while batch_size(self._rows) > affordable:
            self._rows //= 2
            self.counts.halvings += 1
        for job in reversed(self._active[self._rows :]):
            self._leave(job)
            self._waiting.appendleft(job)
        self._table.resize(min(affordable, 2 * batch_size(self._rows)), capacity)
        return True

    def _refuse(self, job: Job) -> None:
        message = f"no memory for the keys and values of {job.length} tokens in {batch_size(1)} rows"
        self._finished.append((job, MemoryError(message)))

    def _halve(self, error: Exception) -> None:
        """Out of memory: put everyone back with what they have so far and go on with half the rows."""
        self.counts.halvings += 1
        jobs = self._leave_all()
        if len(jobs) > 1:
            self._rows = len(jobs) // 2
            self._waiting.extendleft(reversed(jobs))
            return
        self._rows = self._most_rows  # it failed alone: the others are not at fault
        job = jobs[0] if jobs else self._waiting.popleft()
        message = f"out of memory with a single request of {job.length} tokens: {error}"
        self._finished.append((job, MemoryError(message)))


def _settle(finished: list[tuple[Job, Outcome]]) -> None:
    for job, outcome in finished:
        job.settle(outcome)


def out_of_memory(error: Exception) -> bool:
    """PyTorch has an exception of its own for this on accelerators; on the CPU it is a plain RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in ("out of memory", "allocate memory"))
