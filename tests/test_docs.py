"""The pages of the documentation do what they say: their console blocks are run and compared (see tests/console.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.console import matches, run_page
from tests.environment import fresh

ROOT = Path(__file__).parents[1]
PAGES = [page for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))] if "<!-- run" in page.read_text()]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_prints_what_stands_below_it(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "session"
    folder.mkdir()
    _, differences = run_page(page.read_text(), folder, fresh(tmp_path / "venv"))
    assert not differences, "\n".join(map(str, differences))


SESSION = """
<!-- file greeting.txt -->
```text
hello
```
Then:
<!-- run -->
```console
$ cat greeting.txt
{said}
$ printf '%s\\n' one \\
    two three
one
...
```
<!-- run exit=3 -->
```console
$ echo gone >&2; exit 3
gone
```
```console
$ exit 9
```
"""


def test_a_page_that_says_what_its_commands_print_has_no_differences(tmp_path: Path) -> None:
    page = SESSION.format(said="hel...")
    assert run_page(page, tmp_path, os.environ) == (page, [])


def test_a_page_that_says_something_else_is_found_out_and_mended(tmp_path: Path) -> None:
    mended, (difference,) = run_page(SESSION.format(said="good bye"), tmp_path, os.environ)
    assert (difference.command, difference.expected, difference.found) == ("cat greeting.txt", "good bye\n", "hello\n")
    assert mended == SESSION.format(said="hello")


def test_another_exit_code_is_a_difference(tmp_path: Path) -> None:
    _, (difference,) = run_page(SESSION.replace("exit=3", "exit=1").format(said="hello"), tmp_path, os.environ)
    assert difference.found == "gone\n(exit code 3)\n"


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("a...c\n", "abc\n", True),
        ("a...c\n", "ab\nc\n", False),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nd\n", "a\nd\n", True),
        ("a.c\n", "abc\n", False),
        ("a\n", "a\nb\n", False),
        ("a  \n", "a\n", True),
        ("", "", True),
        ("", "a\n", False),
    ],
)
def test_three_dots_stand_for_anything_in_a_line_or_for_lines(expected: str, found: str, same: bool) -> None:
    assert matches(expected, found) is same
