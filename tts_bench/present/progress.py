"""What a person sees of a run while it runs: a live display in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tts_bench.records import Record
from tts_bench.text import only_ascii, safe

_SHOWN = 8  # strategies, of many
_SHOWN_ANSWER = 60  # letters of an answer
_REFRESHES = 4  # a second, in a terminal
_PAUSE = 10.0  # seconds between plain lines
_SAMPLE = 0.5  # seconds between the marks from which tokens per second are taken


class Progress:
    """Counts what a run reports and shows it between `with` and its end.

    Its methods only count, so that a run may call them for every token. In a terminal the display is drawn beside
    them, four times a second; elsewhere a plain line is printed first, last and at most every ten seconds between.
    """

    def __init__(
        self,
        total_problems: int,
        strategies: Sequence[str],
        console: Console | None = None,
        *,
        quiet: bool = False,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show on `console`, by default on standard error: a line for each record where it is `verbose`, nothing where
        it is `quiet`. `clock` gives seconds.
        """
        # Rich takes FORCE_COLOR for a terminal; a log file would then fill with cursor movements.
        # The stream of now: a strategy may put another one, and close it, in the place of standard error.
        self._console = console or Console(file=sys.stderr, force_terminal=sys.stderr.isatty(), quiet=quiet)
        self._clock, self._verbose = clock, verbose
        self._total = total_problems
        self._done = 0
        self._tokens = 0
        self._stage = ""
        self._running = {strategy: _Running() for strategy in strategies}
        self._started = self._printed = clock()
        # Problems and seconds at the first one that something was generated for, and at the last: the pace.
        self._first: tuple[int, float] | None = None
        self._last = (0, self._started)
        self._marks = deque([(self._started, 0)], maxlen=20)  # seconds, and tokens by then
        self._live: Live | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(get_renderable=self._display, console=self._console, refresh_per_second=_REFRESHES)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start(refresh=True)
        else:
            self._print()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        else:
            self._print()

    def stage(self, text: str) -> None:
        """Say what the run is doing, e.g. "loading the model"."""
        self._stage = safe(text, ascii_only=self._ascii)
        self._tick(self._clock())

    def problem_done(self) -> None:
        """Every strategy has finished one more problem."""
        now = self._clock()
        self._done += 1
        self._last = (self._done, now)
        # What a resumed run finds finished says nothing of what is left; what comes with the first is of its chunk.
        if self._first is None or not self._tokens or now - self._first[1] < _SAMPLE:
            self._first = (self._done, self._first[1] if self._first and self._tokens else now)
        self._tick(now)

    def answered(self, strategy: str, correct: float | None, record: Record | None = None) -> None:
        """`strategy` finished a problem; `correct` is a quick score in 0 to 1, None where there is none.

        Raises:
            KeyError: `strategy` is none of those the run has.
        """
        self._running[strategy].add(correct)
        if self._verbose and record:
            said = safe(_line(strategy, correct, record), ascii_only=self._ascii)
            self._console.print(Text(said), soft_wrap=True)
        self._tick(self._clock())

    def tokens(self, n: int) -> None:
        """The engine generated `n` more tokens."""
        now = self._clock()
        self._tokens += n
        if now - self._marks[-1][0] >= _SAMPLE:
            self._marks.append((now, self._tokens))
        self._tick(now)

    @property
    def _ascii(self) -> bool:
        return only_ascii(self._console.encoding)

    def _tick(self, now: float) -> None:
        if self._live is None and now - self._printed >= _PAUSE:
            self._print()

    def _print(self) -> None:
        self._printed = self._clock()
        running = [f"{name} {words}" for name, words in self._accuracies()]
        self._console.print(Text(", ".join([self._summary(), *running])), soft_wrap=True)

    def _summary(self) -> str:
        now = self._clock()
        parts = [f"{self._done}/{self._total} problems", f"{self._speed(now):,.0f} tokens/s"]
        if self._done == self._total:
            parts.append(f"{_duration(now - self._started)} taken")
        elif (left := self.left(now)) is not None:
            parts.append(f"{_duration(left)} left")
        return ", ".join([self._stage, *parts] if self._stage else parts)

    def _accuracies(self) -> list[tuple[str, str]]:
        """Name and running accuracy of the first strategies that answered, and how many more there are."""
        answered = [(name, running) for name, running in self._running.items() if running.n]
        shown = [(safe(name, ascii_only=self._ascii), running.words()) for name, running in answered[:_SHOWN]]
        more = len(answered) - len(shown)
        return [*shown, ("and", f"{more} more")] if more else shown

    def _speed(self, now: float) -> float:
        """Tokens a second over the last ten seconds or so; over the whole run when it is done."""
        since, before = (self._started, 0) if self._done == self._total else self._marks[0]
        return (self._tokens - before) / max(now - since, 1e-9)

    def left(self, now: float) -> float | None:
        """Seconds left at `now`; None before there is a pace.

        The pace is that of all problems since the first that something was generated for. The time before it is left
        out, in which the first problems in flight were on their way. Between two problems the time left is counted
        down, by no more than one problem takes: a pause shows as a standing clock and no longer one.
        """
        if self._first is None or self._last[0] == self._first[0]:
            return None
        pace = (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])
        return (self._total - self._done) * pace - min(max(now - self._last[1], 0.0), pace)

    def _display(self) -> RenderableType:
        strategies = Table.grid(padding=(0, 2))
        for name, words in self._accuracies():
            strategies.add_row(Text(name, "bold"), Text(words))
        display = Table.grid()
        display.add_row(Text(self._summary()))
        display.add_row(ProgressBar(total=max(self._total, 1), completed=self._done, width=60))
        display.add_row(strategies)
        return display


class _Running:
    """Accuracy so far of one strategy, before lm-eval scores its answers."""

    def __init__(self) -> None:
        self.n = 0
        self._scored = 0
        self._correct = 0.0

    def add(self, correct: float | None) -> None:
        self.n += 1
        if correct is not None:
            self._scored += 1
            self._correct += correct

    def words(self) -> str:
        if not self._scored:
            return f"{self.n} answered"
        return f"{self._correct / self._scored:.1%} running (n = {self._scored})"


def _line(label: str, correct: float | None, record: Record) -> str:
    """What a strategy said to a problem last, what that cost, and whether it is right by a quick score."""
    begin = f"{record.problem}  {label}"
    if record.error:
        return f"{begin}  {record.error.kind}: {record.error.message}"
    last = record.answers[-1]
    said = " ".join((last.text if last.extracted is None else last.extracted).split())
    shown = said if len(said) <= _SHOWN_ANSWER else f"{said[:_SHOWN_ANSWER]}..."
    verdict = "not scored" if correct is None else {0.0: "wrong", 1.0: "right"}.get(correct, f"{correct:.2f}")
    return f"{begin} {last.rung}  {verdict}  {last.cost.generated:,} tokens  {shown}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
