"""The pages of the documentation do what they say: their console blocks are run and compared (see tests/console)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imsave

from tests import commands
from tests.console import matches, other_pictures, run_page, session
from tests.pages import GENERATED, ROOT, blocks, pages, sections_with_numbers, spans

RUN = [page for page in pages() if "<!-- run" in page.read_text()]
TYPED = {"formula"}  # marks of blocks that no command makes
COMPARED = {  # pages whose tables have a test
    "docs/results/qwen2.5-coder-0.5b/README.md": "tests/test_results.py",
    "docs/studies/2026-outside/README.md": "tests/test_results.py",
    "docs/studies/2026-real/README.md": "tests/test_results.py",
    "docs/studies/2026-token/README.md": "tests/test_results.py",
    "docs/studies/2026-uncut/README.md": "tests/test_results.py",
    "docs/versions.md": "tests/test_versions.py",
    "docs/strategies.md": "tests/test_site.py",
}


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages before have generated: whoever types all of them in one folder makes nothing twice either."""
    return tmp_path_factory.mktemp("store") / "generations.sqlite"


@pytest.mark.slow
@pytest.mark.xdist_group("pages")
@pytest.mark.parametrize("page", RUN, ids=named)
def test_every_command_of_a_page_prints_what_stands_below_it(
    page: Path, tmp_path: Path, door: Path, store: Path
) -> None:
    folder, environment = session(tmp_path, door)
    text = page.read_text()
    here = folder / "runs" / store.name
    if store.exists():
        here.parent.mkdir()
        shutil.copy(store, here)
    _, differences = run_page(text, folder, environment)
    if here.exists():
        shutil.copy(here, store)
    assert not differences, "\n".join(map(str, differences))
    assert not other_pictures(text, page, folder)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_block_of_a_page_is_run_or_can_be_typed_as_it_stands(page: Path) -> None:
    for block in blocks(page.read_text(), named(page)):
        if (block.fenced and block.mark.split(" ")[0] in ("run", "file")) or block.mark in TYPED:
            continue
        assert not block.mark, f"{block}: nobody knows the mark {block.mark!r}"
        found = list(commands.commands(block.body))
        assert found, f"{block} holds no command"
        for words in found:
            commands.check(words)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_command_in_the_text_of_a_page_is_one_of_ours(page: Path) -> None:
    for span in spans(page.read_text()):
        for words in commands.commands(span):
            commands.check(words, whole=False)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_table_of_numbers_stands_beside_its_command_or_has_a_test(page: Path) -> None:
    for heading, section in sections_with_numbers(page.read_text()):
        beside = [*blocks(section, named(page)), *spans(section)]
        assert beside or named(page) in COMPARED, f"{named(page)}, {heading}: no command makes its numbers"


def test_pages_that_are_made_whole_are_there_and_so_are_their_tests() -> None:
    for page, test in {**GENERATED, **COMPARED}.items():
        assert (ROOT / page).exists()
        assert (ROOT / test).exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tts-bench rum", "no verb 'rum'"),
        ("tts-bench run --limits 3", "No such option: --limits"),
        ("tts-bench plot runs/x", "Missing"),
        ("tts-bench run --strategy baseline:budget=3", "no option of baseline 'budget'"),
        ("tts-bench run --engine hf:row=3", "hf has no option 'row'"),
        ("tts-bench run --strategy bassline", "no strategy 'bassline'"),
        ("tts-bench run --tasks gsm9k", "no task 'gsm9k'"),
        ("time tts-bench strategies chek x && make test", "nexpected extra argument"),
        ("make tests", "no target of make 'tests'"),
        ("python benchmarks/gone.py", "no file benchmarks/gone.py"),
        ("python -m benchmarks.analysis --problem 3", "analysis.py has no option --problem"),
        ("accuracy: 93.1", "neither one of our commands"),
    ],
)
def test_a_command_that_cannot_be_typed_is_found_out(text: str, said: str) -> None:
    found = list(commands.commands(text))
    with pytest.raises(commands.Wrong, match=said):
        commands.check(found[0])


def test_commands_are_read_through_loops_comments_and_what_may_be_left_out() -> None:
    text = "for s in 0 1; do tts-bench run --seed $s --out x; done\n"
    text += "A=1 tts-bench report x [y ...] [--texts all|none] \\\n  # z"
    expected = ["tts-bench run --seed 0 --out x", "tts-bench report x y --texts all"]
    assert [" ".join(words) for words in commands.commands(text)] == expected


def test_blocks_are_found_fenced_or_indented_with_their_marks_and_lines() -> None:
    text = "A:\n\n    one\n\n    two\n\n- a list\n    goes on\n\n"
    text += "<!-- formula -->\n```\n    x\n```\n<!-- run -->\n\n    three\n"
    found = [(block.line, block.mark, block.body) for block in blocks(text, "page")]
    assert found == [(12, "formula", "    x\n"), (3, "", "one\n\ntwo\n"), (16, "run", "three\n")]


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


def test_mending_leaves_what_is_masked(tmp_path: Path) -> None:
    page = "<!-- run -->\n```console\n$ printf '2 of 2 (1.3 s)\\nnew\\n'\n2 of 2 (... s)\nold\n```\n"
    mended, (_,) = run_page(page, tmp_path, os.environ)
    assert mended == page.replace("old", "new")


def test_a_picture_that_is_another_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    for name, value in {"shown.png": 0.2, "session/same.png": 0.2, "session/other.png": 0.9}.items():
        imsave(tmp_path / name, np.full((4, 4, 3), value))
    text = "<!-- picture shown.png is same.png -->\n<!-- picture shown.png is other.png -->\n"
    found = other_pictures(text, tmp_path / "page.md", tmp_path / "session")
    assert found == [(tmp_path / "shown.png", tmp_path / "session" / "other.png")]


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
