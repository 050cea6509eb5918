"""Any number of problems, for benchmarks that run the harness without a model."""

from __future__ import annotations

import json
from pathlib import Path


def write_apples(problems: int, folder: Path) -> Path:
    """Write additions in GSM8K format to `folder`; returns the data folder for `RunConfig.data_dir`."""
    data = folder / "data" / "gsm8k"
    data.mkdir(parents=True)
    with (data / "test.jsonl").open("w", encoding="utf-8") as file:
        for number in range(problems):
            question = f"Ann has {number} apples and gets {number % 97} more. How many apples has she now?"
            file.write(json.dumps({"question": question, "answer": f"#### {number + number % 97}"}) + "\n")
    return data.parent
