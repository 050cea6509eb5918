"""Does a strategy or an engine keep its contract with the harness? A kit for authors of plugins.

A strategy is tested on a scripted model: no torch, a few seconds.

    from tts_bench.testing import conform

    def test_my_strategy_keeps_the_contract() -> None:
        conform(MyIdea(steps=3))                 # or "my-idea:steps=3", or "./my_idea.py:MyIdea"

or each claim as a test of its own:

    @pytest.mark.parametrize("claim", CLAIMS, ids=str)
    def test_my_strategy_keeps(claim: Claim) -> None:
        conform(MyIdea(), claim)

An engine is tested as loaded, with any model; capabilities that it does not declare are skipped:

    @pytest.mark.parametrize("claim", ENGINE_CLAIMS, ids=str)
    def test_my_engine_keeps(claim: Claim) -> None:
        conform_engine(my_engine, claim)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tts_bench.api import Strategy
from tts_bench.conformance.engines import ENGINE_CLAIMS
from tts_bench.conformance.kit import Broken, Claim, NotApplicable, Result, tried
from tts_bench.conformance.strategies import CLAIMS, built, results
from tts_bench.engine import Engine

__all__ = [
    "CLAIMS",
    "ENGINE_CLAIMS",
    "Broken",
    "Claim",
    "NotApplicable",
    "Result",
    "conform",
    "conform_engine",
    "conform_task",
    "engine_results",
    "results",
]


def engine_results(engine: Engine) -> Iterator[Result[Engine]]:
    """Test every claim on an engine, which is left open; if it does not generate, no other claim is tested."""
    yield from tried(ENGINE_CLAIMS, engine, ENGINE_CLAIMS[:1])


def conform(subject: str | Strategy, claim: Claim[Strategy] | None = None) -> None:
    """Assert that a strategy, or the one that `subject` names, keeps `claim`, or all claims.

    Raises:
        Broken: an AssertionError that names each claim that does not hold, and why.
        UserError: as `registry.build`.
    """
    if claim is not None:
        claim.check(built(subject))
        return
    _all_hold(subject, results(subject))


def conform_engine(engine: Engine, claim: Claim[Engine] | None = None) -> None:
    """Assert that an engine keeps `claim`, or all claims; it is left open. No event loop may be running.

    Raises:
        Broken: an AssertionError that names each claim that does not hold, and why.
        NotApplicable: `claim` does not apply to this engine; pytest and unittest skip the test with the reason.
    """
    if claim is not None:
        claim.check(engine)
        return
    _all_hold(f"engine {engine.info.name}", engine_results(engine))


def conform_task(name: str | Path) -> None:
    """Assert that a task, by its name or YAML file, scores gold solutions as right and known-wrong responses as wrong.

    Raises:
        Broken: an AssertionError with the first responses that it scores differently.
        UserError: as `tts_bench.tasks.check.check`.
    """
    from tts_bench.tasks.check import check  # loads lm-eval

    failures = [failure for task in check([str(name)]).tasks for failure in task.failures]
    if failures:
        shown = [f"row {each.row}, {each.case}, {each.metric}: {each.response[-200:]!r}" for each in failures[:20]]
        raise Broken(f"{name} scores {len(failures)} responses wrongly\n" + "\n".join(shown))


def _all_hold(subject: object, found: Iterable[Result[Any]]) -> None:
    tried = list(found)
    broken = [f"{result.claim}: {result.reason}" for result in tried if result.verdict == "fail"]
    if broken:
        raise Broken(f"{subject} breaks {len(broken)} of {len(tried)} claims\n" + "\n".join(broken))
