"""The processes that train one token together: which one this is, and what they tell each other.

Any launcher that sets torch's usual variables will do: `torchrun`, `accelerate launch`, a batch system. Imports torch
only where there is more than one process.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from tts_bench.errors import UserError

A = TypeVar("A")
B = TypeVar("B")

PATIENCE = timedelta(hours=2)  # for one step of the slowest process; one that has died is noticed at once
_NEEDED = {"RANK": "", "MASTER_ADDR": "", "MASTER_PORT": "0"}  # and what they are where they are not set
_AGAIN = "Its own messages say why; repeat the command to resume."


@dataclass(frozen=True)
class ProcessGroup:
    """One process's place among all. Everything is told to everyone, so all of them know the same after each call."""

    rank: int = 0
    size: int = 1
    local: int = 0  # its place among the processes of its machine
    beside: int = 1  # how many these are

    @property
    def leads(self) -> bool:
        """Whether this one writes files and speaks to the user."""
        return self.rank == 0

    def each(self, items: Sequence[A], work: Callable[[Sequence[A]], Sequence[B]]) -> list[B]:
        """What `work` makes of each item, in their order, with the items dealt out in turn.

        Raises:
            Exception: whatever `work` raised, in any of the processes: then it is raised in all.
            UserError: a process has ended, or said nothing for longer than the group's patience.
        """
        shares = self._tell(lambda: work(items[self.rank :: self.size]))
        return [shares[place % self.size][place // self.size] for place in range(len(items))]

    def all(self, work: Callable[[], B]) -> list[B]:
        """What `work` gives in each process, by rank.

        Raises:
            Exception, UserError: as `each`.
        """
        return self._tell(work)

    def first(self, work: Callable[[], B]) -> B:
        """What `work` gives in the leading process, the only one to do it.

        Raises:
            Exception, UserError: as `each`.
        """
        [found, *_] = self._tell(lambda: [work()] if self.leads else [])[0]
        return found

    @contextmanager
    def united(self) -> Iterator[None]:
        """All go through the body or none: what one of them raises there is raised in all at its end."""
        failed: list[Exception] = []
        try:
            yield
        except Exception as error:
            failed.append(error)

        def outcome() -> None:
            if failed:
                raise failed[0]

        self._tell(outcome)

    def _tell(self, work: Callable[[], B]) -> list[B]:
        if self.size == 1:
            return [work()]
        failed: Exception | None = None
        try:
            said: B | _Failure = work()
        except Exception as error:
            failed, said = error, _Failure(error)
        heard = self._exchange(said)
        if failed:
            raise failed
        for one in heard:
            if isinstance(one, _Failure):
                raise one.error
        return [one for one in heard if not isinstance(one, _Failure)]

    def _exchange(self, said: B) -> list[B]:
        import torch.distributed as dist

        heard: list[B] = [said] * self.size
        try:
            dist.all_gather_object(heard, said)
        except RuntimeError as error:
            detail = str(error).splitlines()[0].rpartition("] ")[2][:200]
            who = f"another of the {self.size} training processes"
            raise UserError(f"{who} has ended or hangs ({detail}). {_AGAIN}") from error
        return heard


class _Failure:
    """An error on its way to the other processes, as a plain one where it cannot be sent."""

    def __init__(self, error: Exception) -> None:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        self.error = error


SOLO = ProcessGroup()


def follows() -> bool:
    """Whether this process is one of several and not the leading one, as far as its environment tells."""
    return os.environ.get("RANK", "0") != "0" and os.environ.get("WORLD_SIZE", "1") != "1"


@contextmanager
def joined(patience: timedelta = PATIENCE) -> Iterator[ProcessGroup]:
    """The group of this process, as its launcher described it in the environment; `SOLO` where there was no launcher.

    What is exchanged is small, so it goes through gloo and the processors' memory, on GPUs too.

    Raises:
        UserError: the environment is incomplete, or the others cannot be reached.
    """
    size = _number("WORLD_SIZE", 1)
    if size == 1:
        yield SOLO
        return
    if missing := [name for name, none in _NEEDED.items() if os.environ.get(name, none) == none]:
        raise UserError(
            f"WORLD_SIZE is {size}, but {' and '.join(missing)} is not set. Start the processes with torchrun "
            "--standalone --nproc-per-node N -m tts_bench train-token ..., or unset WORLD_SIZE."
        )
    rank = _number("RANK", 0)
    local, beside = _number("LOCAL_RANK", rank), _number("LOCAL_WORLD_SIZE", size)
    _see_one_gpu(local)
    import torch.distributed as dist

    try:
        dist.init_process_group("gloo", timeout=patience)
    except (RuntimeError, ValueError) as error:
        detail = str(error).splitlines()[0][:200]
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise UserError(f"{size} training processes cannot connect at {where}: {detail}. Restart them all.") from error
    try:
        yield ProcessGroup(rank, size, local, beside)
    finally:
        dist.destroy_process_group()


def _see_one_gpu(local: int) -> None:
    """Leave this process the `local`-th of the GPUs that it sees, before anything looks for them; its children too."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    own = str(local) if seen is None else ",".join(seen.split(",")[local : local + 1])
    os.environ["CUDA_VISIBLE_DEVICES"] = own


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name)
    if text is None:
        return otherwise
    if not text.isdecimal():
        raise UserError(f"{name} is {text!r} in the environment; launchers set it to a whole number. Unset it.")
    return int(text)
