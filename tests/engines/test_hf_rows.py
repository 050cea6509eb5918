from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tts_bench.engines.hf.rows import Row, Rows


class PlainSlots:
    """Slots whose keys and values are the tokens themselves, so that a mix-up shows."""

    def __init__(self) -> None:
        self.held: list[list[int]] = []
        self.copied = 0

    def resize(self, count: int, capacity: int) -> None:
        self.held = [held[:capacity] for held in self.held[:count]]
        self.held += [[-1] * capacity for _ in range(count - len(self.held))]

    def copy(self, source: int, target: int, length: int) -> None:
        self.held[target][:length] = self.held[source][:length]
        self.copied += length

    def swap(self, one: int, two: int, length: int) -> None:
        one_held, two_held = self.held[one], self.held[two]
        one_held[:length], two_held[:length] = two_held[:length], one_held[:length]


def fill(rows: Rows, row: Row, prompt: tuple[int, ...], known: list[int]) -> None:
    """What the loop does with a row that it took."""
    held = rows.slots.held[row.slot]
    if not row.prompt:
        held[: len(prompt)] = prompt
        row.prompt = prompt
    for token in known[len(row.fed) :]:
        held[row.length] = token
        row.fed.append(token)


@given(
    st.lists(
        st.tuples(
            st.booleans(),  # take a row, or release one
            st.sampled_from([(100,), (101, 102), (101, 102, 103)]),
            st.lists(st.integers(0, 2), max_size=6),
            st.integers(0, 3),
        ),
        max_size=40,
    )
)
def test_every_row_holds_what_it_says_whoever_joins_leaves_or_forks(
    events: list[tuple[bool, tuple[int, ...], list[int], int]],
) -> None:
    rows = Rows(PlainSlots())
    rows.resize(6, 12)
    active: list[Row] = []
    for takes, prompt, known, place in events:
        if takes and len(active) < 4:
            row = rows.take(len(active), prompt, known)
            assert list(row.fed) == known[: len(row.fed)]
            assert not known or len(row.fed) < len(known)  # the last token's logits are wanted
            fill(rows, row, prompt, known)
            active.append(row)
        elif active:
            row = active[place % len(active)]
            slot = row.slot
            rows.release(row)
            last = active.pop()
            if last is not row:
                active[slot] = last
                rows.move(last, slot)
        assert [row.slot for row in active] == list(range(len(active)))
        assert [row.slot for row in rows.all] == list(range(6))
        for row in rows.all:
            assert rows.slots.held[row.slot][: row.length] == [*row.prompt, *row.fed]


def test_a_row_that_ends_where_the_request_begins_is_taken_without_a_copy() -> None:
    rows = Rows(PlainSlots())
    rows.resize(8, 12)
    row = rows.take(0, (1, 2), [5, 6])
    fill(rows, row, (1, 2), [5, 6])
    rows.release(row)
    assert rows.take(0, (1, 2), [5, 6, 7]) is row
    assert rows.slots.copied == 0


def test_the_row_that_was_idle_longest_is_given_up_first() -> None:
    rows = Rows(PlainSlots())
    rows.resize(3, 12)
    for prompt in ((1,), (2,), (3,)):
        row = rows.take(0, prompt, [])
        fill(rows, row, prompt, [])
        rows.release(row)
    rows.release(rows.take(0, (1,), []))
    fill(rows, rows.take(0, (4,), []), (4,), [])
    assert sorted(row.prompt for row in rows.all) == [(1,), (3,), (4,)]
