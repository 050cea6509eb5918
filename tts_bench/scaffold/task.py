"""The files of a task."""

from __future__ import annotations

from string import Template

from tts_bench.scaffold import check_name
from tts_bench.tasks import catalog

_YAML = """\
# Zero-shot, boxed answer: the instruction, the scoring and the two metrics that the tasks of tts-bench have.
task: $module
custom_dataset: !function tts_bench.tasks.hooks.dataset_of_file
dataset_kwargs:
  file: problems.jsonl
test_split: test
output_type: generate_until
num_fewshot: 0
doc_to_text: !function tts_bench.tasks.hooks.prompt
doc_to_target: !function tts_bench.tasks.hooks.gold
process_results: !function tts_bench.tasks.hooks.score
filter_list:
  - name: none
    filter:
      - function: custom
        filter_fn: !function tts_bench.tasks.hooks.keep
metric_list:
  - metric: strict
    aggregation: mean
    higher_is_better: true
  - metric: lenient
    aggregation: mean
    higher_is_better: true
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: 2048
metadata:
  version: 1.0
"""

_PROBLEMS = r"""{"question": "Ann has 17 apples and gets 25 more. How many has she?", "answer": "17 + 25 = 42\n#### 42"}
{"question": "A box holds 12 eggs. How many eggs do 4 boxes hold?", "answer": "4 * 12 = 48\n#### 48"}
{"question": "Ben had 50 coins and gave 18 away. How many are left?", "answer": "50 - 18 = 32\n#### 32"}
"""

_TEST = '''\
"""The scorer of $module tells right from wrong."""

from __future__ import annotations

from pathlib import Path

from tts_bench.testing import conform_task


def test_every_gold_solution_is_right_and_known_wrong_answers_are_wrong() -> None:
    conform_task(Path(__file__).with_name("$module.yaml"))
'''

_README = """\
# $title

A task for tts-bench. `problems.jsonl` has one problem a line: a `question` and an `answer` whose last line is `#### N`,
as in GSM8K, for numbers; or a `problem` and an `answer` that is a formula or a word. `$module.yaml` says how lm-eval
asks and scores; any option of lm-eval's task files may stand there.

    tts-bench tasks check ./$module.yaml    # gold solutions right, known-wrong answers wrong?
    pip install 'test-time-scaling-bench[test]'    # pytest, for the same as a test
    pytest
    tts-bench run --model smollm2 --tasks ./$module.yaml --strategy baseline
"""


def folder(name: str) -> dict[str, str]:
    """File name -> text.

    Raises:
        UserError: `name` is no name for a task, or is taken.
    """
    names = {"module": check_name(name, catalog.names()), "title": name.replace("-", " ").capitalize()}
    texts = {
        f"{names['module']}.yaml": _YAML,
        f"test_{names['module']}.py": _TEST,
        "README.md": _README,
    }
    written = {path: Template(text).substitute(names) for path, text in texts.items()}
    return {**written, "problems.jsonl": _PROBLEMS}
