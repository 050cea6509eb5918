"""Small data folders in the layout that the tasks read, and an lm-eval model that says what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance

from tts_bench.lm_eval.replay import GenerateOnly

SUBJECTS = (
    "Algebra",
    "Counting & Probability",
    "Geometry",
    "Intermediate Algebra",
    "Number Theory",
    "Prealgebra",
    "Precalculus",
)

ROWS: dict[str, list[dict[str, Any]]] = {
    "gsm8k": [
        {"question": "One and two?", "answer": "It is 1+2=<<1+2=3>>3.\n#### 3"},
        {"question": "A lot?", "answer": "Ten times 120.\n#### 1,200"},
    ],
    "math500": [
        {
            "problem": f"Problem {number}",
            "solution": f"So it is $\\boxed{{{answer}}}$.",
            "answer": answer,
            "subject": "Algebra",
            "level": 1,
            "unique_id": f"test/algebra/{number}.json",
        }
        for number, answer in enumerate([r"\frac{1}{2}", r"(3,\pi]", r"\text{east}"])
    ],
    "math": [
        {
            "problem": f"{subject} {number}",
            "solution": f"Hence $\\boxed{{{number}\\sqrt{{2}}}}$.",
            "level": "Level 1",
            "type": subject,
        }
        for subject in SUBJECTS
        for number in (3, 5)
    ],
    "aime24": [
        {"id": 60 + number, "problem": f"Problem {number}", "answer": f"0{number}3", "url": "2024_AIME_I"}
        for number in (2, 4)
    ],
    "aime25": [{"id": str(number), "problem": f"Problem {number}", "answer": f"{number}3"} for number in (2, 4)],
}
ROWS["gsm8k_platinum"] = ROWS["gsm8k"]


def write(folder: Path, rows: dict[str, list[dict[str, Any]]] = ROWS) -> Path:
    """A data folder with these rows."""
    for name, lines in rows.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / name / "test.jsonl").write_text(text, "utf-8")
    return folder


class Saying(GenerateOnly):
    """Answers each request by a function of its row."""

    def __init__(self, reply: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self.reply = reply
        self.asked: list[Instance] = []

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        self.asked += requests
        return [self.reply(request.doc) for request in requests]
