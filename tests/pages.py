"""The pages of the documentation, cut into their blocks."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Made whole from what is committed, and compared by tests of their own or by `leaderboard check`.
GENERATED = {
    "docs/cli.md": "tests/test_site.py",
    "leaderboard/README.md": "tests/analysis/test_leaderboard.py",
    "tts_bench/models/pocket/README.md": "tests/pocket",
}

_FENCED = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n+)?^(?P<fence>```)(?P<kind>\w*)\n(?P<body>.*?)^```$", re.M | re.S
)
_INDENTED = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n+)?(?:(?<=\n\n)|\A)(?P<body>(?:^ {4}.*\n(?:\n(?= {4}))*)+)", re.M
)
_SPAN = re.compile(r"`((?:\.venv/bin/)?(?:time |tts-bench |make |python |pytest )[^`]+)`")


@dataclass(frozen=True)
class Block:
    """A code block, the comment before it, and where it stands."""

    page: str
    line: int
    mark: str  # "" where there is none
    fenced: bool
    body: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """All pages written by hand."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    found += [path for folder in ("docs", "examples", "leaderboard") for path in (ROOT / folder).rglob("*.md")]
    return sorted(path for path in found if path.relative_to(ROOT).as_posix() not in GENERATED)


def blocks(text: str, page: str) -> Iterator[Block]:
    """The code blocks of a page, fenced or indented."""
    fenced = list(_FENCED.finditer(text))
    blank = _FENCED.sub(lambda block: "\n" * block.group().count("\n"), text)  # so that none is found in another
    for match in [*fenced, *_INDENTED.finditer(blank)]:
        source, body = (text, match["body"]) if match in fenced else (blank, textwrap.dedent(match["body"]))
        line = source[: match.start("body")].count("\n") + 1
        yield Block(page, line, match["mark"] or "", match in fenced, body)


def spans(text: str) -> list[str]:
    """Commands in the running text."""
    return [" ".join(span.split()) for span in _SPAN.findall(_FENCED.sub("", text))]


def sections_with_numbers(text: str) -> Iterator[tuple[str, str]]:
    """Headings and texts of the sections that hold a table of numbers."""
    for section in re.split(r"^(?=#{1,3} )", text, flags=re.M):
        rows = re.findall(r"^\|.*\|$", section, re.M)
        if sum(bool(re.search(r"\| *[-+]?\d[\d.,]*%? *\|", row)) for row in rows) >= 2:
            yield section.partition("\n")[0], section
