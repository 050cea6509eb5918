import io
import re
import time

import numpy as np
import pytest
from rich.console import Console

from tts_bench.present.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def plain(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=width)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_elsewhere_than_in_a_terminal_lines_come_first_last_and_at_most_every_ten_seconds() -> None:
    console, clock = plain(), Clock()
    with Progress(100, ["baseline"], console, clock=clock) as progress:
        for _ in range(100):
            clock.now += 0.35
            progress.tokens(10)
            progress.answered("baseline", 1.0)
            progress.problem_done()
    lines = text(console).splitlines()
    assert len(lines) == 5  # 35 seconds: at 0, 10, 20, 30 and the end
    assert lines[0].startswith("0/100 problems")
    assert lines[-1].startswith("100/100 problems, 29 tokens/s, 0:35 taken")


def test_plain_lines_hold_no_control_codes_even_for_hostile_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    console, name = plain(width=20), "\x1b[31m[red]\r\nvote"
    with Progress(1, [name], console) as progress:
        progress.stage("\x1b[2Jscoring")
        progress.answered(name, 1.0)
    assert re.fullmatch(r"[ -~\n]*", text(console))
    assert r"\x1b[31m[red]\r\nvote 100.0% running" in text(console)
    assert len(text(console).splitlines()) == 2  # a line is never wrapped


def test_standard_error_that_is_no_terminal_gets_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress(1, ["baseline"]) as progress:
        progress.problem_done()
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"[ -~\n]+", err)


def test_accuracy_is_labelled_running_and_leaves_out_what_has_no_score() -> None:
    console = plain()
    with Progress(4, ["baseline", "vote", "silent"], console) as progress:
        for correct in (1.0, 0.0, None, 1.0):
            progress.answered("baseline", correct)
        progress.answered("vote", None)
    last = text(console).splitlines()[-1]
    assert "baseline 66.7% running (n = 3)" in last
    assert "vote 1 answered" in last
    assert "silent" not in last


def test_speed_and_time_left_follow_the_recent_pace_not_that_of_resumed_problems() -> None:
    console, clock = plain(), Clock()
    with Progress(1100, ["baseline"], console, clock=clock) as progress:
        for _ in range(900):
            progress.problem_done()  # found finished
        for _ in range(100):
            clock.now += 3
            progress.tokens(300)
            progress.problem_done()
    assert "1000/1100 problems, 100 tokens/s, 5:00 left" in text(console).splitlines()[-1]


@pytest.mark.parametrize(("workers", "spread", "chunk"), [(1, 1.0, 1), (16, 0.5, 1), (64, 0.5, 1), (16, 1.0, 20)])
def test_the_time_left_falls_in_expectation_and_is_right_on_the_way(workers: int, spread: float, chunk: int) -> None:
    rng, total, looks = np.random.default_rng(5), 400, np.linspace(0.2, 0.8, 13)
    left = []
    for _ in range(60):  # traces: workers take problem after problem, whose ends are heard of in chunks
        free, ends = np.zeros(workers), []
        for seconds in rng.gamma(1 / spread**2, 10 * spread**2, total):
            place = int(free.argmin())
            free[place] += seconds
            ends.append(free[place])
        ends = sorted(ends)
        clock = Clock()
        progress, done, heard = Progress(total, ["baseline"], plain(), clock=clock), 0, []
        for look in looks * ends[-1]:
            while done + chunk <= total and ends[done + chunk - 1] <= look:
                clock.now = 1000.0 + ends[done + chunk - 1]
                progress.tokens(100)
                for _ in range(chunk):
                    progress.problem_done()
                done += chunk
            heard.append((progress.left(1000.0 + look) or np.nan) / ends[-1])
        left.append(heard)
    means = np.nanmean(left, axis=0)
    assert (np.diff(means) < 0).all(), means
    assert np.abs(means - (1 - looks))[3:].max() < 0.12 + 2 * chunk / total + workers / total


def test_a_pause_does_not_lengthen_the_time_left() -> None:
    clock = Clock()
    progress = Progress(100, ["baseline"], plain(), clock=clock)
    for _ in range(20):
        clock.now += 2
        progress.tokens(5)
        progress.problem_done()
    counted = [progress.left(clock.now + seconds) or 0.0 for seconds in (0, 1, 2, 60)]
    assert counted == pytest.approx([160, 159, 158, 158])


def test_a_terminal_gets_a_live_display_that_ends_with_the_last_numbers() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Progress(2, ["[red]baseline"], console) as progress:
        progress.stage("generating")
        progress.answered("[red]baseline", 1.0)
        progress.problem_done()
    assert "\x1b[?25l" in text(console)
    assert text(console).endswith("\x1b[?25h")
    last = text(console)[text(console).rindex("generating") :]
    assert "1/2 problems" in last
    assert "[red]baseline" in last


def test_an_unknown_strategy_is_refused() -> None:
    with Progress(1, ["baseline"], plain()) as progress, pytest.raises(KeyError):
        progress.answered("baselin", 1.0)


def test_an_error_inside_passes_through_and_the_last_line_is_still_printed() -> None:
    console = plain()
    with pytest.raises(ZeroDivisionError), Progress(2, ["baseline"], console) as progress:
        progress.tokens(1 // 0)
    assert len(text(console).splitlines()) == 2


@pytest.mark.parametrize("terminal", [False, True])
def test_ten_thousand_calls_cost_under_50_ms(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    best = float("inf")
    for _ in range(5):
        with Progress(2500, ["baseline"], console) as progress:
            start = time.perf_counter()
            for _ in range(2500):
                progress.tokens(16)
                progress.answered("baseline", 1.0)
                progress.problem_done()
                progress.stage("generating")
            best = min(best, time.perf_counter() - start)
    assert best < 0.05


def test_of_many_strategies_the_first_are_shown_and_the_others_counted() -> None:
    console, names = plain(), [f"arm{place}" for place in range(40)]
    with Progress(1, names, console) as progress:
        for name in names:
            progress.answered(name, 1.0)
        progress.problem_done()
    last = text(console).splitlines()[-1]
    assert all(f"arm{place} 100.0% running" in last for place in range(8))
    assert last.endswith("and 32 more")
    assert "arm8 " not in last
