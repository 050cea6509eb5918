"""The leaderboard as README.md. Names stand in code spans, where markdown and GitHub leave everything as it is.

No text of an entry holds a backtick, a pipe or a line break (`entry.Text`), so that none can end its span or its cell.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def markdown(blocks: Sequence[Block]) -> str:
    """The text of README.md."""
    return f"<!-- {MARK} -->\n\n" + "\n\n".join(map(_block, blocks)) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_words(block.words)}"
        case Paragraph():
            return _words(block.words)
        case Bullets():
            return "\n".join(f"- {_words(item)}" for item in block.items)
        case Command():
            return f"    {block.text}"
        case Figure():
            return f"![{block.alt}]({block.path})"
        case Cells():
            return _cells(block)


def _cells(cells: Cells) -> str:
    names = [any(isinstance(row[place], Name) for row in cells.rows) for place in range(len(cells.columns))]
    lines = [cells.columns, ["---" if name else "--:" for name in names]]
    lines += [[_word(cell) for cell in row] for row in cells.rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"<details><summary>{cells.summary}</summary>\n\n{table}\n\n</details>" if cells.summary else table


def _words(words: Words) -> str:
    return " ".join(map(_word, words))


def _word(word: str | Name) -> str:
    if isinstance(word, str):
        return word
    return f"[`{word.text}`]({word.href})" if word.href else f"`{word.text}`"
