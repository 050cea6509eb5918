"""What each slot holds, which of it a request can go on from, and which is given up first."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .slots import Slots


class Row:
    """A prompt and the tokens fed after it, whose keys and values lie in a slot."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.prompt: tuple[int, ...] = ()  # empty: the slot holds nothing
        self.fed = array("q")
        self.logits: NDArray[np.float32] | None = None  # after the prompt's last token
        self.busy = False
        self.used = 0

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.fed)

    def clear(self) -> None:
        self.prompt, self.fed, self.logits = (), array("q"), None

    def common(self, known: Sequence[int]) -> int:
        """How many of `known` tokens after the prompt it has been fed."""
        count = min(len(known), len(self.fed))
        differ = np.frombuffer(self.fed, np.int64, count) != np.asarray(known[:count], np.int64) if count else []
        places = np.flatnonzero(differ)
        return int(places[0]) if len(places) else count


class Rows:
    """All rows, one for each slot. Busy rows are moved to the first slots, so that a step covers them alone."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.all: list[Row] = []  # in the order of their slots
        self._clock = 0

    def resize(self, count: int, capacity: int) -> None:
        """Keep the rows of the first `count` slots."""
        self.slots.resize(count, capacity)
        self.all = self.all[:count] + [Row(slot) for slot in range(len(self.all), count)]

    def drop(self) -> None:
        """Forget everything and give the memory back."""
        self.resize(0, 0)

    def take(self, slot: int, prompt: tuple[int, ...], known: Sequence[int]) -> Row:
        """A row for `prompt`, busy and moved to `slot`, that holds as much of `known` as any row does.

        The last known token is left to be fed, since its logits are wanted. The row is empty where no row has the
        prompt: it has to be prefilled.
        """
        best, common = self._match(prompt, known)
        row = best if best and not best.busy and best.length - len(prompt) <= common + 1 else self._oldest()
        if row is not best:
            row.clear()
        row.busy = True
        self.move(row, slot)
        if best:
            if row is not best:
                self.slots.copy(best.slot, row.slot, len(prompt) + common)
                row.prompt, row.logits = best.prompt, best.logits
                best.used = self._tick()
            row.fed = best.fed[:common]
        return row

    def release(self, row: Row) -> None:
        """Nobody feeds the row any more; it is kept in case it is continued."""
        row.busy, row.used = False, self._tick()

    def wipe(self, row: Row) -> None:
        """Forget a row whose keys and values may hold NaN, which would reach whoever comes next, mask or no mask."""
        row.clear()
        self.slots.zero(row.slot)

    def move(self, row: Row, slot: int) -> None:
        """Exchange the row with the one that lies in `slot`."""
        other = self.all[slot]
        if other is row:
            return
        self.slots.swap(row.slot, slot, max(row.length, other.length))
        self.all[row.slot], self.all[slot] = other, row
        row.slot, other.slot = slot, row.slot

    def _match(self, prompt: tuple[int, ...], known: Sequence[int]) -> tuple[Row | None, int]:
        same = [row for row in self.all if row.prompt == prompt]
        wanted = known[:-1]
        # Idle before busy: an idle row that ends where the request begins needs no copy.
        return max(
            ((row, row.common(wanted)) for row in same),
            key=lambda found: (found[1], not found[0].busy, -found[0].length),
            default=(None, 0),
        )

    def _oldest(self) -> Row:
        return min((row for row in self.all if not row.busy), key=lambda row: row.used)

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
