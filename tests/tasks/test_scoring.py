"""What counts as an answer, which answers are equal, and that no text can do harm."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from math_verify import LatexExtractionConfig, parse, verify

from benchmarks.scoring import seconds
from tts_bench.tasks.answers.classes import classify
from tts_bench.tasks.boxed import box
from tts_bench.tasks.data import load_rows
from tts_bench.tasks.hooks import gold
from tts_bench.tasks.scoring import extract, lenient, strict
from tts_bench.tasks.tail import last_number

EQUAL = [
    ("1/2", "0.5", r"\frac{1}{2}", r"\frac12", r"\dfrac{1}{2}", ".5", r"\frac{2}{4}", "0.50", r"\frac 12"),
    ("3", "x=3", "x = 3", "3.0", r"\text{3}", "3.", r"3 \text{ cm}", r"\boxed{3}", r"\$3", "3 dollars", "$3$"),
    ("(1,2)", "(1, 2)", r"\left( 1,\, 2\right)", "(1.0,2)", r"(\frac{2}{2},2)"),
    ("90", r"90^\circ", "90°", r"90^{\circ}", r"90\text{ degrees}", "90 degrees"),
    ("1,000", "1000", "1000.0", r"\$1000", "1{,}000", r"1\,000", r"1,\!000", "\\$1,000.00"),
    (r"50\%", "50", r"50 \%", "50 percent", r"50\text{ percent}"),
    ("Evelyn", r"\text{Evelyn}", r"\textbf{evelyn}"),
    ("(C)", "C", r"\text{(C)}", "c"),
    ("2x+2", "2(x+1)", r"2\cdot(x+1)", "2 + 2x"),
    (r"\frac{\sqrt3}{3}", r"\frac{1}{\sqrt{3}}", r"\sqrt{3}/3"),
    ("1,-2", "-2, 1", r"\{1,-2\}", r"-2 \text{ and } 1"),
    (r"1\pm\sqrt{2}", r"1+\sqrt{2},1-\sqrt{2}", r"1 \pm \sqrt{2}"),
    ("y=2x+3", "2x+3", "3+2x"),
    (r"1\frac{4}{5}", r"\frac95", "1.8"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}", "-0.5", "\N{MINUS SIGN}1/2"),
    (r"864\mbox{ inches}^2", "864"),
    ("[-2,7]", r"x\in[-2,7]"),
    (r"\begin{pmatrix} 1/5 \\ 2 \end{pmatrix}", r"\begin{pmatrix} \frac15 \\ 2\end{pmatrix}"),
    (r"(0,9) \cup (9,36)", r"(0,9)\cup(9,36)"),
    ("025", "25"),
    (r"4210_{5}", "4210_5"),
]
UNEQUAL = [
    ("3", "4"),
    ("3", "-3"),
    ("1/3", "0.33"),
    ("1000", "1,001"),
    ("(1,2)", "(2,1)"),
    ("[1,2]", "(1,2)"),
    ("x+1", "x+2"),
    (r"\sqrt{2}", r"\sqrt{3}"),
    ("east", "west"),
    ("5", "5 million"),
    ("3", "1, 3"),
    (r"50\%", "0.05"),
    (r"\frac{1}{0}", "0"),
]
HOSTILE = [
    "9^(9^9)",
    "9^{9^{9^9}}",
    "((9^{99})^{99})^{99}",
    "1000000!",
    "((9!)!)!",
    r"\binom{1000000000}{500000000}",
    r"\sum_{i=1}^{10^9} i",
    "(" * 140 + ")" * 140,
    "{" * 100 + "}" * 100,
    "(x+y+z+w)^{999}",
    r"\frac" * 60,
    "1" * 10_000,
    "1" * 299,
    "2^{8000}-1",
    "x^{x^{x^{x}}}",
    r"\begin{pmatrix} 1&2\\3&4\end{pmatrix}^{9999}",
    "1e999999999",
    "10^{-999999999}",
    r"\frac{\sin x+\cos^7 x}{\sin^9 (x+1)+1}",
    r"x_{" * 50,
    "\0\ud800\u2028",
]


@pytest.mark.parametrize("forms", EQUAL, ids=lambda forms: forms[0])
def test_equal_answers_are_right_and_vote_as_one(forms: tuple[str, ...]) -> None:
    texts = [rf"So it is \boxed{{{form}}}." for form in forms]
    assert len({extract(text) for text in texts}) == 1, [extract(text) for text in texts]
    assert all(strict(gold, text) for gold in forms for text in texts)


@pytest.mark.parametrize(("gold", "answer"), UNEQUAL)
def test_unequal_answers_are_wrong_and_vote_apart(gold: str, answer: str) -> None:
    assert not strict(gold, rf"\boxed{{{answer}}}")
    assert extract(rf"\boxed{{{answer}}}") != extract(rf"\boxed{{{gold}}}")


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{x=\boxed{5}}", r"x=\boxed{5}"),
        (r"\fbox{7}", "7"),
        (r"\boxed {17}", "17"),
        (r"$\boxed 2$.", "2"),
        (r"\boxed\frac{1}{2}", r"\frac{1}{2}"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"} { \boxed{3}", "3"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{1", None),
        (r"\boxed{}", None),
        (r"\boxed{1} \boxed{ }", "1"),
        (r"\boxed{\;}", None),
        (r"put it within \boxed.", None),
        ("5", None),
        ("", None),
    ],
)
def test_the_answer_is_the_last_closed_box_that_holds_anything(text: str, content: str | None) -> None:
    assert box(text) == content


def test_two_bases_are_told_apart_where_both_are_written() -> None:
    assert strict("52_8", r"\boxed{52}")
    assert strict("52", r"\boxed{52_8}")
    assert not strict("52_8", r"\boxed{52_9}")


def test_lenient_reads_the_end_of_a_text_without_a_box() -> None:
    assert lenient("1200", "That makes $1,200.", "number")
    assert lenient("-3", "It is -3", "number")
    assert lenient(r"\frac{1}{2}", r"Hence $x = \frac{2}{4}$.", "expression")
    assert lenient("7", "Hence \\(3+4=7\\)", "expression")
    assert lenient("18", "The answer is 18.", "expression")
    assert not lenient("3", "It is 3 or 4.", "number")
    assert not lenient("3", "No idea.", "number")


def test_lenient_takes_a_wrong_box_at_its_word() -> None:
    assert not lenient("3", r"3 \boxed{\frac{\sqrt{3}}{3}}", "expression")
    assert not lenient("3", r"\boxed{4}, or 3", "number")


def test_a_minus_between_numbers_is_no_sign() -> None:
    assert lenient("5", "It is 10-5", "number")
    assert last_number("it is -5") == "-5"


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: content[:20].encode("ascii", "replace").decode())
def test_an_answer_that_cannot_be_worked_out_ends_soon_and_is_wrong(content: str) -> None:
    started = time.process_time()
    extract(rf"\boxed{{{content}}}")
    assert not strict(r"7\sqrt{2}", rf"\boxed{{{content}}}")
    assert not strict(r"\frac{\sin x}{x+1}", rf"\boxed{{{content}}}")
    assert time.process_time() - started < 15


def test_long_hostile_texts_are_read_in_linear_time() -> None:
    started = time.process_time()
    for piece in (r"\boxed{", "{", r"\(", "$", "1,", "1,111", r"\fbox", "\\", "}"):
        text = piece * 50_000
        assert not strict("x+1", text)
        lenient("x+1", text, "expression")
        lenient("5", text, "number")
        extract(text)
    assert time.process_time() - started < 15


def test_a_verdict_does_not_depend_on_what_was_scored_before() -> None:
    program = (
        "from tts_bench.tasks.scoring import extract, strict\n"
        "print(strict('(x+3)^2', r'\\boxed{x^2+6x+9}'), extract(r'\\boxed{(C)}'), extract(r'\\boxed{2(x+1)}'), sep=';')"
    )
    fresh = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip().split(";") == ["True", "C", extract(r"\boxed{2x+2}")]


def test_scoring_works_outside_the_main_thread() -> None:
    found: list[object] = []

    def work() -> None:
        found.append(strict("(x+3)^2", r"\boxed{x^2+6x+9}"))
        found.append(extract(r"\boxed{(x+4)^2}"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True, extract(r"\boxed{x^2+8x+16}")]


LATEX = st.lists(
    st.sampled_from(
        [
            *"0123456789+-*/^_(){}[]|,.=<>!%$&\\ xyzabi",
            r"\frac",
            r"\sqrt",
            r"\boxed",
            r"\text",
            r"\pi",
            r"\left",
            r"\le",
        ]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=60), LATEX), st.one_of(st.text(max_size=20), LATEX))
def test_scoring_never_raises(content: str, gold: str) -> None:
    for text in (content, rf"\boxed{{{content}}}"):
        vote = extract(text)
        assert vote is None or vote
        strict(gold, text)
        lenient(gold, text, "expression")
        lenient(gold, text, "number")


@given(st.fractions(min_value=-10_000, max_value=10_000, max_denominator=50))
def test_a_number_is_itself_in_every_spelling(value: object) -> None:
    top, below = value.numerator, value.denominator  # type: ignore[attr-defined]
    spellings = [
        f"{top}/{below}",
        rf"\frac{{{top}}}{{{below}}}",
        rf"\dfrac{{{3 * top}}}{{{3 * below}}}",
        f"x = {top}/{below}",
    ]
    if below == 1:
        spellings += [f"{top:,}", f"{top}.0", rf"{top}\%", f"{top} apples", rf"{top}^\circ"]
    votes = {extract(rf"\boxed{{{spelling}}}") for spelling in spellings}
    assert votes == {str(value)}
    assert all(strict(gold, rf"\boxed{{{spelling}}}") for gold in spellings for spelling in spellings)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_integers_are_right_only_if_they_are_equal(gold: int, answer: int) -> None:
    assert strict(str(gold), rf"\boxed{{{answer:,}}}") == (gold == answer)


def test_ordinary_answers_are_scored_at_the_promised_rates() -> None:
    """docs/scoring.md has what was measured: some twenty times these."""
    golds = {name: [gold(row) for row in load_rows(name).rows] for name in ("gsm8k", "math500")}
    expressions = [answer for answer in golds["math500"] if not answer.lstrip("-").isdigit()]
    for answers, rate in ((golds["gsm8k"], 1500), (expressions, 25)):
        taken = seconds(answers)
        assert len(taken) / sum(taken) >= rate
        assert taken[int(0.99 * len(taken))] < 0.5


def test_the_documentation_shows_the_classes_that_are_found() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*`) \| `([^`]*)` \|$", page, re.MULTILINE)
    assert len(rows) >= 8
    for answers, expected in rows:
        assert {classify(answer) for answer in re.findall("`([^`]*)`", answers)} == {expected}


@pytest.mark.slow
def test_math_verify_agrees_on_what_it_reads_as_we_do() -> None:
    """An independent implementation, by algebra: each gold answer against itself respelled and its neighbours."""
    golds = sorted(
        {gold(row) for row in load_rows("math500").rows if re.search(r"\\(frac|sqrt|pi)", gold(row))}, key=len
    )
    config = [LatexExtractionConfig(boxed_match_priority=0)]
    read = {text: parse(rf"\boxed{{{text}}}", config, parsing_timeout=None) for text in golds}
    assert len(golds) >= 80
    for one, other in pairwise(golds):
        theirs = verify(read[one], read[other], timeout_seconds=None)
        assert strict(one, rf"\boxed{{{other}}}") == theirs, (one, other)
        assert strict(one, rf"\boxed{{{one.replace('frac', 'dfrac').replace(' ', '')}}}")
