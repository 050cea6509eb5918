"""Claims about lm-eval's reading of answers that are there already."""

from __future__ import annotations

from pathlib import Path

from tests.runs.samples import write_sums
from tts_bench.lm_eval import replay
from tts_bench.tasks import loading

ROWS = 200


class Counted(int):
    """A document's number that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other

    __hash__ = int.__hash__


def test_choosing_documents_costs_each_row_one_look_and_not_one_for_every_other(tmp_path: Path) -> None:
    tasks = loading.load(("gsm8k",), write_sums(tmp_path, ROWS))
    chosen: list[int] = [Counted(number) for number in range(1, ROWS, 2)]
    items = replay.collect(tasks, {"gsm8k": chosen})
    assert [item.doc_id for item in items] == chosen
    Counted.compared = 0
    texts = {("gsm8k", int(number), 0): "none" for number in chosen}
    replay.score(tasks, {"gsm8k": chosen}, texts)
    assert Counted.compared <= 4 * ROWS  # a list would be gone through for each of the rows: some 15,000
