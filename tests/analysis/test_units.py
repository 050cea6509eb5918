"""Claims about the unit in which differences are stated."""

import numpy as np

from tests.analysis.test_compare import right, series
from tts_bench.analysis.compare import compare
from tts_bench.analysis.front import front
from tts_bench.present.front import rows as front_rows
from tts_bench.present.words import paragraphs, rows


def test_a_metric_that_is_no_share_is_compared_in_its_own_unit() -> None:
    scores = np.random.default_rng(0).uniform(20.0, 40.0, (60, 1))
    lines = [series("baseline", scores, [100.0]), series("wait", scores + 2.5, [200.0], cues=True)]
    found = compare(lines)
    assert found.statements[0].share is False
    [said] = paragraphs(found)
    assert said.startswith("wait at 0 is 2.5 above baseline at 0")
    assert "(95% +2.5 to +2.5, p < 0.001" in said
    assert "differences are in the metric's own unit" in said
    assert rows(found.statements)[0][2:4] == ["+2.5", "[+2.5, +2.5]"]
    budgets = front(lines)
    assert [budget.share for budget in budgets] == [False] * len(budgets)
    mean = float(scores.mean())
    assert front_rows(budgets)[-1][2].startswith(f"{mean + 2.5:.3g} [")
    shares = compare([series("baseline", right(60, 30), [100.0]), series("wait", right(60, 45), [200.0], cues=True)])
    assert paragraphs(shares)[0].startswith("wait at 0 is 25.0 points above")
    assert "own unit" not in paragraphs(shares)[0]
