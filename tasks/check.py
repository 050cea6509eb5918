"""Do the scorers tell right from wrong? Every gold solution must be right, and known-wrong responses wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tts_bench.errors import UserError
from tts_bench.tasks.data import Row
from tts_bench.tasks.golds import answers
from tts_bench.tasks.hooks import Docs, gold, solution
from tts_bench.tasks.loading import LoadedTask, load
from tts_bench.tasks.scoring import extract

Progress = Callable[[str, int, int], None]  # task, rows done, rows in all

_ANOTHER = 50  # rows on in which another answer is looked for


@dataclass(frozen=True)
class Failure:
    """A response that was scored wrongly."""

    task: str
    row: int  # from 0, within the task
    case: str
    response: str
    metric: str


@dataclass
class TaskReport:
    name: str
    source: str
    rows: int
    right: int = 0  # gold solutions found right, strictly and leniently
    wrong: int = 0  # known-wrong responses tried
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


@dataclass
class Report:
    tasks: list[TaskReport]

    @property
    def ok(self) -> bool:
        return not any(task.failures for task in self.tasks)


def check(names: Sequence[str], data_dir: Path | None = None, progress: Progress | None = None) -> Report:
    """Score gold and known-wrong responses of all rows through each task's own `process_results`.

    Raises:
        UserError: as `loading.load`, or a task that another hand scores.
    """
    for task in (tasks := load(names, data_dir).tasks.values()):
        if not isinstance(task.task.eval_docs, Docs):
            raise UserError(
                f"{task.name} cannot be checked: its gold solutions are not known. Its YAML file has to take data and "
                f"scoring from tts_bench.tasks.hooks; 'tts-bench tasks new my-task' writes one that does."
            )
    return Report([_check(task, progress) for task in tasks])


def _check(loaded: LoadedTask, progress: Progress | None) -> TaskReport:
    rows = list(loaded.task.eval_docs)
    report = TaskReport(loaded.name, loaded.source, len(rows))
    started = time.perf_counter()
    for index, row in enumerate(rows):
        before = len(report.failures)
        _expect(loaded, report, index, "gold solution", solution(row), {"strict": 1.0, "lenient": 1.0})
        report.right += len(report.failures) == before
        for case, response, metrics in _wrong(rows, index):
            report.wrong += 1
            _expect(loaded, report, index, case, response, dict.fromkeys(metrics, 0.0))
        if progress:
            progress(loaded.name, index + 1, len(rows))
    report.seconds = time.perf_counter() - started
    return report


def _expect(
    loaded: LoadedTask, report: TaskReport, index: int, case: str, response: str, expected: dict[str, float]
) -> None:
    scores = loaded.task.process_results(loaded.task.eval_docs[index], [response])
    for metric, value in expected.items():
        if scores[metric] != value:
            report.failures.append(Failure(loaded.name, index, case, response, metric))


def _wrong(rows: Sequence[Row], index: int) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Known-wrong responses to a row, and the metrics that must see it."""
    answer, *others = answers(rows[index])
    both = ("strict", "lenient")
    yield "no text", "", both
    yield "empty box", r"The answer is \boxed{}", both
    yield "no box", f"The answer is {answer}.", ("strict",)
    yield "open box", rf"The answer is \boxed{{{answer}", ("strict",)
    vote = extract(rf"\boxed{{{answer}}}")
    right = {vote, *(extract(rf"\boxed{{{each}}}") for each in others)}
    if vote and vote.lstrip("-").isdigit() and str(int(vote) + 1) not in right:
        yield "gold answer + 1", rf"\boxed{{{int(vote) + 1}}}", both
    for other in map(gold, rows[index + 1 : index + 1 + _ANOTHER]):
        if other and extract(rf"\boxed{{{other}}}") not in right:
            yield "another row's answer", rf"\boxed{{{other}}}", both
            yield "changed its mind", rf"It is \boxed{{{answer}}}. No, it is \boxed{{{other}}}.", ("strict",)
            return
