"""What is tried of a scorer before a run relies on it."""

from __future__ import annotations

from tts_bench.api import Problem
from tts_bench.core.scoring import Scoring
from tts_bench.errors import EngineError, UserError
from tts_bench.scorer import Candidate, Scorer, Verdict


async def tried(scorer: Scorer, problem: str, thinking: str, answer: str) -> Verdict:
    """What it says of one solution.

    Raises:
        UserError: it cannot score it, says what is no score, or says another thing the second time or in company.
    """
    asked = Problem("trial/0", "trial", problem)
    candidate, other = Candidate(thinking, answer, answer, "0"), Candidate(f"{thinking} Or not?", answer, answer, "1")
    said = []
    try:
        for company in ([candidate], [candidate], [other, candidate]):
            made = await Scoring({"trial": scorer}).score("trial", asked, company)  # each with an empty store
            said.append(made[-1].verdict)
    except EngineError as error:
        raise UserError(f"{error}. Give another --problem, --thinking and --answer, or mend the scorer.") from error
    first, again, beside = said
    if first != again:
        raise UserError(f"it says {first.value!r}, and the second time {again.value!r}. Scores have to be repeatable.")
    if first != beside:
        raise UserError(
            f"alone it says {first.value!r}, beside another candidate {beside.value!r}. A score may depend on the "
            "problem and its own candidate alone."
        )
    return first
