"""The claims that a strategy has to satisfy: functions that test a claim and raise `Broken` with what they saw."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from zlib import crc32

from tts_bench.api import Answer, Problem, Reasoner, Segment, Strategy
from tts_bench.conformance.kit import Broken, NotApplicable
from tts_bench.conformance.stage import PROBLEMS, StageConditions, Trial, run
from tts_bench.conformance.values import budgeted, fewer_steps, values_to_try
from tts_bench.core.cost import unique
from tts_bench.core.ledger import path_length
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engine import Request
from tts_bench.marks import attribute

_SPREAD = 8  # of many places, so many are tried
_VARIANTS = 3  # of what an answer is not billed for: a choice between two may come out the same
_CAP = 10  # tokens: most thinking of the trial model is longer


def answers(strategy: Strategy) -> None:
    """It solves problems: without an error, with at least one answer and at most one for each rung it names."""
    _named(strategy, _solved(run(strategy)))


def determinism(strategy: Strategy) -> None:
    """The same random streams give the same answers, and no other random numbers are drawn or seeded."""
    kept, own = random.getstate(), random.Random(__name__).getstate()  # no state that it would leave itself
    random.setstate(own)
    try:
        first = run(strategy)
        touched = random.getstate() != own
    finally:
        random.setstate(kept)
    if touched:
        raise Broken("it uses or seeds the global random state; use reasoner.random(label)")
    for _ in range(2):
        for one, other in zip(first, run(strategy), strict=True):
            _same(one, other, "solved a second time, with the same streams")


def options(strategy: Strategy) -> None:
    """Its options are validated: a value that does not work is refused with a ValueError when it is built."""
    for name, value in values_to_try(strategy):
        try:
            changed = replace(strategy, **{name: value})  # type: ignore[type-var]
        except ValueError:
            continue
        except Exception as error:
            raise Broken(
                f"{name}={value!r} raises {type(error).__name__}: {error}; refuse it with a ValueError in __post_init__"
            ) from error
        try:
            _named(changed, _solved(run(changed, problems=PROBLEMS[:2])))
        except Broken as error:
            raise Broken(
                f"{name}={value!r} is accepted, and then: {error}; refuse it with a ValueError in __post_init__"
            ) from None


def rungs(strategy: Strategy) -> None:
    """Rungs are prefixes: a run with fewer steps yields the first answers of one with more."""
    for change, less, more in fewer_steps(strategy):
        for short, long in zip(_solved(run(less)), _solved(run(more)), strict=True):
            expected = min(len(short.answers), len(long.answers))
            if names(less):
                expected = min(len(names(less)), len(long.answers))
            elif len(short.answers) >= len(long.answers):
                continue  # that option is no number of steps
            if short.contents != long.contents[:expected]:
                at = _first_difference(short, long)
                raise Broken(f"{short.problem.id}: with {change} answer {at} differs, or is missing")


def cost(strategy: Strategy) -> None:
    """Cost is honest: an answer costs the unique segments of its lineage, and depends on no other generation."""
    for trial in _solved(run(strategy)):
        for index, answer in enumerate(trial.answers):
            _billed(answer, f"{trial.problem.id}, answer {index + 1}")
    for trial in _solved(run(strategy, problems=PROBLEMS[:4])):
        for index in _spread(len(trial.answers)):
            for variant in range(_VARIANTS):
                _independent(strategy, trial, index, variant)


def common_random_numbers(strategy: Strategy) -> None:
    """It shares the baseline's random numbers: its first answer builds on the baseline's thinking."""
    efforts = getattr(strategy, "efforts", None) or (None,)
    trials, baselines = _solved(run(strategy)), run(_Once(efforts[0]))
    elsewhere = all(_starts_elsewhere(trial) for trial in trials)
    for trial, baseline in zip(trials, baselines, strict=True):
        shared = baseline.answers[0].traces[0].segments[1]
        if elsewhere:  # a sampling of its own has numbers of its own, and no reason for another branch
            branches = [_branch(segment) for segment in _first(trial) if segment.kind == "thinking"]
            shares = not branches or _branch(shared) in branches
        else:
            shares = any(segment.origin == shared.origin for segment in trial.answers[0].lineage)
        if not shares:
            raise Broken(
                f"{trial.problem.id}: the first answer comes from branches only; "
                f"begin with reasoner.think(), or with reasoner.branch('0'), which is the same stream"
            )
    if elsewhere:
        raise NotApplicable(
            "its first answer comes from another prompt, from text inserted first, or from its own sampling settings"
        )


def no_gold(strategy: Strategy) -> None:
    """It does not know the gold answer: the same prompt under another task name is solved alike."""

    def renamed(problem: Problem) -> Problem:
        return Problem(f"unheard-of/{problem.id.rpartition('/')[2]}7", "unheard-of", problem.prompt)

    for known, unknown in zip(_solved(run(strategy)), run(strategy, shown=renamed), strict=True):
        if unknown.error:
            raise Broken(f"under another task and id: {unknown.error.message}")
        _same(known, unknown, "under another task and id")


def door(strategy: Strategy) -> None:
    """It uses only the contract's methods of its reasoner."""
    behind = run(strategy, wrapped=lambda reasoner: cast(Reasoner, _Door(reasoner)))
    for free, bound in zip(_solved(run(strategy)), behind, strict=True):
        if bound.error:
            raise Broken(f"with only the contract's methods: {bound.error.message}")
        _same(free, bound, "with only the contract's methods")


def budget(strategy: Strategy) -> None:
    """Budgets hold: no trace thinks longer than its options allow, and a low cap of the harness causes no error."""
    for changed, limits in budgeted(strategy):
        for trial in _solved(run(changed)):
            for index, answer in enumerate(trial.answers):
                limit = limits[min(index, len(limits) - 1)]
                longest = max(trace.thinking_tokens for trace in answer.traces)
                if longest > limit:
                    raise Broken(
                        f"{trial.problem.id}, answer {index + 1}: a trace thinks for {longest} tokens "
                        f"where {limit} are allowed; pass max_tokens to think() and to force()"
                    )
    for cap in (1, _CAP):
        for trial in run(strategy, StageConditions(cap=cap), problems=PROBLEMS[:1]):
            if trial.error:
                raise Broken(f"with --max-thinking-tokens {cap}: {trial.error.message}")


def errors(strategy: Strategy) -> None:
    """Errors surface: if the model fails, solve() raises, and the answers before do not change."""
    (healthy,) = _solved(run(strategy, problems=PROBLEMS[:1]))
    for call in _spread(healthy.calls):
        (trial,) = run(strategy, StageConditions(failing=call + 1), problems=PROBLEMS[:1])
        where = f"when the model fails at its call {call + 1} of {healthy.calls}"
        if trial.error is None and trial.contents != healthy.contents:
            raise Broken(f"{where}, solve() ends with different answers instead of raising")
        if trial.error and trial.error.kind == "timeout":
            raise Broken(f"{where}, solve() does not end: {trial.error.message}")
        if trial.contents != healthy.contents[: len(trial.answers)]:
            raise Broken(f"{where}, answer {_first_difference(trial, healthy)} differs from the one without it")


def concurrency(strategy: Strategy) -> None:
    """Concurrency does not matter: problems solved in parallel, with interleaved calls, are solved as each alone."""
    alone = _solved(run(strategy))
    for salt in range(3):

        def pause(request: Request, salt: int = salt) -> int:
            return crc32(f"{salt} {len(request.prefix)} {request.stream}".encode()) % 9

        for one, other in zip(alone, run(strategy, StageConditions(pause=pause), at_once=True), strict=True):
            _same(one, other, "solved in parallel, with calls that end in a different order")


def chunk_size(strategy: Strategy) -> None:
    """Chunks do not matter: looked at every 4 tokens or every 16, stops and races come out alike."""
    whole = _solved(run(strategy))
    for piece in (4, 16):
        for one, other in zip(whole, run(strategy, StageConditions(piece=piece)), strict=True):
            _same(one, other, f"looked at every {piece} tokens")


def names(strategy: Strategy) -> tuple[str, ...]:
    """The names of its rungs; none where it has no `rungs`.

    Raises:
        Broken: they cannot be had.
    """
    try:
        return tuple(map(str, attribute(strategy, "rungs")))
    except Exception as error:
        raise Broken(f"its rungs raise {type(error).__name__}: {error}; they must be a tuple of names") from error


@dataclass(frozen=True)
class _Once:
    """The baseline: think once and answer, at one effort setting of a server."""

    effort: str | None = None

    async def solve(self, problem: Problem, reasoner: Reasoner) -> Any:  # noqa: ANN401 - an async generator
        yield await reasoner.answer(await reasoner.think(effort=self.effort))


class _Door:
    """A reasoner without the rest of its object, to which its own methods would lead by their `__self__`."""

    def __init__(self, reasoner: ModelReasoner) -> None:
        for verb in (name for name in vars(Reasoner) if not name.startswith("_")):
            setattr(self, verb, _alone(getattr(reasoner, verb)))
        self.branch = lambda label, **seen: _Door(reasoner.branch(label, **seen))
        self.ask = lambda prompt, **more: _Door(reasoner.ask(prompt, **more))
        self.race = lambda handles, **more: reasoner.race([each.handle for each in handles], **more)
        self.handle = reasoner  # for `race` of the door that it came through


def _alone(method: Callable[..., Any]) -> Callable[..., Any]:
    def verb(*values: Any, **more: Any) -> Any:  # noqa: ANN401 - of any verb
        return method(*values, **more)

    return verb


def _solved(trials: Sequence[Trial]) -> Sequence[Trial]:
    for trial in trials:
        if trial.error:
            raise Broken(f"{trial.problem.id}: {trial.error.message}")
    return trials


def _first(trial: Trial) -> list[Segment]:
    """What stands behind the prompt in the traces of its first answer."""
    return [trace.segments[1] for trace in trial.answers[0].traces]


def _starts_elsewhere(trial: Trial) -> bool:
    return not any(segment.kind == "thinking" and not _sampled_otherwise(segment) for segment in _first(trial))


def _sampled_otherwise(segment: Segment) -> bool:
    """Whether the call that made it had another sampling than the run's."""
    return bool(_branch(segment) != json.loads(segment.stream)[2])


def _branch(segment: Segment) -> list[str]:
    """The branch in which it was drawn, whatever its sampling was; no label of a branch begins so."""
    return [part for part in json.loads(segment.stream)[2] if not part.startswith("Sampling(")]


def _named(strategy: Strategy, trials: Sequence[Trial]) -> None:
    known = names(strategy)
    if not known and not hasattr(strategy, "rungs"):
        return
    if len(set(known)) < len(known):
        raise Broken(f"it names its rungs {', '.join(known)}; each name may occur only once")
    for trial in trials:
        if len(trial.answers) > len(known):
            raise Broken(f"{trial.problem.id}: it yields {len(trial.answers)} answers but names {len(known)} rungs")


def _billed(answer: Answer, where: str) -> None:
    """Compare the bill with the segments, counted here again."""
    own = unique(segment for trace in answer.traces for segment in trace.segments)
    billed = {segment.origin: segment.spent for segment in answer.lineage}
    if any(billed.get(segment.origin, -1) < segment.spent for segment in own):
        raise Broken(f"{where}: its lineage lacks segments of its traces")
    kinds = {"thinking": ("thinking",), "forced": ("cue", "closing", "prefill"), "answer": ("answer",)}
    for field, counted in kinds.items():
        spent = sum(segment.spent for segment in own if segment.kind in counted)
        if getattr(answer.cost, field) < spent:
            raise Broken(
                f"{where}: its bill says {getattr(answer.cost, field)} {field} tokens, its traces have {spent}"
            )
    whole, bill = sum(billed.values()), answer.cost.prompt + answer.cost.generated
    if bill != whole:
        raise Broken(f"{where}: its bill says {bill} tokens in all, its lineage has {whole}")
    if answer.cost.sequential < max(map(path_length, answer.traces)):
        raise Broken(f"{where}: its bill has fewer sequential tokens than its longest trace")


def _independent(strategy: Strategy, trial: Trial, index: int, variant: int) -> None:
    """Solve again with every generation altered from where answer `index` is no longer billed for it.

    It must stay as it is. What lies behind a stop, a cut or a death is another thing too.
    """
    billed = {segment.origin: segment.spent for segment in trial.answers[index].lineage}
    altered = StageConditions(altered=lambda origin: billed.get(origin, 0), variant=variant)
    (other,) = run(strategy, altered, problems=[trial.problem])
    where, last = f"{trial.problem.id}, answer {index + 1}", index == len(trial.answers) - 1
    if len(other.answers) <= index or (last and len(other.answers) > len(trial.answers)):
        raise Broken(
            f"{where} exists, or is the last one, because of a generation that it is not billed for; a decision to "
            f"stop has to name what it saw: reasoner.choose(answer, seen=[...])"
        )
    if _but_when(trial.answers[index]) != _but_when(other.answers[index]):
        raise Broken(
            f"{where} changes with a generation that it is not billed for; a choice has to name what it saw: "
            f"reasoner.choose(answer, seen=[...]) returns an answer that is billed for it"
        )


def _but_when(answer: Answer) -> tuple[object, ...]:
    """All that it says but for the critical path, which holds what its handles saw before, by a vote for example."""
    traces = tuple(replace(trace, before=0) for trace in answer.traces)
    return answer.text, answer.extracted, replace(answer.cost, sequential=0), traces, answer.lineage


def _same(one: Trial, other: Trial, how: str) -> None:
    if other.error:
        raise Broken(f"{one.problem.id}, {how}: {other.error.message}")
    if one.contents != other.contents:
        raise Broken(f"{one.problem.id}, {how}: answer {_first_difference(one, other)} differs")


def _first_difference(one: Trial, other: Trial) -> int:
    """Number of the first answer that differs or that only one of them has."""
    pairs = zip(one.contents, other.contents, strict=False)
    shorter = min(len(one.answers), len(other.answers))
    return 1 + next((index for index, (left, right) in enumerate(pairs) if left != right), shorter)


def _spread(count: int) -> Iterator[int]:
    """Numbers below `count`, all if they are few, with the first and the last."""
    if count <= _SPREAD:
        yield from range(count)
    else:
        yield from (index * (count - 1) // (_SPREAD - 1) for index in range(_SPREAD))
