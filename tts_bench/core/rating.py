"""`Reasoner.score`: what is scored of an answer or a trace, and what a score depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from tts_bench.api import Answer, Score, Trace
from tts_bench.core import check
from tts_bench.core.cost import Lineage, Scored
from tts_bench.core.ledger import Given, Held, listed
from tts_bench.core.scoring import Made, Scoring
from tts_bench.scorer import Candidate
from tts_bench.thinking import ThinkingFormat

if TYPE_CHECKING:
    from tts_bench.core.handle import Handle


async def rate(handle: Handle, candidates: Sequence[Answer | Trace], by: str) -> tuple[Score, ...]:
    """As `api.Reasoner.score`, for a handle that is asked."""
    ledger, form = handle.ledger, handle.form
    ledger.check_caller()
    check.stack()
    given = listed(candidates, "candidates of score()")
    originals = [ledger.candidate(each, "score()") for each in given]
    copies = cast("list[Answer | Trace]", given)
    if ledger.closed:
        await asyncio.Event().wait()  # for ever: a strategy that swallows its cancellation would only come again
    scoring = handle.scoring or Scoring()  # which knows of no scorer, and says so
    name = scoring.named(by)
    texts = [_candidate(original, form) for original in originals]
    made = await scoring.score(name, handle.problem, texts)
    return tuple(_score(handle, name, *each) for each in zip(copies, originals, made, strict=True))


def _score(handle: Handle, by: str, candidate: Answer | Trace, original: Held | Given, made: Made) -> Score:
    """The copy of a score, entered into the ledger. What a judge wrote lies on the path of what is decided from it."""
    depends, last, verdict = original.lineage | handle.seen, _trace(original, handle.form).segments[-1], made.verdict
    scored = Scored(made.origin, by, (last.origin, last.spent), verdict, made.flops)
    clock = depends.clock + verdict.sampled
    lineage = depends | Lineage(clock=clock, scored=(scored,))
    handle.passed(clock)
    value = Score(verdict.value, verdict.steps, by, candidate, lineage.segments)
    return handle.ledger.score(Given(value, lineage), scored)


def _candidate(original: Held | Given, form: ThinkingFormat) -> Candidate:
    """Cues are part of the thinking; delimiters, the texts that close it, and probes are not."""
    trace = _trace(original, form)
    sample = trace.segments[-1].origin
    thinking = "".join(segment.text for segment in trace.segments if segment.kind in ("thinking", "cue"))
    if isinstance(original, Given):
        return Candidate(thinking, original.answer.text, original.answer.extracted, sample)
    return Candidate(thinking, _said(trace, form), sample=sample)


def _trace(original: Held | Given, form: ThinkingFormat) -> Trace:
    """That a candidate is of: of a vote, the first that says what it says."""
    if isinstance(original, Held):
        return original.trace
    answer = original.answer
    return next((trace for trace in answer.traces if _said(trace, form) == answer.text), answer.traces[0])


def _said(trace: Trace, form: ThinkingFormat) -> str:
    said = "".join(segment.text for segment in trace.segments if segment.kind in ("prefill", "answer"))
    return form.answer_text(said) if trace.segments[-1].kind == "answer" else ""
