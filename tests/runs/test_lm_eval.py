"""Claims about lm-eval: a rung's accuracy is what lm-eval gives where that rung runs alone as a model."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager

from tests import forked
from tests.runs.samples import execute, write_sums
from tests.tiny import make_tiny
from tts_bench.cli import main as root
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.engines.scripted import SCRIPTS, Draw
from tts_bench.errors import UserError
from tts_bench.lm_eval.lm import TTSBenchLM
from tts_bench.registry import build
from tts_bench.runs.folder import RunFolder
from tts_bench.runs.run import RunResult, prepare
from tts_bench.tasks import FOLDER

COUNT = 24
# A strategy of the run, a rung of it, and the strategy whose only or last rung that is.
ALONE = [
    ("baseline:budgets=4+5+20", "4", "baseline:budgets=4"),
    ("baseline:budgets=4+5+20", "5", "baseline:budgets=5"),
    ("baseline:budgets=4+5+20", "20", "baseline:budgets=20"),
    ("budget-forcing:extensions=2", "x0", "budget-forcing:extensions=0"),
    ("budget-forcing:extensions=2", "x1", "budget-forcing:extensions=1"),
    ("budget-forcing:extensions=2", "x2", "budget-forcing:extensions=2"),
    *(("majority-vote:samples=4", str(n), f"majority-vote:samples={n}") for n in (1, 2, 3, 4)),
]


@dataclass(frozen=True)
class Swept:
    """A run of all strategies at once."""

    data: Path
    outcome: RunResult


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("swept")
    data = write_sums(folder / "data", COUNT)
    strategies = tuple(dict.fromkeys(strategy for strategy, _, _ in ALONE))
    run = prepare(
        RunConfig(ModelConfig(engine="scripted", seed=5), ("gsm8k",), strategies, data_dir=data), folder / "r"
    )
    return Swept(data, execute(run))


def evaluated(model: TTSBenchLM, data: Path, **options: Any) -> dict[str, Any]:
    tasks = TaskManager(include_path=FOLDER, include_defaults=False, metadata={"data_dir": str(data)})
    results = lm_eval.simple_evaluate(model=model, tasks=["gsm8k"], task_manager=tasks, bootstrap_iters=0, **options)
    assert results is not None
    return dict(results)


@pytest.mark.parametrize(("strategy", "rung", "alone"), ALONE, ids=[alone for _, _, alone in ALONE])
def test_the_accuracy_of_a_rung_is_what_lm_eval_gives_where_it_runs_alone(
    swept: Swept, strategy: str, rung: str, alone: str
) -> None:
    results = evaluated(TTSBenchLM(strategy=alone, engine="scripted", seed=5), swept.data)
    name = build(strategy).id
    [point] = [point for point in swept.outcome.curve if (point.strategy, point.rung) == (name, rung)]
    assert point.n == COUNT
    assert point.metrics == {metric: results["results"]["gsm8k"][f"{metric},none"] for metric in ("strict", "lenient")}
    by_document = {
        sample["doc_id"]: (sample["strict"], sample["resps"][0][0]) for sample in results["samples"]["gsm8k"]
    }
    for record in RunFolder(swept.outcome.out).records():
        for answer in record.answers:
            if (record.strategy, answer.rung) == (name, rung):
                assert (answer.scores["strict"], answer.text) == by_document[record.doc_id]


def test_the_rungs_of_this_run_are_not_all_alike(swept: Swept) -> None:
    accuracies = {point.accuracy for point in swept.outcome.curve}
    assert len(accuracies) > 4
    assert all(accuracy is not None and accuracy < 1 for accuracy in accuracies)


def instance(doc_id: int = 0) -> Instance:
    arguments: tuple[str, dict[str, Any]] = ("What is 17 and 25?", {"until": []})
    return Instance("generate_until", doc={}, arguments=arguments, idx=0, metadata=("gsm8k", doc_id, 1))


def test_repeats_of_one_instance_get_streams_of_their_own() -> None:
    request, other = instance(), instance(1)
    model = TTSBenchLM(engine="scripted")
    replies = model.generate_until([request] * 40 + [other])
    assert len(Counter(replies)) > 3
    assert model.generate_until([request] * 40 + [other]) == replies
    assert TTSBenchLM(engine="scripted").generate_until([other, request, request])[1:] == replies[:2]


def test_repeats_of_a_task_reach_its_score(swept: Swept) -> None:
    tasks = TaskManager(include_path=FOLDER, include_defaults=False, metadata={"data_dir": str(swept.data)})
    loaded = tasks.load(["gsm8k"])
    loaded["tasks"]["gsm8k"].set_config("repeats", 3)
    results = lm_eval.evaluate(TTSBenchLM(engine="scripted"), loaded, bootstrap_iters=0)
    samples = results["samples"]["gsm8k"]
    assert all(len(sample["resps"][0]) == 3 for sample in samples)
    assert any(len(set(sample["resps"][0])) > 1 for sample in samples)
    assert {sample["strict"] for sample in samples} > {1 / 3, 2 / 3}


def test_an_error_raises_and_is_never_scored(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str, draw: Draw) -> str:
        if "What is 3 and" in text:
            raise RuntimeError("no luck")
        return SCRIPTS["adder"](text, draw)

    monkeypatch.setitem(SCRIPTS, "broken", broken)
    with pytest.raises(RuntimeError, match=r"1 of 24 problems ended in an error: gsm8k/2: RuntimeError: no luck"):
        evaluated(TTSBenchLM(model="broken", engine="scripted"), swept.data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": "budget-forcing", "extension": 2}, "no option 'extension'. Did you mean 'extensions'"),
        ({"strategy": "budget-forcng"}, "no strategy 'budget-forcng'"),
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"engine": "hf", "rows": 0}, "--rows is 0"),
        ({"rows": 8}, "engine 'scripted' has no option --rows 8"),
        ({"engine": "hf:rows=8", "rows": 9}, "--rows contradicts --engine hf:max_num_seqs=8"),
        ({"model": "addr"}, "no script 'addr'"),
        ({"model": "adder", "pretrained": "other"}, "model is 'adder', pretrained is 'other': both name the model"),
    ],
    ids=str,
)
def test_a_wrong_model_argument_is_one_clear_message(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        TTSBenchLM(**{"engine": "scripted", **arguments})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_read_as_they_are_whatever_letters_they_hold() -> None:
    for cue in ("Wait, let me check", r"a\, b", "so: x=1"):
        model = TTSBenchLM("budget-forcing", engine="scripted", cue=cue, extensions=1)
        assert model._arm.strategy.cue == cue  # type: ignore[attr-defined]
    names: list[dict[str, Any]] = [{"pretrained": "adder"}, {"model": "adder", "pretrained": "adder"}, {"model": None}]
    for named in names:
        TTSBenchLM(engine="scripted", **named)


@pytest.mark.parametrize("ask", ["loglikelihood", "loglikelihood_rolling"])
def test_a_task_of_log_likelihoods_is_refused_with_what_to_take_instead(ask: str) -> None:
    with pytest.raises(UserError, match=r"'gsm8k' asks for log-likelihoods; .*generate_until.*tts-bench tasks"):
        getattr(TTSBenchLM(engine="scripted"), ask)([instance()])


def test_a_device_beside_model_args_is_taken_and_two_devices_are_refused(tmp_path: Path) -> None:
    tiny_llama = make_tiny(tmp_path)

    def create(arguments: str, device: str) -> TTSBenchLM:
        return TTSBenchLM.create_from_arg_string(
            f"pretrained={tiny_llama},exact=false{arguments}", {"device": device, "batch_size": 1}
        )

    with pytest.raises(UserError, match=r"PyTorch finds no cuda:0 device here\. Type --device auto"):
        create("", "cuda:0")
    with pytest.raises(UserError, match=r"name cpu and cuda:0\. Name one device"):
        create(",device=cpu", "cuda:0")
    create(",device=cpu", "auto")
    TTSBenchLM.create_from_arg_string("engine=scripted", {"device": "auto", "batch_size": 1})  # as lm-eval adds them


COMMAND = ["lm-eval", "run", "--model", "tts-bench", "--tasks", "gsm8k", "--limit", "3", "--model_args"]


@pytest.mark.slow
def test_lm_evals_own_command_line_runs_a_strategy(swept: Swept, tmp_path: Path) -> None:
    arguments = ["strategy=budget-forcing,extensions=2,engine=scripted", "--output_path", str(tmp_path)]
    environment = {**os.environ, "TTS_BENCH_DATA": str(swept.data)}
    done = forked.run(forked.MAIN, *COMMAND, *arguments, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    [file] = tmp_path.rglob("results*.json")
    results = json.loads(file.read_text())
    assert results["n-samples"]["gsm8k"]["effective"] == 3
    alone = evaluated(TTSBenchLM("budget-forcing", extensions=2, engine="scripted"), swept.data, limit=3)
    assert results["results"]["gsm8k"]["strict,none"] == alone["results"]["gsm8k"]["strict,none"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        *((f"in_flight={found}", f"in_flight is {found}; it takes a whole") for found in ("abc", "0", "-1", "1.5")),
        *((f"timeout={found}", f"timeout is {found}; it takes a number") for found in ("abc", "nan", "0", "inf")),
    ],
)
def test_limits_are_checked_before_a_model_is_loaded(given: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        TTSBenchLM.create_from_arg_string(f"engine=scripted,strategy=nowhere,{given}")


def test_a_wrong_option_is_one_message_of_lm_evals_own_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = partial(TaskManager, include_defaults=False)  # lm-eval reads thousands of files for its own
    monkeypatch.setattr("lm_eval.tasks.TaskManager", ours)
    monkeypatch.setattr(sys, "argv", ["tts-bench"])
    assert root._run([*COMMAND, "strategy=budget-forcing,extension=2,engine=scripted"]) == 2
    assert (
        capsys.readouterr().err.rstrip().splitlines()[-1].startswith("error: budget-forcing has no option 'extension'")
    )
