"""What each row holds, which of it a request can go on from, and which is given up first."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tts_bench.engines.hf.pages import PAGE, Pages

_SLACK = 1.25  # pages that a step reads for each that it needs, at most


class Row:
    """A prompt and the tokens fed after it, whose keys and values lie in pages of its own."""

    def __init__(self) -> None:
        self.prompt: tuple[int, ...] = ()  # empty until it is read to its end
        self.fed = array("q")
        self.logits: NDArray[np.float32] | None = None  # after the prompt's last token
        self.pages: list[int] = []
        self.busy = True

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.fed)

    def common(self, known: array[int]) -> int:
        """How many of `known` tokens after the prompt it has been fed."""
        return common_length(self.fed, known)


class Rows:
    """All rows: the busy ones, and the idle ones in case they are continued, longest idle first."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self._same: dict[tuple[int, ...], list[Row]] = {}  # by prompt
        self._idle: dict[Row, None] = {}
        self._most_idle = self._count = self._spare = 0
        self._free: list[int] = []  # a heap: the lowest are taken first, so that busy pages lie close together
        self._touched = 1  # pages from here on were never used; page 0 is nobody's

    def resize(self, count: int, most_idle: int) -> None:
        """Forget everything and start with `count` pages, page 0 included; at most `most_idle` rows are kept idle."""
        self.pages.resize(count)
        self._same, self._idle, self._free, self._touched = {}, {}, [], 1
        self._spare = max(0, count - 1)
        self._count, self._most_idle = count, most_idle

    def drop(self) -> None:
        """Forget everything and give the memory back."""
        self.resize(0, 0)

    @property
    def open(self) -> bool:
        """Whether there is memory at all."""
        return self._count > 0

    @property
    def room(self) -> int:
        """Pages that can be had, idle rows given up."""
        return self._spare

    def take(self, prompt: tuple[int, ...], known: Sequence[int]) -> tuple[Row, int]:
        """A busy row with room for `prompt`, and how many of its tokens it holds; there must be `room` for as many.

        If these are all, it was also fed as much of `known` as any row was, but for the last of it, whose logits are
        wanted. If not, the rest has to be prefilled and the row `enter`ed.
        """
        same = self._same.get(prompt)
        if same is None:
            return self._begun(prompt)
        wanted = array("q", known[:-1])
        # Idle before busy: an idle row that ends where the request begins needs no copy.
        best, common = max(
            ((row, row.common(wanted)) for row in same),
            key=lambda found: (found[1], not found[0].busy, -found[0].length),
        )
        length = len(prompt) + common
        row = None if not best.busy and best.length <= length + 1 else self._copied(best, length)
        if row:
            self.enter(row, prompt, best.logits)
        else:
            row = best
            del self._idle[row]
            row.busy = True
            self._spare -= len(row.pages)
            self._free_from(row, -(-length // PAGE))
        row.fed = best.fed[:common]
        return row, len(prompt)

    def held(self, prompt: tuple[int, ...]) -> int:
        """How many tokens of `prompt` `take` finds."""
        if prompt in self._same:
            return len(prompt)
        return max((common_length(other, prompt[:-1]) for other in self._same), default=0)

    def fed(self, prompt: tuple[int, ...], known: array[int]) -> int:
        """The most of `known` tokens after `prompt` that any row was fed."""
        return max((row.common(known) for row in self._same.get(prompt, ())), default=0)

    def enter(self, row: Row, prompt: tuple[int, ...], logits: NDArray[np.float32] | None) -> None:
        """The row has read `prompt`, which ends with `logits`."""
        row.prompt, row.logits = prompt, logits
        self._same.setdefault(prompt, []).append(row)

    def reserve(self, row: Row, length: int, spared: Row | None = None) -> bool:
        """Give the row pages for `length` tokens, from idle rows other than `spared` if need be."""
        while len(row.pages) * PAGE < length:
            page = self._page(spared)
            if page is None:
                return False
            row.pages.append(page)
            self._spare -= 1
        return True

    def release(self, row: Row) -> None:
        """Nobody feeds the row any more; it is kept in case it is continued."""
        row.busy = False
        if not row.prompt:
            self._free_from(row, 0)
            return
        self._idle[row] = None
        self._spare += len(row.pages)
        if len(self._idle) > self._most_idle:
            self._give_up(next(iter(self._idle)))

    def wipe(self, row: Row) -> None:
        """Forget an idle row that may hold NaN, which would reach whoever has its pages next, mask or no mask."""
        self.pages.zero(row.pages)
        self._give_up(row)

    def close_ranks(self, busy: Iterable[Row]) -> None:
        """Bring the pages of busy rows to the front where too many others stand among them: a step reads them all."""
        rows = list(busy)
        count = sum(len(row.pages) for row in rows)
        if max(max(row.pages) for row in rows) <= count * _SLACK + len(rows) / 4:
            return
        held = {page for row in rows for page in row.pages}
        outside = sorted(page for page in held if page > count)
        holes = [page for page in range(1, count + 1) if page not in held]
        idle = {page for row in self._idle for page in row.pages}
        kept = [(hole, page) for hole, page in zip(holes, outside, strict=True) if hole in idle]  # others hold nothing
        self.pages.move([*outside, *(hole for hole, _ in kept)], [*holes, *(page for _, page in kept)])
        moved = dict(zip([*outside, *holes], [*holes, *outside], strict=True))
        for row in (*rows, *self._idle):
            row.pages = [moved.get(page, page) for page in row.pages]
        self._free = sorted(moved.get(page, page) for page in self._free)

    def _begun(self, prompt: tuple[int, ...]) -> tuple[Row, int]:
        """A row that holds what `prompt` has in common with the prompt of any row, but for its last token."""
        shared, best = max(
            ((common_length(other, prompt[:-1]), rows[0]) for other, rows in self._same.items()),
            key=lambda found: found[0],
            default=(0, None),
        )
        row = self._copied(best, shared) if best else None
        if row is None:  # the pages of `best` are needed themselves
            row, shared = Row(), 0
        self.reserve(row, len(prompt))
        return row, shared

    def _copied(self, source: Row, length: int) -> Row | None:
        """A row with the first `length` tokens of `source`; None where memory is short."""
        row = Row()
        if source in self._idle:  # used now: it is given up last
            self._idle[source] = self._idle.pop(source)
        if not self.reserve(row, length, source):
            self._free_from(row, 0)
            return None
        if row.pages:
            self.pages.move(source.pages[: len(row.pages)], row.pages)
        return row

    def _page(self, spared: Row | None) -> int | None:
        if not self._free and self._touched >= self._count:
            oldest = next((row for row in self._idle if row is not spared), None)
            if oldest is None:
                return None
            self._give_up(oldest)
        if self._free:
            return heapq.heappop(self._free)
        self.pages.zero([self._touched])
        self._touched += 1
        return self._touched - 1

    def _give_up(self, row: Row) -> None:
        del self._idle[row]
        rows = self._same[row.prompt]
        rows.remove(row)
        if not rows:
            del self._same[row.prompt]
        self._spare -= len(row.pages)
        self._free_from(row, 0)

    def _free_from(self, row: Row, count: int) -> None:
        for page in row.pages[count:]:
            heapq.heappush(self._free, page)
            self._spare += 1
        del row.pages[count:]


def common_length(one: tuple[int, ...] | array[int], other: tuple[int, ...] | array[int]) -> int:
    """Length of the common prefix: pieces are compared, each twice as long as the one before, then bisected."""
    most, low, step = min(len(one), len(other)), 0, 1
    while low < most and one[low : low + step] == other[low : low + step]:
        low, step = min(low + step, most), 2 * step
    high = min(low + step - 1, most)
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
