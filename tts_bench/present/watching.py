"""A run looked at again and again while it runs: its curve over the problems that all strategies have finished."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tts_bench.analysis.curve import Point, labelled
from tts_bench.analysis.runs import Numbers, read_header, read_records
from tts_bench.analysis.series import so_far
from tts_bench.errors import UserError
from tts_bench.files import is_held
from tts_bench.present import terminal
from tts_bench.runs.folder import PART
from tts_bench.runs.unfinished import Unfinished
from tts_bench.text import safe


@dataclass(frozen=True)
class View:
    """What there is of a run at one moment, each rung as the run itself shows it in the end."""

    state: str  # "finished", "running", or "stopped" where no process is at work in the folder
    said: str  # how many problems there are so far, or why there are none
    curve: list[Point] = field(default_factory=list)
    so_far: dict[str, str] = field(default_factory=dict)  # the same of each task


class Watched:
    """A run's folder. What was read of its records once is not read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: tuple[int, int] | None = None  # which file of records was read, and how long it was
        self._reading: tuple[Unfinished, Numbers] | None = None

    def look(self) -> View:
        """The run as it is now.

        Raises:
            UserError: no folder of a run, or records that are none of it.
        """
        header = read_header(self.folder, unfinished=True)
        if header["status"] == "finished":
            return View("finished", "", self._whole(header))
        state = "running" if is_held(self.folder) else "stopped"
        unfinished, numbers = self._reading_of(header)
        for record in unfinished.new():
            numbers.add(record)
        try:
            run = numbers.run()
        except UserError as error:  # nothing yet, or nothing but errors so far
            return View(state, str(error))
        counts = {task: f"{done:,} of {total:,} problems so far" for task, (done, total) in run.so_far.items()}
        return View(state, so_far(run), labelled(numbers.curve(), header.get("labels", {})), counts)

    def _whole(self, header: dict[str, Any]) -> list[Point]:
        """The curve of a finished run; what only failed is in it, too.

        Raises:
            UserError: records that are not as the run left them, or none.
        """
        numbers = Numbers(self.folder, header)
        for record in read_records(self.folder, header):
            numbers.add(record)
        curve = labelled(numbers.curve(), header.get("labels", {}))
        if not curve:
            numbers.run()  # which says that there is no record
        return curve

    def _reading_of(self, header: dict[str, Any]) -> tuple[Unfinished, Numbers]:
        """What reads on in the file of records; anew where the run's command was repeated, which begins another."""
        try:
            there = os.stat(self.folder / PART)
        except OSError:
            there = None
        file = there and (there.st_ino, there.st_size)
        same = self._file and file and self._file[0] == file[0] and self._file[1] <= file[1]
        if self._reading is None or not same:
            self._reading = (Unfinished(self.folder, header), Numbers(self.folder, header))
        self._file = file
        return self._reading


def rendered(view: View, console: Console) -> Iterator[RenderableType]:
    """A view as `console` shows it: table and drawing of each task, and a line below."""
    yield from terminal.parts(view.curve, console, view.so_far)
    if not view.curve:
        yield Text(safe(view.said))
    elif view.state == "stopped":
        yield Text(safe(f"Stopped: {view.said}. Repeat the run's command to go on."))


def follow(folder: Path, every: float, console: Console, *, sleep: Callable[[float], None] = time.sleep) -> View:
    """Show a run until it ends or its process does, looked at every so many seconds; the last view is returned.

    Where `console` is no terminal, the run is shown once. Interrupted, it leaves the last view on the screen.

    Raises:
        UserError: as `Watched.look`.
    """
    watched = Watched(folder)
    view = watched.look()
    try:
        if console.is_terminal:
            shown = Group(*rendered(view, console))
            with Live(shown, console=console, auto_refresh=False, transient=True) as live:
                while view.state == "running":
                    sleep(every)
                    view = watched.look()
                    live.update(Group(*rendered(view, console)), refresh=True)
    finally:
        for part in rendered(view, console):
            console.print(part)
    return view
