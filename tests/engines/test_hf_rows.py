from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tts_bench.engines.hf.pages import PAGE, Pages
from tts_bench.engines.hf.rows import Row, Rows


class PlainPages(Pages):
    """Pages whose keys and values are the tokens themselves, so that a mix-up shows."""

    def __init__(self) -> None:
        self.held: list[list[int]] = []
        self.moved = 0

    def resize(self, count: int) -> None:
        self.held = [[-1] * PAGE for _ in range(count)]

    def move(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        read = [list(self.held[source]) for source in sources]
        for target, page in zip(targets, read, strict=True):
            self.held[target] = page
        self.moved += len(sources)

    def zero(self, pages: Sequence[int]) -> None:
        for page in pages:
            self.held[page] = [0] * PAGE

    def of(self, row: Row) -> list[int]:
        return [token for page in row.pages for token in self.held[page]][: row.length]

    def write(self, row: Row, place: int, token: int) -> None:
        self.held[row.pages[place // PAGE]][place % PAGE] = token


def plain(rows: Rows) -> PlainPages:
    assert isinstance(rows.pages, PlainPages)
    return rows.pages


def opened(count: int = 40, most_idle: int = 4) -> Rows:
    rows = Rows(PlainPages())
    rows.resize(count, most_idle)
    return rows


def fill(rows: Rows, prompt: tuple[int, ...], known: Sequence[int]) -> Row:
    """What the loop does with a request: a row, the rest of its prompt, and its known tokens as far as memory goes."""
    row, held = rows.take(prompt, known)
    assert len(row.pages) * PAGE >= len(prompt)
    if held < len(prompt):
        for place in range(held, len(prompt)):
            plain(rows).write(row, place, prompt[place])
        rows.enter(row, prompt, None)
    assert list(row.fed) == list(known[: len(row.fed)])
    assert not known or len(row.fed) < len(known)  # the last token's logits are wanted
    for token in known[len(row.fed) :]:
        if not rows.reserve(row, row.length + 1):
            break
        plain(rows).write(row, row.length, token)
        row.fed.append(token)
    return row


LONG = tuple(range(100, 100 + PAGE + 6))
PROMPTS = [(100,), (100, 101, 102), LONG, (*LONG, 7, 8), (*LONG, 7, 9, 9)]


@given(
    st.lists(
        st.tuples(
            st.booleans(),  # take a row, or release one
            st.sampled_from(PROMPTS),
            st.sampled_from([[], [1], [1, 2], [1] * PAGE, [1] * (2 * PAGE + 1), [1] * PAGE + [2] * 3]),
            st.integers(0, 3),
        ),
        max_size=40,
    )
)
def test_every_row_holds_what_it_says_whoever_joins_leaves_forks_or_shares_a_beginning(
    events: list[tuple[bool, tuple[int, ...], list[int], int]],
) -> None:
    rows = opened(14)
    busy: list[Row] = []
    for takes, prompt, known, place in events:
        if takes and rows.room > (len(prompt) + len(known)) // PAGE:
            busy.append(fill(rows, prompt, known))
        elif busy:
            rows.release(busy.pop(place % len(busy)))
        if busy:
            rows.close_ranks(busy)
        every = [*busy, *(row for same in rows._same.values() for row in same if not row.busy)]
        for row in every:
            assert plain(rows).of(row) == [*row.prompt, *row.fed]
        held = [page for row in every for page in row.pages]
        assert len(held) == len(set(held))  # every page has one owner
        assert rows.room == 13 - sum(len(row.pages) for row in busy)
    for row in busy:
        rows.release(row)
    assert rows.room == 13


def test_a_row_that_ends_where_the_request_begins_is_taken_without_a_copy() -> None:
    rows = opened()
    row = fill(rows, (1, 2), [5, 6])
    rows.release(row)
    taken, held = rows.take((1, 2), [5, 6, 7])
    assert (taken, held) == (row, 2)
    assert plain(rows).moved == 0


def test_a_prompt_is_prefilled_from_where_it_differs_from_every_other() -> None:
    rows = opened()
    fill(rows, LONG, [])
    assert rows.take((*LONG, 3), [])[1] == len(LONG)
    assert rows.take((*LONG[:9], 3, 4), [])[1] == 9
    assert rows.take(LONG[:9], [])[1] == 8  # the logits of its last token are wanted
    assert rows.take((1,), [])[1] == 0


def test_the_row_that_was_idle_longest_is_given_up_first() -> None:
    rows = opened(4)
    for prompt in ((1,), (2,), (3,)):
        rows.release(fill(rows, prompt, []))
    rows.release(fill(rows, (1,), []))
    fill(rows, (4,), [])
    assert sorted(rows._same) == [(1,), (3,), (4,)]


def test_busy_pages_are_brought_together_when_idle_ones_stand_among_them() -> None:
    rows = opened(200, 100)
    busy = [fill(rows, (index,), [1] * PAGE) for index in range(40)]
    for row in busy[:-4]:
        rows.release(row)
    rows.close_ranks(busy[-4:])
    assert sorted(page for row in busy[-4:] for page in row.pages) == list(range(1, 9))
    assert all(plain(rows).of(row) == [*row.prompt, *row.fed] for row in busy)


def test_what_free_pages_hold_is_not_brought_anywhere() -> None:
    rows = opened(200, 0)
    busy = [fill(rows, (index,), [1] * PAGE) for index in range(40)]
    for row in busy[:-4]:
        rows.release(row)  # none is kept idle
    rows.close_ranks(busy[-4:])
    assert plain(rows).moved == 8
    assert all(plain(rows).of(row) == [*row.prompt, *row.fed] for row in busy[-4:])


def test_where_memory_is_short_a_row_is_cut_rather_than_copied() -> None:
    rows = opened(4)
    row = fill(rows, (1,), [5] * (2 * PAGE))
    rows.release(row)
    taken, _ = rows.take((1,), [5] * PAGE)
    assert taken is row
    assert len(row.fed) == PAGE - 1
