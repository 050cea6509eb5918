"""Claims about a task's YAML file with a mistake in it: one message by file and line, and nothing is written."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.refusals import check_message, contents
from tts_bench.cli import main as root
from tts_bench.scaffold.task import folder as own_task
from tts_bench.tasks import loading

GOOD = own_task("my-sums")["my_sums.yaml"]
LAST = GOOD.count("\n") + 1  # the line that a case adds first
MISTAKES: dict[str, tuple[str | bytes, int | None, str]] = {  # the file, the line that its message names, and its words
    "an open list": ("task: my_sums\noutput_type: [generate_until\n", 3, "while parsing a flow sequence"),
    "a tab": ("task: my_sums\n\tfoo: 1\n", 2, "found a tab character"),
    "no UTF-8": (GOOD.encode() + b"x: \xff\n", LAST, "this is not valid YAML: invalid"),
    "a control character": ("task: my_\0sums\n", 1, "control characters are not allowed"),
    "an unknown alias": (GOOD + "x: *gone\n", LAST, "found undefined alias"),
    "a tag of Python": (GOOD + 'x: !!python/object/apply:os.system ["true"]\n', LAST, "could not determine"),
    "two documents": (GOOD + "---\ntask: my_sums\n", LAST, "expected a single document"),
    "nothing": ("", None, "A task is a table of keys and values, such as task: my_sums."),
    "a list": ("- a\n- b\n", None, "A task is a table of keys and values"),
    "a text": ("hello\n", None, "A task is a table of keys and values"),
    "itself included": (GOOD + "include: my_sums.yaml\n", None, "Include cycle"),
    "an included file that is gone": (GOOD + "include: gone.yaml\n", None, "my_sums.yaml includes, cannot be read"),
    "another name": (GOOD.replace("task: my_sums", "task: other"), 2, "Write 'task: my_sums' in it"),
    "no name": (GOOD.replace("task: my_sums", "# nothing"), None, "Write 'task: my_sums' in it"),
    "an unknown key": (GOOD + "metric_lst: []\n", LAST, "no key 'metric_lst'. Did you mean 'metric_list'"),
    "no data": ("task: my_sums\noutput_type: generate_until\n", None, "names no data. Write dataset_path"),
    "a number for a list": (GOOD + "metric_list: 3\n", LAST, "metric_list is '3'; it takes a list of tables"),
    "a list of numbers": (GOOD + "metric_list:\n  - 3\n", LAST + 1, "metric_list is '3'; it takes a list of tables"),
    "a metric without a name": (GOOD + "metric_list:\n  - {aggregation: mean}\n", LAST + 1, "with the key 'metric'"),
    "filters that are none": (GOOD + "filter_list:\n  - name: x\n", LAST + 1, "each with the key 'filter'"),
    "a number for a table": (GOOD + "generation_kwargs: 3\n", LAST, "it takes a table of keys and values"),
    "a text for a number": (GOOD + "repeats: x\n", LAST, "repeats is 'x'; it takes a whole number"),
    "an unknown metric": (GOOD + "metric_list:\n  - metric: nonsense\n", None, "nonsense metric is not assigned"),
    "an unknown filter": (
        GOOD + "filter_list:\n  - name: x\n    filter:\n      - function: nope\n", LAST + 3, "Unknown filter 'nope'",
    ),
    "an unknown split": (GOOD + "test_split: nowhere\n", LAST, "KeyError: 'nowhere'"),
    "an unknown type": (GOOD + "output_type: nonsense\n", LAST, "Got invalid output_type 'nonsense'"),
    "a module that is gone": (GOOD + "process_docs: !function nowhere.fn\n", LAST, "Cannot import module 'nowhere'"),
    "a wrong template": (GOOD + 'doc_to_text: "{{ question"\n', None, "TemplateSyntaxError: unexpected end"),
    "an unknown column": (GOOD + 'doc_to_text: "{{ nothing.at.all }}"\n', LAST, "UndefinedError: 'nothing' is"),
    "a group of nothing": ("group: my_sums\ntask: 3\n", 2, "a group takes the names of its tasks in a list"),
    "a group without tasks": ("group: my_sums\n", None, "a group takes the names of its tasks in a list"),
    "a group of unknown tasks": ("group: my_sums\ntask:\n  - nope\n", 3, "there is no task 'nope' beside the file"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, which holds a task that is right."""
    monkeypatch.chdir(tmp_path)
    for name, text in own_task("my-sums").items():
        Path("mine").mkdir(exist_ok=True)
        Path("mine", name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_tasks_yaml_is_one_message_by_file_and_line(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, line, says = MISTAKES[name]
    file = Path("mine", "my_sums.yaml")
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    before = contents(place)
    assert root._run(["run", "--engine", "scripted", "--tasks", str(file), "--strategy", "baseline", "--quiet"]) == 2
    message = capsys.readouterr().err
    check_message(message)
    assert says in message
    assert f"error: {file}, line {line}: " in message if line else "mine/my_sums.yaml" in message
    assert contents(place) == before


def test_a_task_that_is_right_loads_and_a_group_of_it_too() -> None:
    file = Path("mine", "my_sums.yaml")
    assert list(loading.load([str(file)]).tasks) == ["my_sums"]
    Path("mine", "both.yaml").write_text("group: both\ninclude: members.yml\n")
    Path("mine", "members.yml").write_text("task: [my_sums]\n")  # what a group includes names its tasks as well
    assert list(loading.load(["mine/both.yaml"]).tasks) == ["my_sums"]


def test_what_lm_eval_says_of_a_task_that_loads_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    file = Path("mine", "my_sums.yaml")
    file.write_text(GOOD.replace("aggregation: mean", "aggregation: nonsense"))
    with caplog.at_level(logging.WARNING, "lm_eval"):
        loading.load([str(file)])
    assert "nonsense not a registered aggregation metric" in caplog.text
