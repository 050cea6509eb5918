"""Console blocks of the documentation, run and compared. `python -m tests.console FILE...` puts in what they print now.

In a Markdown file `<!-- run -->` on a line of its own makes the console block after it a part of the file's session:
each `$ command` (a line that ends in a backslash goes on) is run in bash, in one folder for the whole file, empty but
for a copy of `examples/`, 100 columns wide, and has to print what stands below it. `...` stands for anything within a
line, and on a line of its own for any lines. `<!-- run exit=2 -->` expects that exit code of the block's last command;
what goes to standard error is looked at where the code is not 0 only. `<!-- file NAME -->` writes the block after it to
that file, and `<!-- picture FILE is NAME -->` holds a picture beside the page against one that the session drew.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import forked, warm
from tests.environment import fresh

ROOT = Path(__file__).parents[2]
_PICTURE = re.compile(r"^<!-- picture (?P<shown>\S+) is (?P<drawn>\S+) -->$", re.M)
_ALIKE = (
    0.01  # mean difference of two pictures' values, in 0 to 1: fonts and processors smooth edges a little otherwise
)
_BLOCK = re.compile(
    r"^<!-- (?P<what>run|file)(?: (?:exit=(?P<exit>\d+)|(?P<name>\S+)))? -->\n+```\w*\n(?P<body>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Difference:
    """A command that did not do what its page says."""

    command: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"$ {self.command}\n--- the page says\n{self.expected}\n--- it prints\n{self.found}"


def run_page(text: str, folder: Path, environment: Mapping[str, str]) -> tuple[str, list[Difference]]:
    """The page with what its commands print in `folder`, and where that is something else than it says."""
    differences: list[Difference] = []

    def play(block: re.Match[str]) -> str:
        if block["what"] == "file":
            (folder / block["name"]).write_text(block["body"])
            return block.group()
        steps = list(_steps(block["body"]))
        written = []
        for index, (command, expected) in enumerate(steps):
            code = int(block["exit"] or 0) if index == len(steps) - 1 else 0
            found = _output(command, folder, environment, code)
            if not matches(expected, found):
                differences.append(Difference(command, expected, found))
                expected = _masked(found, expected)
            written.append(f"$ {command}\n{expected}")
        return block.group().replace(block["body"], "".join(written))

    return _BLOCK.sub(play, text), differences


def matches(expected: str, found: str) -> bool:
    """Whether `found` is what `expected` says, where `...` stands for anything."""
    lines = [re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + "\n" for line in expected.splitlines()]
    pattern = "".join("(?:.*\n)*?" if line == ".*\n" else line for line in lines)
    return re.fullmatch(pattern, found) is not None


def _masked(found: str, expected: str) -> str:
    """What was found, with the lines of `expected` that hold `...` where they still stand for what is there."""
    loose = [line for line in expected.splitlines() if "..." in line and line != "..."]
    lines = (next((line for line in loose if matches(line, f"{said}\n")), said) for said in found.splitlines())
    return "".join(f"{line}\n" for line in lines)


def other_pictures(text: str, page: Path, folder: Path) -> list[tuple[Path, Path]]:
    """Pictures beside `page` that are not what its session in `folder` drew: what is shown, and what was drawn."""
    found = [(page.parent / match["shown"], folder / match["drawn"]) for match in _PICTURE.finditer(text)]
    return [(shown, drawn) for shown, drawn in found if not _alike(shown, drawn)]


def _alike(shown: Path, drawn: Path) -> bool:
    from matplotlib.image import imread

    one, other = imread(shown), imread(drawn)
    return one.shape == other.shape and float(abs(one - other).mean()) <= _ALIKE


def session(place: Path, door: Path) -> tuple[Path, dict[str, str]]:
    """A folder for the commands of a page, and their environment, whose `tts-bench` the process at `door` runs."""
    folder = place / "session"
    folder.mkdir()
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=leave)
    return folder, fresh(place / "venv", door)


def _steps(body: str) -> Iterator[tuple[str, str]]:
    """Commands, and what is said to be printed by each."""
    for step in re.split(r"^\$ ", body, flags=re.M)[1:]:
        command = re.match(r"(?:[^\n]*\\\n)*[^\n]*\n", step)
        assert command
        yield command.group().rstrip("\n"), step[command.end() :]


def _output(command: str, folder: Path, environment: Mapping[str, str], code: int) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + (done.stderr if done.returncode else "")
    if done.returncode != code:
        said += f"(exit code {done.returncode})\n{done.stderr if not done.returncode else ''}"
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines())


def main(pages: list[Path]) -> None:
    """Write what the commands of `pages` print now, and the pictures that they draw."""
    for page in pages:
        with tempfile.TemporaryDirectory() as place, warm.started(forked.server) as door:
            folder, environment = session(Path(place), door)
            text, differences = run_page(page.read_text(), folder, environment)
            page.write_text(text)
            for shown, drawn in other_pictures(text, page, folder):
                shutil.copy(drawn, shown)
                print(f"{shown} is another picture now.")
        print(*differences, f"{len(differences)} commands of {page} print something else than it said.", sep="\n")
