"""Pairs of a gold answer and another answer by kind, each with the verdict of mathematics and docs/scoring.md."""

from __future__ import annotations

import json
from collections import defaultdict
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_bench.tasks.scoring import same, strict

Pair = dict[str, str | bool]

BY_KIND: dict[str, list[Pair]] = defaultdict(list)
for _line in (Path(__file__).parent / "pairs.jsonl").read_text("utf-8").splitlines():
    _pair: Pair = json.loads(_line)
    BY_KIND[str(_pair["kind"])].append(_pair)

# An interval of whole ends: where it begins and ends, and whether it holds these ends.
INTERVALS = st.tuples(st.integers(-3, 3), st.integers(1, 3), st.booleans(), st.booleans()).map(
    lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2], drawn[3])
)
UNIONS = st.lists(INTERVALS, min_size=1, max_size=3)
PROBES = [Fraction(place, 2) for place in range(-10, 16)]  # on each end that occurs, and beside it


@pytest.mark.parametrize("kind", BY_KIND)
def test_all_pairs_of_a_kind_get_their_verdicts(kind: str) -> None:
    wrong = [
        pair for pair in BY_KIND[kind] if strict(str(pair["gold"]), rf"So \boxed{{{pair['answer']}}}.") != pair["right"]
    ]
    assert wrong == []


def test_every_kind_of_pairs_holds_right_and_wrong_ones() -> None:
    assert sum(map(len, BY_KIND.values())) >= 200
    assert all({pair["right"] for pair in pairs} == {True, False} for pairs in BY_KIND.values())


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("|{0}{1}|", "{0}{1}", False),
        ("|{0}{1}|", "|{0}||{1}|", True),
        (r"\sqrt{{{0}{1}}}", r"\sqrt{{{0}}}\sqrt{{{1}}}", True),
        (r"\sqrt{{{0}^2{1}^2}}", "{0}{1}", False),
        (r"\ln({0}{1})", r"\ln {0}+\ln {1}", True),
        ("|{0}{1}| = 1", "{0}{1} = 1", False),
    ],
)
def test_a_verdict_does_not_depend_on_the_letters_of_the_unknowns(left: str, right: str, equal: bool) -> None:
    for letters in permutations("abmnpqxyz", 2):
        assert same(left.format(*letters), right.format(*letters)) is equal, letters


@settings(max_examples=200, deadline=None)
@given(UNIONS, UNIONS)
def test_unions_are_equal_if_and_only_if_they_hold_the_same_numbers(
    left: list[tuple[int, int, bool, bool]], right: list[tuple[int, int, bool, bool]]
) -> None:
    def holds(union: list[tuple[int, int, bool, bool]], probe: Fraction) -> bool:
        return any(
            low < probe < high or (probe == low and at_low) or (probe == high and at_high)
            for low, high, at_low, at_high in union
        )

    equal = all(holds(left, probe) == holds(right, probe) for probe in PROBES)
    for write_left, write_right in product((_as_intervals, _as_inequalities), repeat=2):
        assert same(write_left(left), write_right(right)) == equal


def _as_intervals(union: list[tuple[int, int, bool, bool]]) -> str:
    return r" \cup ".join(f"{'(['[at_low]}{low}, {high}{')]'[at_high]}" for low, high, at_low, at_high in union)


def _as_inequalities(union: list[tuple[int, int, bool, bool]]) -> str:
    signs = ("<", r"\le")
    return r" \text{ or } ".join(
        rf"{low} {signs[at_low]} x {signs[at_high]} {high}" for low, high, at_low, at_high in union
    )
