"""Check a scorer before a run relies on it."""

from __future__ import annotations

from tts_bench.api import Problem
from tts_bench.core.scoring import Scoring
from tts_bench.errors import EngineError, UserError
from tts_bench.scorer import Candidate, Scorer, Verdict


async def tried(scorer: Scorer, problem: str, thinking: str, answer: str) -> Verdict:
    """The scorer's verdict on one solution.

    Raises:
        UserError: it fails, its score is invalid, or the score differs the second time or beside another candidate.
    """
    asked = Problem("trial/0", "trial", problem)
    candidate, other = Candidate(thinking, answer, answer, "0"), Candidate(f"{thinking} Or not?", answer, answer, "1")
    said = []
    try:
        for company in ([candidate], [candidate], [other, candidate]):
            made = await Scoring({"trial": scorer}).score("trial", asked, company)  # each time with an empty store
            said.append(made[-1].verdict)
    except EngineError as error:
        raise UserError(f"{error}. Give another --problem, --thinking and --answer, or fix the scorer.") from error
    first, again, beside = said
    if first != again:
        raise UserError(f"the score is {first.value!r}, then {again.value!r}. Scores must be repeatable.")
    if first != beside:
        raise UserError(
            f"the score is {first.value!r} alone, and {beside.value!r} beside another candidate. It must depend on "
            "the problem and its own candidate only."
        )
    return first
