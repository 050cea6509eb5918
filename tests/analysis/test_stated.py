"""What the thinking of samples states by each tenth of it."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.run_folders import write_run
from tests.analysis.test_within import VOTE, curves, played, scored
from tests.scripts import World
from tts_bench.analysis.stated import stated
from tts_bench.cli import main as root
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.tasks.scoring import extract
from tts_bench.tasks.tail import last_number


def counting(text: str, draw: Draw) -> str:
    """Thinks in two to twelve lines that end in 0, 1 or 2, and answers the last one."""
    before, closed, _ = text.partition(THINK)[2].partition(END_THINK)
    if closed:
        return rf"\boxed{{{before.split()[-1]}}}{END}"
    lines = [f"{'so' if draw(at) < 0.8 else 'then'} {int(draw(100 + at) * 3)}" for at in range(2 + int(draw(99) * 10))]
    return "\n".join(lines) + END_THINK


def last_word(text: str, end: int) -> str | None:
    """The last number of the whole words before `end`, word by word."""
    words = [match[0] for match in re.finditer(r"\S+", text) if match.end() <= end]
    return next((word for word in reversed(words) if word.isdigit()), None)


def test_what_samples_state_by_each_tenth_is_averaged_over_samples_and_problems() -> None:
    world = World(counting)
    records = [scored(record) for record in world.run(VOTE, items=[world.item(doc, f"{doc}?") for doc in range(20)])]
    [line], missing = curves(records, "stated")
    rows, same, tokens = [], [], []
    for record in records:
        thoughts = {part.stream: part for part in record.segments if part.kind == "thinking"}
        said = [[last_word(one.text, len(one.text) * k // 10) for k in range(1, 11)] for one in thoughts.values()]
        known = {str(record.doc_id % 2)} & {own[-1] for own in said}  # what lm-eval has seen, and called right
        rows.append(np.mean([[each in known for each in own] for own in said], axis=0))
        same.append(np.mean([[each == own[-1] for each in own] for own in said], axis=0))
        tokens.append(np.mean([one.tokens for one in thoughts.values()]))
    assert [step.accuracy for step in line.steps] == pytest.approx(np.mean(rows, axis=0))
    assert [step.settled for step in line.steps] == pytest.approx(np.mean(same, axis=0))
    assert line.steps[4].tokens == pytest.approx(np.mean(tokens) / 2)
    assert line.steps[0].settled != line.steps[-1].settled == 1.0
    assert (line.problems, line.left_out, missing) == (20, 0, [])


def test_a_box_is_the_result_until_the_next_one_and_no_word_is_cut_in_two() -> None:
    text = r"first 7, so \boxed{12} or is it 99 and then \boxed{30} done"
    found = dict(zip((len(text) * tenth // 10 for tenth in range(1, 11)), stated(text), strict=True))
    assert list(found.values()) == [None, "7", "7", "12", "12", "12", "12", "12", "12", "30"]
    assert stated("12345678") == (None,) * 9 + ("12345678",)


@given(st.lists(st.sampled_from([*"12 x\n\\{}=", "\\boxed{"]), max_size=40).map("".join))
def test_what_is_stated_in_the_end_is_what_a_response_would_state(text: str) -> None:
    said = extract(text) or ((number := last_number(text)) and extract(rf"\boxed{{{number}}}"))
    if said:
        assert stated(text)[-1] == said


def test_thinking_that_states_nothing_has_no_curve_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, [missing] = curves(played(VOTE), "stated")
    assert (lines, missing.settled) == ([], True)
    run = write_run(tmp_path / "run", played(VOTE), tasks=["sums"])
    assert root._run(["curves", str(run), "--kind", "stated"]) == 0
    assert "needs thinking that states results" in " ".join(capsys.readouterr().out.split())
