r"""The gold answers of a row: in its own column, after `####`, or in the last box of its solution.

In the rows of MATH that are listed below, the last box is not the whole truth: several boxes hold the parts of one
answer, or answers of which each is accepted, or the box is empty or holds something else. All solutions of both splits
whose boxes differ were read to find them. Rows are counted from 0 in the order of (subject, file name), which is that
of the data folder; a row is known by its problem, since the hub's data have no `unique_id`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tts_bench.tasks.boxed import box


@dataclass(frozen=True, slots=True)
class Correction:
    """What the gold answer of a row of MATH is, where its solution's last box does not hold it."""

    row: str
    answers: tuple[str, ...]  # each of them is right
    why: str


_ALL = "the problem asks for all of them, and each has a box of its own"
_ANY = "the problem asks for one of them"
_FORM = "one answer in two forms, a box each"

CORRECTIONS = {  # by the first 12 hexadecimal digits of the SHA-256 of the problem
    "b5f749fbf959": Correction("test 414", ("-2, 1",), _ALL),
    "8ecad5cc50e8": Correction("test 2152", ("5 - 10i, 11, -3 + 6i",), _ALL),
    "c9b61debeac1": Correction("test 2549", (r"-\frac{3}{2}, -\frac{3}{4}",), _ALL),
    "9ef30450ae74": Correction("test 2656", ("-10879, 10879",), _ALL),
    "7e91dcaf7b7d": Correction("test 2703", (r"3, \frac{2}{5}",), _ALL),
    "5bf63de275ef": Correction("test 4559", ("-1, 2",), _ALL),
    "ed2d8b46bd9e": Correction("test 4562", (r"30^\circ, 45^\circ, 105^\circ",), _ALL),
    "621a9c1cd66e": Correction("test 4860", (r"\frac{\pi}{4}, \frac{5\pi}{4}",), _ALL),
    "77592e03f2a6": Correction("test 333", ("-3", "3"), "the solution says that 3 is accepted as well"),
    "a7cf9617c20c": Correction("test 2716", ("(10, 0)", "(0,0)"), _ANY),
    "29421c88ce2a": Correction(
        "test 2912",
        (r"\left(\tfrac32, -\tfrac52\right)", r"\left(-\tfrac52, -\tfrac52\right)"),
        _ANY,
    ),
    "1a4180c023e3": Correction("test 2936", ("(3,-5)", "(0,0)"), "the solution says that (0,0) is accepted as well"),
    "0f74f3328993": Correction("test 3341", (r"15\frac{39}{40}", r"\frac{639}{40}"), _FORM),
    "aa677daeaf71": Correction("test 3628", ("x+11", "11+x"), _FORM),
    "482ad132efba": Correction("test 4258", ("12x -34", "-34 + 12x"), _FORM),
    "fc8776473827": Correction("test 4060", ("6",), "the box is an operation of the problem, and the answer has none"),
    "f03b90f3870b": Correction("train 334", ("(-2,18), (8,38)",), _ALL),
    "c642ccd36133": Correction("train 504", ("(-2, 23), (0, 1)",), _ALL),
    "855b822dd341": Correction("train 3460", ("2x+1, -2x-1",), _ALL),
    "c393ff3ffe40": Correction("train 3694", (r"\frac{1}{3}, -\frac{5}{2}",), _ALL),
    "62e6149d159b": Correction("train 3997", ("1, 9",), _ALL),
    "800c2687dd50": Correction("train 6780", ("12, 18",), _ALL),
    "961bb498c186": Correction("train 6816", ("5, -3",), _ALL),
    "499f967ab734": Correction("train 6843", (r"30^\circ, 150^\circ",), _ALL),
    "8e6237be02d6": Correction("train 6922", (r"60^\circ, 45^\circ, 75^\circ",), _ALL),
    "9c4458f7810f": Correction("train 7225", ("4, -4",), _ALL),
    "2a5c604363bf": Correction("train 7321", (r"30^\circ, 75^\circ, 75^\circ",), _ALL),
    "36c427ccca79": Correction("train 7414", (r"\frac{3}{2}, -3",), _ALL),
    "ae287fa11863": Correction("train 4253", ("(-5, 7)", "(-5, 1)"), _ANY),
    "b566fe7d1719": Correction(
        "train 7417",
        (r"\begin{pmatrix} 2/3 \\ -2/3 \\ -1/3 \end{pmatrix}", r"\begin{pmatrix} -2/3 \\ 2/3 \\ 1/3 \end{pmatrix}"),
        _ANY,
    ),
    "c93ef863dfee": Correction(
        "train 7493", (r"\frac{\pi}{3}", r"-\frac{\pi}{3}"), "the solution says that the other is accepted as well"
    ),
    "e8c2eb8aaa9f": Correction("train 5419", ("28_9", "28"), _FORM),
    "dc078797f4f3": Correction("train 5446", (r"8\!:\!34 \text{ p.m.}", r"20\!:\!34"), _FORM),
    "7f785101e53b": Correction("train 6308", ("-b+2", "2 - b"), _FORM),
    "6bf518e40168": Correction("train 5341", ("0", r"\text{(A)}"), "the solution's box is empty; choice A is 0"),
    "debc16831735": Correction("train 5343", ("0", r"\text{(A)}"), "the solution's box is empty; choice A is 0"),
}


def correction(row: Mapping[str, Any]) -> Correction | None:
    """What is known of a row of MATH better than its last box."""
    if "answer" in row or "problem" not in row:
        return None
    return CORRECTIONS.get(hashlib.sha256(row["problem"].encode("utf-8", "surrogatepass")).hexdigest()[:12])


def answers(row: Mapping[str, Any]) -> tuple[str, ...]:
    """All gold answers of a row, as its data have them: each is right by itself. Empty where the row has none."""
    known = correction(row)
    if known:
        return known.answers
    if "answer" in row:
        answer = str(row["answer"])
        found = (answer.rsplit("####", 1)[-1] if "question" in row else answer).strip()
    else:
        found = box(row["solution"]) or ""
    return (found,) if box(rf"\boxed{{{found}}}") else ()
