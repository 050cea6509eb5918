"""Four problems of GSM8K's kind, as a data folder."""

from __future__ import annotations

import json
from pathlib import Path

Q = [f"What is {n} and {n + 3}?" for n in range(4)]


def write(folder: Path) -> None:
    (folder / "gsm8k").mkdir(parents=True)
    rows = [{"question": each, "answer": f"#### {2 * n + 3}"} for n, each in enumerate(Q)]
    (folder / "gsm8k" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
