"""lm-eval reads answers that are already there: so every accuracy is a number that unmodified lm-eval computed."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stderr
from functools import partial
from math import fsum, isfinite
from typing import Any, cast

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.evaluator import evaluate

from tts_bench.errors import UserError
from tts_bench.lm_eval.rungs import Key, Rungs, Scores
from tts_bench.solving.solve import Item
from tts_bench.tasks.loading import LoadedTasks

Selection = dict[str, list[int]]  # documents of each task


class GenerateOnly(LM):
    """An lm-eval model for tasks that generate text; log-likelihoods are refused."""

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise _generates_nothing(requests)

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise _generates_nothing(requests)


def _generates_nothing(requests: list[Instance]) -> UserError:
    return UserError(
        f"task {requests[0].task_name!r} asks for log-likelihoods; tts-bench measures tasks that generate text "
        "(output_type: generate_until). Take such a task: tts-bench tasks lists ours."
    )


class _Replay(GenerateOnly):
    def __init__(self, documents: Selection, reply: Callable[[Key, Instance], str]) -> None:
        super().__init__()
        self._documents = documents
        self._reply = reply

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        return [
            self._reply(key, request) for key, request in zip(keys(requests, self._documents), requests, strict=True)
        ]


def keys(requests: Sequence[Instance], documents: Selection | None = None) -> list[Key]:
    """Task, document and repeat of each request. lm-eval repeats a request by giving the same object again.

    With `documents`, lm-eval counts documents within each task's selection; the key has the document's own number.
    """
    seen: Counter[int] = Counter()
    found = []
    for request in requests:
        task, place = str(request.task_name), cast(int, request.doc_id)
        found.append((task, documents[task][place] if documents else place, seen[id(request)]))
        seen[id(request)] += 1
    return found


def collect(tasks: LoadedTasks, documents: Selection) -> list[Item]:
    """The problems as lm-eval words them, in lm-eval's order.

    Raises:
        UserError: a task of which an empty answer, which any model may give, has no score by the main metric.
    """
    items: list[Item] = []

    def take(key: Key, request: Instance) -> str:
        task, doc_id, repeat = key
        prompt, options = request.args
        items.append(Item(task, doc_id, repeat, prompt, stops(options), tasks.tasks[task].extract))
        return ""

    results = _evaluate(tasks, documents, take)
    for name, samples in results["samples"].items():
        task = tasks.tasks[name]
        metric = task.metrics[0]
        for sample in samples:
            if sample["filter"] == task.filter and number(sample.get(metric)) is None:
                raise UserError(
                    f"task {name!r} gives document {sample['doc_id']} no number by its main metric, {metric}: a metric "
                    "such as BLEU is one of all documents together. Take a task that scores each document by itself."
                )
    return items


def stops(options: dict[str, Any]) -> tuple[str, ...]:
    """The stop strings among a request's generation options."""
    until = options.get("until") or ()
    return (until,) if isinstance(until, str) else tuple(until)


def score(tasks: LoadedTasks, documents: Selection, texts: dict[Key, str]) -> tuple[dict[str, Any], Scores]:
    """lm-eval's results for `texts`, and its value of every metric for each document."""
    results = _evaluate(tasks, documents, lambda key, _: texts[key])
    scores: dict[tuple[str, int], dict[str, float]] = {}
    for task, samples in results["samples"].items():
        for sample in samples:
            of_document = scores.setdefault((task, sample["doc_id"]), {})
            plain = sample["filter"] == tasks.tasks[task].filter
            for metric in sample["metrics"]:
                if (value := number(sample[metric])) is not None:
                    of_document[metric if plain else f"{metric},{sample['filter']}"] = value
    # There are few different scores, and a million answers: those that are equal are one object.
    one: dict[tuple[tuple[str, float], ...], dict[str, float]] = {}
    return results, {at: one.setdefault(tuple(sorted(found.items())), found) for at, found in scores.items()}


def number(value: object) -> float | None:
    """What a metric says of one document as a number: of a list, such as a verdict for each instruction, its mean.

    None where it is none, or not finite: what a metric of the whole corpus, such as BLEU, keeps of a document.
    """
    values: list[Any] = value if isinstance(value, list) else [value]
    if any(isinstance(each, str | bytes) for each in values):
        return None
    try:
        mean = fsum(map(float, values)) / len(values)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return mean if isfinite(mean) else None


def score_rungs(
    tasks: LoadedTasks, rungs: Rungs, strategy: str, take: Callable[[int, dict[str, Any]], None] | None = None
) -> None:
    """Give `rungs` the scores of all answers of a strategy.

    `take` is told each rung, from 0, and lm-eval's results of it. They may be hundreds of megabytes, so they are gone
    before the next rung is scored.
    """
    for rung in range(rungs.count(strategy)):
        rungs.put(strategy, _scored(tasks, rungs.at(strategy, rung), partial(take, rung) if take else None))
    for texts in rungs.unseen(strategy):
        rungs.put_unseen(strategy, _scored(tasks, texts, None))


def _scored(tasks: LoadedTasks, texts: dict[Key, str], take: Callable[[dict[str, Any]], None] | None) -> Scores:
    documents: dict[str, list[int]] = {}
    for task, doc_id, repeat in sorted(texts):
        if repeat == 0:
            documents.setdefault(task, []).append(doc_id)
    results, scores = score(tasks, documents, texts)
    if take:
        take(results)
    return scores


class _Selected(list[int]):
    """Chosen documents. lm-eval asks of every row whether it is in here, and a plain list would go through itself."""

    def __init__(self, documents: Iterable[int]) -> None:
        super().__init__(documents)
        self._found = frozenset(self)

    def __contains__(self, document: object) -> bool:
        return document in self._found


def _evaluate(tasks: LoadedTasks, documents: Selection, reply: Callable[[Key, Instance], str]) -> dict[str, Any]:
    """
    Raises:
        UserError: the code of a task fails; it may be anyone's.
    """
    chosen: dict[str, Any] = {"tasks": {name: tasks.tasks[name].task for name in documents}}
    if len(documents) == len(tasks.tasks):  # a group's score needs all of its tasks
        chosen = tasks.task_dict
    with redirect_stderr(io.StringIO()):  # lm-eval draws a bar for every task of every rung
        selected = {name: _Selected(numbers) for name, numbers in documents.items()}
        try:
            results = evaluate(_Replay(documents, reply), chosen, samples=selected, bootstrap_iters=0)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"lm-eval cannot score {', '.join(documents)[:200]}: {type(error).__name__}: "
                f"{' '.join(str(error).split())[:300]}. Correct the task, or take another."
            ) from error
    return cast(dict[str, Any], results)
