"""Gold answers stay right when they are written in another way; benchmarks/respellings.py tries all of them."""

from __future__ import annotations

import pytest

from benchmarks.respellings import BOUND, KINDS, respellings, score, share, table


def test_at_least_999_of_1000_spellings_of_the_shipped_gold_answers_are_right() -> None:
    outcomes = [outcome for task, every in (("gsm8k", 29), ("math500", 5)) for outcome in score(task, None, every)]
    assert {outcome.kind for outcome in outcomes} == {kind.__name__ for kind in KINDS}
    assert len(outcomes) > 3000
    assert share(outcomes) >= BOUND, table(outcomes)


@pytest.mark.parametrize(
    ("gold", "kind", "spelling"),
    [
        (r"\frac{1}{2}", "fractions", r"\dfrac{1}{2}"),
        (r"\frac{1}{2}", "fractions", r"\frac12"),
        ("(3,4]", "brackets", r"\left(3,4\right]"),
        ("x^2-2x+1", "sums", "+1-2x+x^2"),
        ("12345", "thousands", "12{,}345"),
        ("1,000", "thousands", "1000"),
        (r"90^\circ", "degrees", "90°"),
        ("5", "units", r"5\text{ square feet}"),
        ("(1,2)", "spaces", r"(1,\,2)"),
    ],
)
def test_the_generator_writes_what_models_write(gold: str, kind: str, spelling: str) -> None:
    assert (kind, spelling.removeprefix("+")) in set(respellings(gold))


@pytest.mark.parametrize("gold", [r"1\pm\sqrt{2}", "1,000", "x-1,x+1", "[1,2)", r"\sqrt[3]{2}(1+x)", r"\text{a-b}"])
def test_the_generator_changes_no_meaning(gold: str) -> None:
    tried = list(respellings(gold))
    assert tried
    assert not any(r"\sqrt\left[" in spelling or "1, 000" in spelling for _, spelling in tried)
    assert not any(kind == "sums" for kind, _ in tried) or "," not in gold
