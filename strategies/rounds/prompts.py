"""Prompts of strategies that answer again, in our own words, and how they are filled in."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Answer

AGAIN = "Your previous answer to this problem was: {answer}\nNow solve the problem again."
CHECK = (
    "Check your answer step by step. If all of it is right, end with the word CORRECT on a line of its own; "
    "if not, say what is wrong and end with the word WRONG."
)
REVISE = "Now solve the problem again, with these remarks in mind."
MERGE = (
    "Below are attempts at this problem. Some may be wrong. Take from them what is right, mend what is wrong, "
    "and write one complete solution."
)
MEND = "Below is an attempt at this problem. It may be wrong. Mend it, and write one complete solution."
DISTIL = (
    "Below are attempts at this problem. Do not solve it yet. Write short notes for the next attempt: what they agree "
    "on, where they differ, which steps are wrong."
)
NOTES = "Below are notes from earlier attempts at this problem. They may be wrong. Write one complete solution."


def below(prompt: str, instruction: str, texts: Sequence[str]) -> str:
    """The problem, what to do, and the texts, numbered if there are several."""
    if len(texts) == 1:
        return f"{prompt}\n\n{instruction}\n\n{texts[0]}"
    listed = (f"Attempt {number}:\n{text}" for number, text in enumerate(texts, 1))
    return "\n\n".join((prompt, instruction, *listed))


def approves(comment: Answer) -> bool:
    """Whether its last line is the word CORRECT alone."""
    lines = comment.text.strip().splitlines()
    return bool(lines) and lines[-1].strip(" .!*") == "CORRECT"


def agrees(comment: Answer, answer: Answer) -> bool:
    """Whether both give the same answer; a missing answer never agrees."""
    return comment.extracted is not None and comment.extracted == answer.extracted
