"""A ballot is a class of the scorer's own equality: whatever was voted, and in whatever order."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tasks.corpus import read
from tts_bench.tasks.boxed import box
from tts_bench.tasks.scoring import extract, same, strict

TRUTHS = {"True", "False", "true", "false", "zoo", "nan", "None", ""}

# Every gold answer and every content of a box in the corpora: neighbours in the corpus are the likely confusions.
_CASES = [case for name in ("answers.jsonl", "scoring.jsonl") for case in read(name) if "gold" in case]
_OTHERS = [case for case in _CASES if case.get("kind") != "bases"]  # which have a claim of their own
_READ = [text for case in _OTHERS for text in (case["gold"], box(case["output"])) if text]
CONTENTS = [text for text in dict.fromkeys(_READ) if not text.endswith("\\")]  # as `\\ ` does, stripped


def neighbours(place: int) -> list[str]:
    return CONTENTS[place : place + 12]


WORDS = st.sampled_from(["east", "West", "yes", "no", "Evelyn", r"\text{odd}", "two", r"\text{three hundred}", "half"])
INTEGERS = st.integers(-30, 30).map(str)
NUMBERS = st.one_of(
    INTEGERS,
    st.tuples(st.integers(-9, 9), st.integers(1, 9)).map(lambda pair: rf"\frac{{{pair[0]}}}{{{pair[1]}}}"),
    st.tuples(st.integers(-9, 9), st.integers(1, 9)).map("{0[0]}/{0[1]}".format),
    st.decimals(-9, 9, places=2).map(str),
    st.integers(1000, 10**6).map("{:,}".format),
    st.tuples(st.integers(1, 9), st.integers(-9, 9)).map(r"{0[0]}\times10^{{{0[1]}}}".format),
    st.tuples(INTEGERS, st.sampled_from([r"\%", r"^\circ", r"\text{ cm}", r"\text{ cm}^2", " apples"])).map("".join),
)
TERMS = st.tuples(st.integers(1, 9), st.sampled_from(["x", "y", "x^2", "xy", r"\sqrt{2}", r"\pi", "i", "t"])).map(
    "{0[0]}{0[1]}".format
)
EXPRESSIONS = st.one_of(
    TERMS,
    st.lists(st.one_of(TERMS, st.integers(1, 9).map(str)), min_size=2, max_size=3).map("+".join),
    st.lists(TERMS, min_size=2, max_size=2).map(r"\frac{{{0[0]}}}{{{0[1]}}}".format),
)
ITEMS = st.one_of(NUMBERS, TERMS)
LISTS = st.tuples(
    st.sampled_from(["{}", "({})", "[{}]", r"\{{{}\}}", r"\left({}\right)", "[{})"]),
    st.lists(ITEMS, min_size=1, max_size=3),
    st.sampled_from([", ", ",", r"\text{ and }", " or "]),
).map(lambda made: made[0].format(made[2].join(made[1])))
RELATIONS = st.one_of(
    st.tuples(st.sampled_from(["x", "y", "f(x)", "n", "(x,y)"]), st.one_of(ITEMS, LISTS)).map(" = ".join),
    st.tuples(ITEMS, ITEMS).map("=".join),
    st.tuples(
        st.sampled_from(["x", "-3", "2x+1", "7"]),
        st.sampled_from([r"\le ", ">", "<", r"\ge ", r"\ne "]),
        st.sampled_from(["x", "5", "y", "x^2"]),
    ).map("".join),
    st.tuples(INTEGERS, st.sampled_from([r"\le", "<"]), INTEGERS).map("{0[0]} {0[1]} x < {0[2]}".format),
)
ANSWERS = st.one_of(NUMBERS, EXPRESSIONS, LISTS, RELATIONS, WORDS)
POOLS = st.one_of(
    st.integers(0, len(CONTENTS) - 1).map(neighbours),
    st.lists(st.sampled_from(CONTENTS), min_size=2, max_size=8),
    st.lists(ANSWERS, min_size=2, max_size=8),
)


def ballot(content: str) -> str | None:
    return extract(rf"So it is $\boxed{{{content}}}$.")


def groups(contents: Sequence[str]) -> set[frozenset[str]]:
    """The contents by their ballots."""
    found: dict[str | None, set[str]] = defaultdict(set)
    for content in contents:
        found[ballot(content)].add(content)
    return {frozenset(group) for group in found.values()}


@settings(max_examples=150, deadline=None)
@given(POOLS)
def test_grouping_by_ballot_is_grouping_by_the_scorers_equality(contents: list[str]) -> None:
    for left in contents:
        for right in contents:
            assert same(left, right) == (ballot(left) == ballot(right)), (left, right)


def met(contents: Sequence[str]) -> set[frozenset[str]]:
    """The contents by the scorer's equality with the first of each group, as they come: what order could change."""
    found: list[list[str]] = []
    for content in contents:
        group = next((group for group in found if same(group[0], content)), None)
        if group is None:
            found.append(group := [])
        group.append(content)
    return set(map(frozenset, found))


@settings(max_examples=150, deadline=None)
@given(POOLS, st.randoms(use_true_random=False))
def test_any_order_of_the_votes_gives_the_same_groups(contents: list[str], luck: random.Random) -> None:
    expected = groups(contents)
    for _ in range(3):
        luck.shuffle(contents)
        assert groups(contents) == met(contents) == expected


def test_equality_is_reflexive_symmetric_and_transitive_over_the_whole_corpus() -> None:
    """All pairs of the corpus, by way of classes: `same` agrees with one representative of each, both ways."""
    classes: dict[str | None, list[str]] = defaultdict(list)
    for content in CONTENTS:
        classes[ballot(content)].append(content)
    firsts = [members[0] for members in classes.values()]
    for place, members in enumerate(classes.values()):
        first = members[0]
        assert all(same(first, each) and same(each, first) and same(each, each) for each in members), members
        assert not any(same(first, other) or same(other, first) for other in firsts[:place]), first


def test_what_is_scored_as_right_shares_the_golds_ballot_and_what_is_wrong_does_not() -> None:
    for case in _OTHERS:
        if extract(case["output"]) is not None:
            agrees = extract(case["output"]) == ballot(case["gold"])
            assert agrees == strict(case["gold"], case["output"]), case


def test_two_bases_have_ballots_of_their_own() -> None:
    assert not same("52_8", "52_9")
    assert ballot("52_8") != ballot("52_9")


@settings(max_examples=150, deadline=None)
@given(ANSWERS)
def test_no_ballot_is_a_truth_value_and_a_ballot_can_be_read(content: str) -> None:
    found = ballot(content)
    assert found not in TRUTHS
    assert found is None or (found.isprintable() and len(found) <= 400)


def test_no_ballot_of_the_corpus_is_a_truth_value() -> None:
    told = {content for content in CONTENTS if ballot(content) in TRUTHS}
    assert {content.casefold() for content in told} <= {r"\text{true}", r"\text{false}", "true", "false"}


@settings(max_examples=100, deadline=None)
@given(st.fractions(-1000, 1000, max_denominator=60), st.fractions(-1000, 1000, max_denominator=60))
def test_fractions_share_a_ballot_if_and_only_if_they_are_equal(left: Fraction, right: Fraction) -> None:
    first, second = (rf"\frac{{{each.numerator}}}{{{each.denominator}}}" for each in (left, right))
    assert (ballot(first) == ballot(second)) == (left == right)
    assert ballot(first) == ballot(str(left)) == ballot(rf"x = {left}")
    assert ballot(rf"{first}, {second}") == ballot(rf"{second}, {first}")
    assert (ballot(rf"({first}, {second})") == ballot(rf"({second}, {first})")) == (left == right)
