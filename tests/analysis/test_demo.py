"""Claim: what `compare` says of the demonstration's votes is what their records say, counted again in fractions."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tts_bench.cli import main as root


def exact(record: dict[str, Any]) -> Fraction:
    """The score of a vote on all samples, tied winners sharing; of a baseline, that of its answer."""
    ballots = [part for part in record["segments"] if part["kind"] == "answer"]
    if not record["strategy"].startswith("majority-vote"):
        return Fraction(record["answers"][-1]["scores"]["strict"])
    scored = {part["extracted"]: part["scores"]["strict"] for part in [*ballots, *record["answers"]] if part["scores"]}
    votes = Counter(ballot["extracted"] for ballot in ballots if ballot["extracted"] is not None)
    winners = [answer for answer in votes if votes[answer] == max(votes.values())]
    return sum((Fraction(scored[answer]) for answer in winners), Fraction(0)) / len(winners)


@pytest.mark.slow
def test_the_problems_that_tell_a_vote_from_the_baseline_are_those_of_the_records(tmp_path: Path) -> None:
    """Of all 600, with 16 samples each, it said 351 and 19, where the records have 193 and 12."""
    run, said = tmp_path / "run", tmp_path / "said.json"
    strategies = ["--strategy", "baseline", "--strategy", "majority-vote:samples=16"]
    assert (
        root._run(
            [
                "run",
                "--model",
                "pocket",
                *strategies,
                "--tasks",
                "pocket_arithmetic",
                "--workers",
                "1",
                "--limit",
                "24",
                "--out",
                str(run),
            ]
        )
        == 0
    )
    assert root._run(["compare", str(run), "--resamples", "1000", "--out", str(said)]) == 0
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    scores = {(record["strategy"].partition(":")[0], record["doc_id"]): exact(record) for record in records}
    differences = [scores["majority-vote", doc] - scores["baseline", doc] for doc in range(24)]
    [statement] = json.loads(said.read_text())["statements"]
    assert statement["better"] == sum(one > 0 for one in differences) > 0
    assert statement["worse"] == sum(one < 0 for one in differences)
    assert statement["difference"] == pytest.approx(float(sum(differences) / 24), abs=1e-12)
