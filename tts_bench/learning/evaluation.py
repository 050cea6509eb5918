"""What a learned token is worth: against no token, against its word, and against both of them at equal tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tts_bench import options, registry
from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.bootstrap import difference_interval, percentile_interval, resampled_means
from tts_bench.analysis.matched import accuracy_at
from tts_bench.analysis.points import span
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.table import Grid
from tts_bench.api import LearnedToken
from tts_bench.config import RunConfig
from tts_bench.errors import UserError
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.rollouts import strategy
from tts_bench.lm_eval import replay
from tts_bench.present.progress import Progress
from tts_bench.runs.folder import RunFolder
from tts_bench.runs.run import Run
from tts_bench.solving.model import Model
from tts_bench.solving.solve import Arm
from tts_bench.tasks import loading

_RESAMPLES = 4000


@dataclass(frozen=True)
class Gain:
    """A paired difference of accuracies over the problems, with its 95% bootstrap interval; shares, not points."""

    mean: float
    low: float
    high: float
    beyond: bool = False  # the other curve ends at fewer tokens and was held level


@dataclass(frozen=True)
class Rung:
    """The token after some continuations."""

    name: str
    accuracy: float
    tokens: float  # mean generated
    over_none: Gain
    over_word: Gain  # as many continuations
    over_word_at_equal_tokens: Gain
    over_vote_at_equal_tokens: Gain
    fixed: float  # share of problems wrong without the token and right with it
    spoiled: float
    scores: dict[str, float]  # mean of every metric: strict, lenient
    no_answer: float
    truncated: float


@dataclass(frozen=True)
class Evaluation:
    """Of one token on one task."""

    task: str
    problems: int
    errors: int
    baseline: float
    word: dict[str, float]  # accuracies of the word it started from, by rung
    vote: dict[str, float]  # expected accuracies of votes, by their size
    rungs: tuple[Rung, ...]

    def facts(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def evaluate(config: TrainConfig, model: Model, token: LearnedToken, folder: Path) -> Evaluation:
    """Run the token, its word and votes on the test problems, scored by lm-eval; an ordinary run's folder in `folder`.

    It is named by all that the run's records depend on, so one that was interrupted stands in the way of no other. The
    model's engine is closed at the end.

    Raises:
        UserError: no such task, or every problem ended in an error.
    """
    task = config.test_task or config.task
    arms = _arms(config, token)
    run = _run(config, model, task, arms, folder)
    with Progress(len(run.items), [arm.label for arm in arms]) as progress:
        run.execute(progress)
    grids = read_run(run.folder.path).grids
    if not any(len(of) == len(arms) for of in grids.values()):
        raise UserError(
            f"no problem of {task} was answered by every strategy; {run.folder.path}/records.jsonl says why."
        )
    return summary(task, *(_joined([of[arm.id] for of in grids.values() if arm.id in of]) for arm in arms))


def _arms(config: TrainConfig, token: LearnedToken) -> list[Arm]:
    own = strategy(token, config.test_continuations)
    arms = [Arm(options.spell("learned-token", own), own, "learned-token")]
    text = config.start.replace("\\", "\\\\").replace(",", "\\,")
    # Its word gets twice the continuations, so that its curve reaches as many tokens.
    for spec in (
        f"budget-forcing:cue={text},extensions={2 * config.test_continuations}",
        f"majority-vote:samples={config.votes}",
    ):
        built = registry.build(spec)
        arms.append(Arm(built.id, built.strategy, built.label, built.source))
    return arms


def _run(config: TrainConfig, model: Model, task: str, arms: list[Arm], folder: Path) -> Run:
    tasks = loading.load((task,), config.data_dir)
    documents = spread({name: len(loaded.task.eval_docs) for name, loaded in tasks.tasks.items()}, config.test_problems)
    if len(documents) < len(tasks.tasks):  # a group of which parts are left out has no score of its own
        kept = {name: tasks.tasks[name] for name in documents}
        tasks = loading.LoadedTasks({"tasks": {name: loaded.task for name, loaded in kept.items()}}, kept)
    run = Run(
        RunConfig(
            config.model,
            (task,),
            tuple(arm.id for arm in arms),
            limit=config.test_problems,
            data_dir=config.data_dir,
        ),
        RunFolder(folder),
        folder / "generations.sqlite",
        tuple(arms),
        tasks,
        model,
        documents,
        replay.collect(tasks, documents),
    )
    identity = json.dumps(run.header()["identity"], sort_keys=True)
    return replace(run, folder=RunFolder(folder / f"evaluation-{sha256(identity.encode()).hexdigest()[:8]}"))


def spread(sizes: Mapping[str, int], count: int) -> dict[str, list[int]]:
    """The first documents of each part of a task: `count` in all, or as many as there are, in proportion to the sizes.

    What is left over goes to the largest remainders, the first of equal ones. A part that gets none is left out, since
    lm-eval takes an empty selection for everything.
    """
    total = sum(sizes.values())
    shares = {name: divmod(min(count, total) * size, total) for name, size in sizes.items() if size}
    left = min(count, total) - sum(whole for whole, _ in shares.values())
    more = sorted(shares, key=lambda name: -shares[name][1])[:left]
    numbers = {name: whole + (name in more) for name, (whole, _) in shares.items()}
    return {name: list(range(number)) for name, number in numbers.items() if number}


@dataclass(frozen=True)
class Measured:
    """A strategy's grids of all parts of a task, one below the other."""

    rungs: tuple[str, ...]
    documents: tuple[tuple[str, int], ...]
    score: Floats  # (problems, rungs), as all below
    expected: Floats
    values: dict[str, Floats]
    scores: dict[str, Floats]
    errors: int


def _joined(grids: list[Grid]) -> Measured:
    return Measured(
        grids[0].rungs,
        tuple((grid.task, document) for grid in grids for document in grid.documents),
        np.concatenate([grid.score for grid in grids]),
        np.concatenate([grid.expected for grid in grids]),
        {name: np.concatenate([grid.values[name] for grid in grids]) for name in grids[0].values},
        {name: np.concatenate([grid.scores[name] for grid in grids]) for name in grids[0].scores},
        sum(len(grid.failed) for grid in grids),
    )


def summary(task: str, token: Measured, word: Measured, vote: Measured) -> Evaluation:
    """The evaluation of three arms; problems that one of them did not answer are left out of all."""
    shared = sorted(set(token.documents) & set(word.documents) & set(vote.documents))
    own, said, voted = (_only(arm, shared) for arm in (token, word, vote))
    table = _Table(own, said, voted)
    return Evaluation(
        task=task,
        problems=len(shared),
        errors=max(arm.errors for arm in (token, word, vote)),
        baseline=float(own.score[:, 0].mean()),
        word=dict(zip(said.rungs, said.score.mean(0).tolist(), strict=True)),
        vote=dict(zip(voted.rungs, voted.expected.mean(0).tolist(), strict=True)),
        rungs=tuple(table.rung(place) for place in range(1, len(own.rungs))),
    )


def _only(arm: Measured, documents: list[tuple[str, int]]) -> Measured:
    places = [arm.documents.index(document) for document in documents]
    values, scores = ({name: held[places] for name, held in columns.items()} for columns in (arm.values, arm.scores))
    return Measured(arm.rungs, tuple(documents), arm.score[places], arm.expected[places], values, scores, arm.errors)


class _Table:
    """All columns side by side, with the bootstrap means of every one from the same draws."""

    def __init__(self, own: Measured, said: Measured, voted: Measured) -> None:
        self.own, self.said, self.voted = own, said, voted
        parts = [own.score, said.score, said.values["generated"], voted.expected, voted.values["generated"]]
        parts.append(own.values["generated"])
        means = resampled_means(np.concatenate(parts, axis=1), _RESAMPLES, np.random.default_rng(0))
        edges = np.cumsum([part.shape[1] for part in parts])[:-1]
        self.scores, self.said_scores, self.said_costs, self.vote_scores, self.vote_costs, self.costs = np.split(
            means, edges, axis=1
        )

    def rung(self, place: int) -> Rung:
        own, before, after = self.own, self.own.score[:, 0], self.own.score[:, place]
        values = own.values
        said, voted = self.said, self.voted
        return Rung(
            name=own.rungs[place],
            accuracy=float(after.mean()),
            tokens=float(values["generated"][:, place].mean()),
            over_none=self._paired(place, before, self.scores[:, 0]),
            over_word=self._paired(place, said.score[:, place], self.said_scores[:, place]),
            over_word_at_equal_tokens=self._matched(
                place, said.values["generated"], said.score, self.said_costs, self.said_scores
            ),
            over_vote_at_equal_tokens=self._matched(
                place, voted.values["generated"], voted.expected, self.vote_costs, self.vote_scores
            ),
            fixed=float((np.clip(after - before, 0, None)).mean()),
            spoiled=float((np.clip(before - after, 0, None)).mean()),
            scores={name: float(column[:, place].mean()) for name, column in own.scores.items()},
            no_answer=float(values["no_answer"][:, place].mean()),
            truncated=float(values["truncated"][:, place].mean()),
        )

    def _paired(self, place: int, other: Floats, resampled: Floats) -> Gain:
        own = self.own.score[:, place]
        differences = own - other
        low, high = difference_interval(self.scores[:, place] - resampled, differences, span(own, other))
        return Gain(float(differences.mean()), low, high)

    def _matched(self, place: int, costs: Floats, scores: Floats, many_costs: Floats, many_scores: Floats) -> Gain:
        """Against the other curve at this rung's mean tokens, whose own uncertainty is kept in every resample."""
        tokens = float(self.own.values["generated"][:, place].mean())
        mean_costs = costs.mean(0)
        at_these = float(accuracy_at(tokens, mean_costs, scores.mean(0)))
        mean = float(self.own.score[:, place].mean()) - at_these
        others = np.array(
            [
                accuracy_at(at, row_costs, row_scores)
                for at, row_costs, row_scores in zip(self.costs[:, place], many_costs, many_scores, strict=True)
            ]
        )
        low, high = percentile_interval(self.scores[:, place] - others)
        return Gain(mean, low, high, beyond=bool(tokens > mean_costs.max() * (1 + 1e-9)))
