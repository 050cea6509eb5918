"""Does a strategy keep what the harness relies on? A kit for authors of plugins: no model, no torch, a few seconds.

    from tts_bench.testing import conform

    def test_my_strategy_keeps_the_contract() -> None:
        conform(MyIdea(steps=3))                 # or "my-idea:steps=3", or "./my_idea.py:MyIdea"

or each claim as a test of its own:

    @pytest.mark.parametrize("claim", CLAIMS, ids=str)
    def test_my_strategy_keeps(claim: Claim) -> None:
        conform(MyIdea(), claim)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tts_bench import registry
from tts_bench.api import Strategy
from tts_bench.conformance import claims
from tts_bench.conformance.cancellation import cancellation
from tts_bench.conformance.claims import Broken
from tts_bench.conformance.values import with_tokens

__all__ = ["CLAIMS", "Broken", "Claim", "Result", "conform", "conform_task", "results"]


@dataclass(frozen=True)
class Claim:
    """One thing that a strategy has to keep."""

    name: str
    check: Callable[[Strategy], None]  # raises Broken

    @property
    def sentence(self) -> str:
        return inspect.getdoc(self.check) or ""

    def __str__(self) -> str:
        return self.name


_CHECKS = (
    claims.answers,
    claims.determinism,
    claims.options,
    claims.rungs,
    claims.cost,
    claims.common_random_numbers,
    claims.no_gold,
    claims.door,
    claims.budget,
    cancellation,
    claims.errors,
    claims.concurrency,
)
CLAIMS = tuple(Claim(check.__name__.replace("_", "-"), check) for check in _CHECKS)
_FIRST = CLAIMS[:2]  # without them the others would compare what cannot be compared


@dataclass(frozen=True)
class Result:
    """What became of one claim."""

    claim: Claim
    verdict: Literal["pass", "fail", "not tried"]
    reason: str = ""  # why it is not a pass


def results(subject: str | Strategy) -> Iterator[Result]:
    """Try every claim on a strategy, or on what `name:key=value,...` or `./file.py:Class:key=value,...` speaks of.

    Where it does not solve problems, or not twice alike, nothing more can be said of it.

    Raises:
        UserError: as `registry.build`.
    """
    strategy, failed = _built(subject), ""
    for claim in CLAIMS:
        if failed:
            yield Result(claim, "not tried", f"it needs {failed}")
            continue
        try:
            claim.check(strategy)
        except Broken as broken:
            yield Result(claim, "fail", str(broken))
            failed = claim.name if claim in _FIRST else ""
        else:
            yield Result(claim, "pass")


def conform(subject: str | Strategy, claim: Claim | None = None) -> None:
    """Assert that a strategy, or the one that `subject` speaks of, keeps `claim`, or all of them.

    Raises:
        Broken: an AssertionError that names each claim that does not hold, and why.
        UserError: as `registry.build`.
    """
    if claim is not None:
        claim.check(_built(subject))
        return
    broken = [f"{result.claim}: {result.reason}" for result in results(subject) if result.verdict == "fail"]
    if broken:
        raise Broken(f"{subject} breaks {len(broken)} of {len(CLAIMS)} claims\n" + "\n".join(broken))


def conform_task(name: str | Path) -> None:
    """Assert that a task, by its name or YAML file, scores gold solutions as right and known-wrong responses as wrong.

    Raises:
        Broken: an AssertionError with the first responses that it scores otherwise.
        UserError: as `tts_bench.tasks.check.check`.
    """
    from tts_bench.tasks.check import check  # loads lm-eval

    failures = [failure for task in check([str(name)]).tasks for failure in task.failures]
    if failures:
        shown = [f"row {each.row}, {each.case}, {each.metric}: {each.response[-200:]!r}" for each in failures[:20]]
        raise Broken(f"{name} scores {len(failures)} responses wrongly\n" + "\n".join(shown))


def _built(subject: str | Strategy) -> Strategy:
    return with_tokens(registry.build(subject).strategy if isinstance(subject, str) else subject)
