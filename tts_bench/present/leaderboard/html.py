"""The leaderboard as index.html: one file without scripts that loads nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape

from tts_bench.present.leaderboard.document import (
    Block,
    Bullets,
    Cells,
    Command,
    Figure,
    Heading,
    Name,
    Paragraph,
    Words,
)
from tts_bench.present.leaderboard.entry import MARK

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.3rem 0.6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8886; }
th.name, td.name { text-align: left; }
pre { overflow-x: auto; padding: 0.7rem; border: 1px solid #8886; border-radius: 4px; }
li { overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
svg { max-width: 46rem; width: 100%; height: auto; border-radius: 4px; }
summary { cursor: pointer; margin: 0.7rem 0; }
"""
_PAGE = """<!doctype html>
<!-- {mark} -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{hash}'; img-src data:; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>Test-time scaling leaderboard</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def html(blocks: Sequence[Block]) -> str:
    """The text of index.html."""
    hashed = b64encode(sha256(_STYLE.encode()).digest()).decode()
    return _PAGE.format(mark=MARK, hash=hashed, style=_STYLE, body="\n".join(map(_block, blocks)))


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{_words(block.words)}</h{block.level}>"
        case Paragraph():
            return f"<p>{_words(block.words)}</p>"
        case Bullets():
            return "<ul>\n" + "\n".join(f"<li>{_words(item)}</li>" for item in block.items) + "\n</ul>"
        case Command():
            return f"<pre><code>{escape(block.text)}</code></pre>"
        case Figure():
            return f"<figure>\n{block.svg}</figure>"
        case Cells():
            return _cells(block)


def _cells(cells: Cells) -> str:
    names = [any(isinstance(row[place], Name) for row in cells.rows) for place in range(len(cells.columns))]
    head = "".join(
        f'<th scope="col"{_class(name)}>{escape(c)}</th>' for c, name in zip(cells.columns, names, strict=True)
    )
    rows = [
        "".join(f"<td{_class(name)}>{_word(cell)}</td>" for cell, name in zip(row, names, strict=True))
        for row in cells.rows
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    table = f'<div class="wide" tabindex="0">{table}</div>'  # what scrolls is reached by keyboard
    return f"<details><summary>{escape(cells.summary)}</summary>\n{table}\n</details>" if cells.summary else table


def _class(name: bool) -> str:
    return ' class="name"' if name else ""


def _words(words: Words) -> str:
    return " ".join(map(_word, words))


def _word(word: str | Name) -> str:
    if isinstance(word, str):
        return escape(word)
    code = f"<code>{escape(word.text)}</code>"
    return f'<a href="{escape(word.href)}">{code}</a>' if word.href else code
