import io
import re

import pytest
from rich.console import Console

from tests.analysis.made_up import answer, made_up, record
from tests.analysis.voters import TOKENS, sampled
from tts_bench.analysis.curve import Point
from tts_bench.analysis.points import points
from tts_bench.present.comparison import table
from tts_bench.present.terminal import show
from tts_bench.records import ErrorRecord

METRICS = {"gsm8k": "exact_match", "[red]x": "exact_match"}


def shown(curve: list[Point], *, width: int = 100, encoding: str = "utf-8", terminal: bool = False) -> str:
    held = io.BytesIO()
    file = io.TextIOWrapper(held, encoding=encoding)
    show(curve, Console(file=file, width=width, force_terminal=terminal))
    file.flush()
    return held.getvalue().decode(encoding)


def test_a_row_says_accuracy_with_interval_tokens_shares_cues_and_errors() -> None:
    records = [
        record(answer(1.0, rung="64", extracted=None, truncated=True, cues=(2, 1)), strategy="baseline"),
        record(answer(0.0, rung="64", cues=(2, 2)), doc=1, strategy="baseline"),
        record(doc=2, strategy="baseline", error=ErrorRecord("raised", "no")),
    ]
    text = shown(points(records, metrics=METRICS))
    [row] = [line.split() for line in text.splitlines() if line.strip().startswith("baseline") and "[" in line]
    assert "gsm8k: exact_match, 95% Wilson interval, n = 2" in text
    assert row == ["baseline", "64", "50.0", "[9.5,", "90.5]", "33.3", "113", "1.00", "50%", "50%", "1.5/2", "1"]


def test_tokens_that_are_on_no_bill_stand_beside_it_and_are_marked_above_one_and_a_half_times() -> None:
    records = [sampled(["g"], [[0]], strategy=f"makes {made}", spent=made) for made in (1, 2)]
    records += [sampled(["g", "g"], [[0], [0, 1]], strategy="makes 3", spent=3)]
    text = shown(points(records, metrics={"sums": "strict"}))
    rows = [line.partition("100.0]")[2].split()[:-2] for line in text.splitlines() if "100.0]" in line]
    bill = TOKENS * 3 // 2
    one, two, three = map(str, (bill, 2 * bill, 3 * bill))
    bills = [[one] * 3, [one] * 3, [one] * 3, [two] * 3]  # mean, median and 90th percentile of one problem
    spent = [[], [two, "!"], [], [three]]  # half as much again is not above it
    assert rows == [billed + made for billed, made in zip(bills, spent, strict=True)]
    assert "!: over 1.5 times the bill" in text


def test_the_spread_of_tokens_is_shown_where_the_table_has_room_for_it() -> None:
    curve = points([record(answer(thinking=100 * doc), doc=doc) for doc in range(1, 12)], metrics=METRICS)
    for width, spread in ((74, []), (120, ["613", "1,013"])):
        text = shown(curve, width=width)
        [row] = [line.split() for line in text.splitlines() if line.strip().startswith("baseline") and "[" in line]
        tokens = row.index("613")
        assert row[tokens + 1 : tokens + 1 + len(spread)] == spread
        assert ("median: median tokens per problem" in " ".join(text.split())) == bool(spread)


def test_rungs_of_different_numbers_of_problems_show_each_number() -> None:
    records = [record(answer()), record(answer(), doc=1), record(answer(), strategy="vote")]
    rows = [line.split() for line in shown(points(records, metrics=METRICS)).splitlines() if "[" in line]
    assert [(row[0], row[2]) for row in rows] == [("baseline", "2"), ("vote", "1")]


def test_long_lines_are_thinned_and_the_table_says_where_the_rest_is() -> None:
    text = shown(points(made_up(n=10), metrics=METRICS))
    assert re.search(r"\b64\b", text)
    assert not re.search(r"^ +63 ", text, re.MULTILINE)
    assert "all rungs are in curve.json" in text
    short = points(made_up(n=10, arms=("baseline:budgets=64+128+256",)), metrics=METRICS)
    assert "all rungs" not in shown(short)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_output_fits_the_width_and_the_encoding(width: int, encoding: str) -> None:
    curve = points([*made_up(n=10), record(answer(), strategy="später ●")], metrics=METRICS)
    text = shown(curve, width=width, encoding=encoding)
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii() == (encoding != "utf-8")


@pytest.mark.parametrize("width", [40, 74, 100, 10_000])
def test_what_stands_above_and_below_a_table_is_whole_and_on_one_line_where_there_is_room(width: int) -> None:
    text = shown(points([record(answer(), task="sums")], metrics={"sums": "exact_match"}), width=width)
    below = ["trunc: thinking reached its budget"] if width > 40 else []  # a narrow table does without the column
    for words in ["sums: exact_match, 95% Wilson interval, n = 1", *below]:
        assert words in (text if width == 10_000 else " ".join(text.split()))
    long = table("a title that is longer than the table below it", ("x", "y"), [("a", "1")], True, width)
    out = io.StringIO()
    Console(file=out, width=width).print(long)
    assert "a title that is longer than the table below it" in " ".join(out.getvalue().split())


def test_a_row_names_a_strategy_without_its_options_where_that_tells_it_apart() -> None:
    names = ["baseline:budgets=64+128", "./mine.py:Mine:x=2", "vote:samples=2", "vote:samples=4"]
    text = shown(points([record(answer(), strategy=name) for name in names], metrics=METRICS))
    firsts = [line.split()[0] for line in text.splitlines() if "[" in line]
    assert sorted(firsts) == ["./mine.py:Mine", "baseline", "vote:samples=2", "vote:samples=4"]


def test_a_long_name_is_broken_between_its_parts_and_goes_on_beside_the_next_rungs() -> None:
    answers = [answer(rung=str(rung), cues=(rung, rung)) for rung in range(4)]
    curve = points([record(*answers, strategy="experiments/my-idea/my_idea.py:MyIdea")], metrics=METRICS)
    rows = [line.split() for line in shown(curve, width=80).splitlines() if "[" in line]
    assert [row[:2] for row in rows[:2]] == [["experiments/my-idea/", "0"], ["my_idea.py:MyIdea", "1"]]
    assert "experiments/my-idea/my_idea.py:MyIdea  " in shown(curve, width=100)


def test_hostile_names_are_inert() -> None:
    names = ["[bold red]markup[/]", "\x1b[2J\x1b]0;title\x07", "over\rwrite\nline", "\u202egnp.exe", ":boom:", "[/]"]
    records = [record(answer(1.0, rung="[link=file:///]x"), strategy=name, task="[red]x") for name in names]
    text = shown(points(records, metrics=METRICS), width=160)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    for name in ("[bold red]markup[/]", r"\x1b[2J\x1b]0;title\x07", r"over\rwrite\nline", ":boom:", "[link=file:///]x"):
        assert name in text
    assert "\x1b[2J" not in shown(points(records, metrics=METRICS), width=160, terminal=True)


def test_each_strategy_has_its_own_symbol_in_drawing_and_legend() -> None:
    text = shown(points(made_up(n=100), metrics=METRICS))
    for symbol, name in zip("●■▲◆", ("baseline", "budget-forcing", "majority-vote", "learned-token"), strict=True):
        assert re.search(rf"{symbol} {name}", text)
        assert text.count(symbol) > 1


def test_a_curve_of_errors_alone_is_shown() -> None:
    text = shown(points([record(error=ErrorRecord("raised", "no"))], metrics=METRICS))
    assert "no record" in text
    assert "nothing to draw" in text
    assert shown([]) == ""
