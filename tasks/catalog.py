"""What tasks there are and what their data must look like. Uses the standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import UnionType
from typing import Literal

from tts_bench import foreign
from tts_bench.errors import UserError, did_you_mean

Split = Literal["train", "test"]
PREFIX = "lm_eval/"  # before the names of lm-eval's own tasks


@dataclass(frozen=True)
class TaskInfo:
    """One task. A group has `subtasks`; it is scored as the mean over all their rows."""

    name: str
    title: str
    rows: int  # of the test split
    licence: str  # of the data
    folder: str  # below the data folder: FOLDER/SPLIT.jsonl
    hub: str  # id of the data set on the Hugging Face hub; empty where it is not there
    columns: Mapping[str, type | UnionType]  # that every row must have
    hub_configs: tuple[str, ...] = ("default",)
    splits: tuple[Split, ...] = ("test",)
    shipped: tuple[Split, ...] = ()  # splits that come with this package
    unique: tuple[str, ...] = ("problem",)  # columns in which no value may occur twice, where a row has them
    subtasks: tuple[str, ...] = ()
    subject: str = ""  # of a subtask: the rows whose `type` this is
    parent: str = ""  # of a subtask: the task whose data it reads
    metrics: tuple[str, ...] = field(default=("strict", "lenient"))  # the main one first


_GSM8K = {"question": str, "answer": str}
_MATH = {"problem": str, "solution": str}
_SUBJECTS = {
    "Algebra": 1187,
    "Counting & Probability": 474,
    "Geometry": 479,
    "Intermediate Algebra": 903,
    "Number Theory": 540,
    "Prealgebra": 871,
    "Precalculus": 546,
}


def subject_slug(subject: str) -> str:
    """`counting_and_probability` for "Counting & Probability": the hub's name of that part."""
    return subject.lower().replace(" & ", "_and_").replace(" ", "_")


_POCKET = {**_GSM8K, "steps": int}

_TASKS = (
    TaskInfo(
        name="gsm8k",
        title="Word problems",
        rows=1319,
        licence="MIT",
        folder="gsm8k",
        hub="openai/gsm8k",
        hub_configs=("main",),
        columns=_GSM8K,
        splits=("train", "test"),
        shipped=("test",),
        unique=("question",),
    ),
    TaskInfo(
        name="gsm8k_platinum",
        title="GSM8K, cleaned",
        rows=1209,
        licence="CC-BY-4.0",
        folder="gsm8k_platinum",
        hub="madrylab/gsm8k-platinum",
        hub_configs=("main",),
        columns=_GSM8K,
        unique=("question",),
    ),
    TaskInfo(
        name="math500",
        title="MATH, 500 problems",
        rows=500,
        licence="MIT",
        folder="math500",
        hub="HuggingFaceH4/MATH-500",
        columns={**_MATH, "answer": str, "subject": str, "level": int, "unique_id": str},
        shipped=("test",),
        unique=("unique_id", "problem"),
    ),
    TaskInfo(
        name="hendrycks_math",
        title="MATH, seven subjects",
        rows=sum(_SUBJECTS.values()),
        licence="MIT",
        folder="math",
        hub="EleutherAI/hendrycks_math",
        hub_configs=tuple(subject_slug(subject) for subject in _SUBJECTS),
        columns={**_MATH, "level": str, "type": str},
        splits=("train", "test"),
        unique=("unique_id", "problem"),
        subtasks=tuple(f"hendrycks_math_{subject_slug(subject)}" for subject in _SUBJECTS),
    ),
    TaskInfo(
        name="aime24",
        title="AIME 2024",
        rows=30,
        licence="(c) MAA",
        folder="aime24",
        hub="AI-MO/aimo-validation-aime",
        columns={"problem": str, "answer": str, "url": str},
        unique=("id", "problem"),
    ),
    TaskInfo(
        name="aime25",
        title="AIME 2025",
        rows=30,
        licence="(c) MAA",
        folder="aime25",
        hub="math-ai/aime25",
        columns={"problem": str, "answer": str},
        unique=("id", "problem"),
    ),
    TaskInfo(
        name="pocket_arithmetic",
        title="Pocket model: control",
        rows=1319,
        licence="Apache-2.0",
        folder="pocket_arithmetic",
        hub="",
        columns=_POCKET,
        splits=("train", "test"),
        shipped=("train", "test"),
        unique=("question",),
    ),
    TaskInfo(
        name="pocket_flat",
        title="Pocket model: negative control",
        rows=3000,
        licence="Apache-2.0",
        folder="pocket_flat",
        hub="",
        columns=_POCKET,
        splits=("train", "test"),
        shipped=("train", "test"),
        unique=("question",),
    ),
)


def names() -> list[str]:
    """Names of the tasks; the parts of groups, which `describe` knows too, are not among them."""
    return [task.name for task in _TASKS]


def describe(name: str) -> TaskInfo:
    """What is known of a task or of a part of one.

    Raises:
        UserError: no such task.
    """
    known = {task.name: task for task in _TASKS}
    for task in _TASKS:
        for subtask, (subject, rows) in zip(task.subtasks, _SUBJECTS.items(), strict=bool(task.subtasks)):
            title = f"{task.title}: {subject}"
            known[subtask] = replace(
                task, name=subtask, title=title, rows=rows, subtasks=(), subject=subject, parent=task.name
            )
    if name not in known:
        raise UserError(
            f"There is no task {name!r}. {did_you_mean(name, known)} "
            f"lm-eval's own tasks are named lm_eval/NAME. `tts-bench tasks` lists those of this package."
        )
    return known[name]


def check(wanted: Sequence[str]) -> None:
    """Refuse a choice of tasks that cannot be right, lm-eval's own unread.

    Raises:
        UserError: none, an unknown one of this package, a file that is not there, or one named twice.
    """
    if not wanted:
        raise UserError(f"No task is named. {did_you_mean('', names())}")
    spoken = list(map(short, wanted))
    for name in wanted:
        if is_file(name):
            if not foreign.is_file(Path(name)):
                raise UserError(f"There is no file {name!r}. Type the path of a task's YAML file.")
            if short(name) in names():
                raise UserError(f"{name} is called as a task of this package. Give file and task another name.")
        elif not name.startswith(PREFIX):
            describe(name)
        if spoken.count(short(name)) > 1:
            raise UserError(f"The task {short(name)!r} is named twice. Name each task once.")


def is_file(name: str) -> bool:
    """Whether a task is named by its YAML file."""
    return name.endswith(".yaml")


def short(name: str) -> str:
    """What records call it: a task that is named by its file has that file's name."""
    return Path(name).stem if is_file(name) else name
