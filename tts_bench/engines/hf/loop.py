"""Continuous batching: a thread that decodes whatever is in flight, row by row joining and leaving."""

from __future__ import annotations

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from tts_bench.engine import Generation
from tts_bench.engines.hf.decoder import Decoder, Reading
from tts_bench.engines.hf.jobs import Finished, Job, Queue, hand_over
from tts_bench.engines.hf.measuring import measure
from tts_bench.engines.hf.pages import PAGE
from tts_bench.engines.hf.rows import Rows, common_length
from tts_bench.engines.hf.sampling import draw
from tts_bench.engines.hf.stops import trailing_stop
from tts_bench.streams import uniform

T = TypeVar("T")

_WORTH = 16  # tokens that two requests share beyond what is held, from which on one waits for the other


@dataclass
class Counts:
    """What the engine has done so far."""

    prefilled: int = 0  # prompt tokens
    fed: int = 0  # known tokens stepped through the batch
    sampled: int = 0
    steps: int = 0
    halvings: int = 0  # of the number of rows, for lack of memory
    preempted: int = 0  # rows sent back to wait, for lack of memory
    busy: float = 0.0  # seconds of work


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
        self._table = Rows(decoder.pages)
        self._active: list[Job] = []
        self._waiting = Queue()
        self._inbox: deque[Job] = deque()
        self._finished: list[tuple[Job, Finished]] = []  # handed over together, once a step
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, first: Callable[[Rows], T]) -> T:
        """Start the thread; returns what `first` returns there."""
        outcome: Future[T] = Future()

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
                    self._finished += [(job, error) for job in self._blamed()]
            hand_over(self._finished)
            self.counts.busy += time.perf_counter() - started
        self._finished += [(job, None) for job in (*self._leave_all(), *self._waiting.jobs())]
        hand_over(self._finished)

    def _collect(self) -> bool:
        """Take in what has been submitted; waits while there is nothing to do. False when the engine is closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._closed or self._inbox or self._waiting or self._active)
            while self._inbox:
                self._waiting.put(self._inbox.popleft())
            return not self._closed

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._active if job.cancelled]:
            self._leave(job)

    def _admit(self) -> None:
        fresh: list[Job] = []
        while self._wave(fresh):
            pass
        if fresh:
            self._sample(fresh, np.stack([job.row.logits for job in fresh if job.row and job.row.logits is not None]))

    def _wave(self, fresh: list[Job]) -> bool:
        """Let jobs in and read their prompts side by side, adding to `fresh`; True if others waited for these prompts.

        Who begins as a prompt that is to be read goes on from it in the next wave, so that nothing is read twice.
        """
        reading: list[tuple[Job, int]] = []
        aside: list[Job] = []
        behind: list[Job] = []
        try:
            while self._waiting and len(self._active) + len(aside) < self._rows:
                job = self._waiting.first
                if job.cancelled:
                    self._waiting.pop()
                elif self._room(job) <= 0:
                    self._finished.append((self._waiting.pop(), job.generation("context")))
                elif self._begins_as(job, reading):
                    aside.append(self._waiting.pop())
                elif self._follows(job):
                    behind.append(self._waiting.pop())
                elif self._affordable(job, aside):
                    held = self._join(self._waiting.pop())
                    if held < len(job.request.prompt):
                        reading.append((job, held))
                    if not job.known:
                        fresh.append(job)
                elif self._active:
                    break
                else:
                    self._refuse(self._waiting.pop())
        finally:  # also where memory runs out: who is not among the active must wait, or nobody knows of it
            for job in (*aside, *behind):
                self._waiting.put_back(job)
        self._read(reading)
        return bool(aside)

    def _begins_as(self, job: Job, reading: list[tuple[Job, int]]) -> bool:
        """Whether one of the prompts that are `reading` has more of the job's prompt than any row."""
        prompt = job.request.prompt
        if not reading or (held := self._table.held(prompt)) == len(prompt):
            return False
        others = (other.request.prompt for other, _ in reading)
        return any(prompt == other or common_length(prompt, other) >= held + _WORTH for other in others)

    def _follows(self, job: Job) -> bool:
        """Whether a row is being fed more of the job's trace than any row holds: the job waits for it.

        In a row of its own, it would sample no sooner.
        """
        if job.follows:
            return True
        prompt, wanted = job.request.prompt, array("q", job.known[:-1])
        if len(wanted) < _WORTH:
            return False
        alike = ((array("q", other.known), other) for other in self._active if other.request.prompt == prompt)
        common = ((common_length(known, wanted), other) for known, other in alike)
        job.shared, job.leader = max(common, key=itemgetter(0), default=(0, None))
        return job.shared >= self._table.fed(prompt, wanted) + _WORTH

    def _affordable(self, job: Job, aside: Sequence[Job]) -> bool:
        """Whether there is memory for the job, those `aside`, and one more page of everyone who may come to need it."""
        if not self._table.open:
            context = -(-self._context // PAGE)
            count = min(self._budget // self.decoder.pages.page_bytes, 2 * self._rows * context)
            self._table.resize(1 + count, self._rows)
        left = self._table.room - sum(its.length // PAGE + 1 for its in (job, *aside))
        if left >= len(self._active) + len(aside):
            return True
        return left - len(aside) >= sum(
            job.length + job.left > PAGE * len(job.row.pages) for job in self._active if job.row
        )

    def _join(self, job: Job) -> int:
        """Give the job a row; returns how many tokens of its prompt that holds."""
        self._active.append(job)  # from here on it is put back with the others if memory is short
        job.row, held = self._table.take(job.request.prompt, job.known)
        return held

    def _read(self, reading: list[tuple[Job, int]]) -> None:
        rows = [(job.request.prompt, job.row, held) for job, held in reading if job.row]
        if not rows:
            return
        logits = self.decoder.prefill([Reading(prompt, row.pages, held) for prompt, row, held in rows])
        for (prompt, row, held), its in zip(rows, logits, strict=True):
            self._table.enter(row, prompt, its.copy())  # the row outlives the others
            self.counts.prefilled += len(prompt) - held

    def _step(self) -> None:
        self._make_room()
        jobs = [(job, job.row) for job in self._active if job.row]
        if not jobs:
            return
        self._table.close_ranks(row for _, row in jobs)
        logits = self.decoder.step(
            [job.known[len(row.fed)] for job, row in jobs],
            [row.length for _, row in jobs],
            [row.pages for _, row in jobs],
        )
        self.counts.steps += 1
        newest = [index for index, (job, row) in enumerate(jobs) if len(row.fed) == len(job.known) - 1]
        for job, row in jobs:
            self.counts.fed += len(row.fed) < len(job.request.prefix) or len(row.fed) < len(job.known) - 1
            row.fed.append(job.known[len(row.fed)])
        self._sample([jobs[index][0] for index in newest], logits if len(newest) == len(jobs) else logits[newest])

    def _make_room(self) -> None:
        """A place for the next token of every row; where memory is short, who came last goes back to wait."""
        for job in list(self._active):
            while job.row and not self._table.reserve(job.row, job.row.length + 1):
                last = self._active[-1]
                self._leave(last)
                if self._active:
                    self.counts.preempted += 1
                    self._waiting.put(last)
                else:
                    self._refuse(last)

    def _sample(self, jobs: list[Job], logits: NDArray[np.float32]) -> None:
        """The next token of each of `jobs` from its row of `logits`."""
        uniforms = [uniform(job.request.stream, len(job.known)) for job in jobs]
        tokens = draw(logits, [job.request.sampling for job in jobs], uniforms)
        self._measure(jobs, logits, tokens)
        for job, token in zip(jobs, tokens, strict=True):
            row, outcome = job.row, token if isinstance(token, ValueError) else self._sampled(job, token)
            if outcome:
                self._finished.append((job, outcome))
                self._leave(job)
            if row and isinstance(token, ValueError):
                self._table.wipe(row)

    def _measure(self, jobs: list[Job], logits: NDArray[np.float32], tokens: list[int | ValueError]) -> None:
        """Add to the columns of those jobs that have any, from the rows of `logits` that `tokens` were drawn from."""
        alike: dict[tuple[str, ...], dict[int, int]] = {}  # token by place
        for place, (job, token) in enumerate(zip(jobs, tokens, strict=True)):
            if job.columns and isinstance(token, int):
                alike.setdefault(job.request.columns, {})[place] = token
        for names, drawn in alike.items():
            rows = logits if len(drawn) == len(jobs) else logits[list(drawn)]
            for name, numbers in measure(rows, list(drawn.values()), names).items():
                for place, number in zip(drawn, numbers, strict=True):
                    jobs[place].columns[name].append(number)

    def _sampled(self, job: Job, token: int) -> Generation | None:
        """The job goes on by `token`; what it has made if that is its end."""
        job.known.append(token)
        self.counts.sampled += 1
        request = job.request
        stop = int(job.known[-1] in request.stop_ids)
        if not stop and request.stop_texts:
            own = job.known[len(request.prefix) - request.sampled :]
            stop = trailing_stop(own, request.stop_texts, self._decode)
        if stop:
            return job.generation("stop", stop)
        if not job.left:
            return job.generation("length")
        return job.generation("context") if self._room(job) == 0 else None

    def _room(self, job: Job) -> int:
        return self._context - job.length

    def _leave(self, job: Job) -> None:
        """Free the job's row."""
        self._active.remove(job)
        if job.row:
            self._table.release(job.row)
        job.row = None

    def _leave_all(self) -> list[Job]:
        """Take every active job out, in order, and forget all rows."""
        jobs, self._active = self._active, []
        for job in jobs:
            job.row = None
        self._table.drop()
        return jobs

    def _blamed(self) -> list[Job]:
        """Take out whom a failure is laid on: all who are active, or else who was to come in next, if anyone was."""
        return self._leave_all() or ([self._waiting.pop()] if self._waiting else [])

    def _refuse(self, job: Job) -> None:
        message = f"no memory for the keys and values of {job.length + 1} tokens"
        self._finished.append((job, MemoryError(message)))

    def _halve(self, error: Exception) -> None:
        """Out of memory: put everyone back with what they have so far and go on with half the rows."""
        self.counts.halvings += 1
        jobs = self._blamed()
        if len(jobs) > 1:
            self._rows = len(jobs) // 2
            for job in jobs:
                self._waiting.put(job)
            return
        self._rows = self._most_rows  # it failed alone: the others are not at fault
        for job in jobs:
            message = f"out of memory with a single request of {job.length} tokens: {error}"
            self._finished.append((job, MemoryError(message)))


def out_of_memory(error: Exception) -> bool:
    """PyTorch has an exception of its own for this on accelerators; on the CPU it is a plain RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in ("out of memory", "allocate memory"))
