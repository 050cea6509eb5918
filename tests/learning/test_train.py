"""A training changes one row and nothing else, and is the same whether it was interrupted or not."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests import forked
from tests.learning.made_up import letters, thinker, trainer
from tests.tiny import make_tiny
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.errors import UserError
from tts_bench.learning import grpo, runner
from tts_bench.learning.loss import surrogate
from tts_bench.learning.rollouts import sample
from tts_bench.learning.sequences import CUE, Sequence
from tts_bench.learning.state import State
from tts_bench.learning.train import best, equal_rewards, stalled
from tts_bench.solving.model import Model


@contextmanager
def closing(model: Model) -> Iterator[Model]:
    try:
        yield model
    finally:
        asyncio.run(model.engine.close())


def quiet(_: object) -> None: ...


def plain(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key not in ("seconds", "engine")} for line in log]


def weights(model: Model) -> dict[str, torch.Tensor]:
    engine = cast(HfEngine, model.engine)
    parts = {name: tensor.clone() for name, tensor in engine.model.state_dict().items()}
    for name, module in engine.model.named_modules():  # packed layers have no state of their own
        if hasattr(module, "weight") and f"{name}.weight" not in parts:
            parts[f"{name}.weight"] = module.weight.to_dense()
    return parts


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("tie", [True, False], ids=["tied", "untied"])
def test_only_the_row_changes_and_it_stays_float32(tmp_path: Path, tie: bool, dtype: str) -> None:
    make_tiny(tmp_path / "m", "llama", tie)
    with closing(thinker(tmp_path / "m", dtype=dtype)) as model:
        made = trainer(model, tmp_path / "token")
        before = weights(model)
        on_disk = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=getattr(torch, dtype)).state_dict()
        row = made.start.clone().requires_grad_()
        optimizer = torch.optim.AdamW([row], lr=0.1, weight_decay=0.0)
        forced = Sequence((1, 2, 3), (CUE, 5, 6, CUE, 7), (5, 6, 9, 7, 8), 1.0)
        settings = grpo.Settings(made.learner.vocabulary, 1.0, inner=2, clip=0.2, micro_batch=2)
        change = grpo.update(made.learner.model, row, optimizer, [forced, forced], settings)
        after = weights(model)
    assert change.gradient > 0
    assert row.dtype == torch.float32
    assert not torch.equal(row, made.start)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    for name, tensor in on_disk.items():
        assert torch.equal(tensor, after[name]), name
    assert all(parameter.grad is None for parameter in made.learner.model.parameters())
    assert {tensor.numel() for tensor in optimizer.state[row].values()} == {1, row.numel()}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("tie", [True, False], ids=["tied", "untied"])
def test_a_whole_training_changes_no_weight_and_its_row_is_float32(tmp_path: Path, tie: bool, dtype: str) -> None:
    make_tiny(tmp_path / "m", "llama", tie)
    with closing(thinker(tmp_path / "m", dtype=dtype, max_thinking_tokens=400)) as model:
        turns = count()

        def alternating(_: str) -> float:  # rewards differ within each group, whatever a random model says
            return float(next(turns) % 2)

        made = trainer(model, tmp_path / "token", alternating, steps=1, shared_prefix=False, hold_out=0)
        before = weights(model)
        state = made.train(quiet, quiet)
        after = weights(model)
    assert state.log[1]["cues"] > 0
    assert state.row.dtype == torch.float32
    assert not torch.equal(state.row, made.start)
    assert all(torch.equal(before[name], after[name]) for name in before)
    on_disk = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=getattr(torch, dtype)).state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in on_disk.items())


def test_a_reward_that_is_constant_within_each_group_changes_nothing_bit_for_bit(tmp_path: Path) -> None:
    warnings: list[str] = []
    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "token", score=lambda _: 1.0)
        state = made.train(quiet, warnings.append)
    assert state.step == 3
    assert torch.equal(state.row, made.start)
    assert not state.moments
    [said] = warnings
    assert "all rewards were equal in the first 3 steps, so nothing can be learned: the share of right" in said
    assert "harder problems" in said


def test_thinking_that_never_ends_is_named_as_the_reason_why_nothing_can_be_learned() -> None:
    line = {"cues": 0, "cues_wanted": 12, "accuracy": 0.0}
    assert "none of 36 cues was put in" in equal_rewards([line] * 3)
    assert "Give a larger --max-thinking-tokens" in equal_rewards([line] * 3)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, shared: bool) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        whole = trainer(model, tmp_path / "one", shared_prefix=shared).train(quiet, quiet)
        interrupted = trainer(model, tmp_path / "two", shared_prefix=shared)

        def stop(line: dict[str, Any]) -> None:
            if line["step"] == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted.train(stop, quiet)
        assert interrupted.folder.load().step == 1  # type: ignore[union-attr]
        seen: list[int] = []
        resumed = trainer(model, tmp_path / "two", shared_prefix=shared).train(
            lambda line: seen.append(line["step"]), quiet
        )
    assert seen == [0, 1, 2, 3]
    assert torch.equal(whole.row, resumed.row)
    assert not torch.equal(whole.row, whole.start)
    assert plain(whole.log) == plain(resumed.log)


def test_training_changes_with_the_seed_and_a_shared_prefix_is_shared(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "a")
        items = made.problems.training[:2]
        token, found = made.token(made.start), {}
        for shared in (True, False):
            groups = sample(
                Scheduler(model.engine, Store(None)), model.conditions, token, items,
                extensions=2, group=4, shared=shared, stream="s",
            )  # fmt: skip
            found[shared] = [[rollout.trace.segments[1].tokens for rollout in group] for group in groups]
            ends = [{rollout.last.text + rollout.trace.text for rollout in group} for group in groups]
    assert all(len(set(group)) == 1 for group in found[True])
    assert all(len(set(group)) == 4 for group in found[False])
    assert any(len(texts) > 1 for texts in ends)


def test_what_was_right_without_the_token_is_counted_over_all_thoughts_that_were_had(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "a", shared_prefix=False)
        items, token = made.problems.training[:3], made.token(made.start)
        again: dict[str, Any] = {"extensions": made.config.continuations, "group": 8, "shared": False, "stream": "s"}
        groups = sample(Scheduler(model.engine, Store(None)), model.conditions, token, items, **again)
        judged = made._runner.run(Scheduler(model.engine, Store(None)), token, items, group=8, stream="s")
    shares = [fmean(letters(rollout.first.text) for rollout in group) for group in groups]
    assert [group.before for group in judged] == shares
    assert any(0 < share < 1 for share in shares)


KILLED = """
import asyncio, sys, time
from pathlib import Path
from tests.learning.made_up import thinker, trainer
folder = Path(sys.argv[1])
model = thinker(folder / "m")
made = trainer(model, folder / "killed")
def report(line):
    print(line["step"], flush=True)
    if line["step"] == int(sys.argv[2]):
        time.sleep(60)
state = made.train(report, print)
print(state.row.tolist() if hasattr(state, "row") else None, flush=True)
asyncio.run(model.engine.close())
"""


@pytest.mark.slow
def test_a_training_killed_outright_resumes_to_the_same_row_bit_for_bit(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        whole = trainer(model, tmp_path / "whole").train(quiet, quiet)
    killed = forked.Program(KILLED, tmp_path, 2)
    while "2" not in killed.stdout.split():
        assert killed.returncode is None, killed.stderr
        time.sleep(0.02)
    time.sleep(0.1)
    killed.kill()
    done = forked.run(KILLED, tmp_path, -1)
    assert json.loads(done.stdout.splitlines()[-1]) == whole.row.tolist()


@pytest.mark.parametrize(
    ("rewards", "patience", "stops", "step"),
    [
        ([0.1, 0.2, 0.3], 2, False, 2),
        ([0.1, 0.3, 0.3, 0.2], 2, True, 1),
        ([0.3, 0.1, 0.2], 2, True, 0),
        ([0.3, 0.1, 0.2], 3, False, 0),
        ([0.3, 0.1, 0.2], 0, False, 0),
    ],
)
def test_a_run_stops_when_held_out_problems_get_no_better(
    rewards: list[float], patience: int, stops: bool, step: int
) -> None:
    log = [{"step": place, "held_out": {"reward": reward}} for place, reward in enumerate(rewards)]
    assert stalled(log, patience) is stops
    assert best(log) == step


def test_a_run_that_got_no_better_goes_back_to_its_best_row(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "token", steps=6, evaluate_every=1, patience=2)
        scores = iter([0.1, 0.5, 0.2, 0.3, 0.4])
        made._held_out = lambda row: {"reward": next(scores), "accuracy": 0, "before": 0}  # type: ignore[method-assign]
        rows: dict[int, torch.Tensor] = {}
        original = made.folder.save

        def save(state: State) -> None:
            rows[state.step] = state.row.detach().clone()
            original(state)

        made.folder.save = save  # type: ignore[method-assign]
        state = made.train(quiet, quiet)
    assert state.step == 3
    assert torch.equal(state.row, rows[1])
    assert not torch.equal(rows[1], rows[3])


def test_shuffled_rewards_are_those_of_the_group_in_another_order(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        true, shuffled = (
            trainer(model, tmp_path / str(shuffle), shuffle_rewards=shuffle, steps=1).train(quiet, quiet)
            for shuffle in (False, True)
        )
    assert true.log[1]["reward"] == pytest.approx(shuffled.log[1]["reward"])
    assert true.log[1]["groups"] == shuffled.log[1]["groups"] > 0
    assert not torch.equal(true.row, shuffled.row)


@pytest.mark.parametrize("inner", [0, 1, 2])
def test_a_step_that_diverges_in_any_update_keeps_the_checkpoint_and_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: int
) -> None:
    original, done = surrogate, count()

    def diverging(*given: Any) -> torch.Tensor:
        return original(*given) * (math.nan if next(done) // per_update >= inner else 1.0)

    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "token", steps=1, inner=3, hold_out=0)
        per_update = trainer(model, tmp_path / "sound", steps=1, hold_out=0).train(quiet, quiet).log[1]["cues"]
        monkeypatch.setattr(grpo, "surrogate", diverging)
        with pytest.raises(UserError, match=rf"gradient is not finite at update {inner + 1} of 3 .*smaller --lr"):
            made.train(quiet, quiet)
        kept = made.folder.load()
    assert kept is not None
    assert kept.step == 0
    assert torch.equal(kept.row, made.start)


def test_another_trainings_folder_is_refused(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        trainer(model, tmp_path / "token", steps=3)
        with pytest.raises(UserError, match=r"holds a different training: its steps is 3, this one's is 4.*--out"):
            trainer(model, tmp_path / "token", steps=4)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "token", score=letters, steps=1)
        made.train(quiet, quiet)
        (made.folder.path / "state.safetensors").write_bytes(b"12345678")
        with pytest.raises(UserError, match=r"is damaged.*Delete"):
            made.folder.load()


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        one, two = (trainer(model, tmp_path / "token") for _ in range(2))
        with one.folder.locked(), pytest.raises(UserError, match="another process is training in"), two.folder.locked():
            pass


def test_running_out_of_memory_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "token")
        monkeypatch.setattr(grpo, "log_probabilities", full)
        with pytest.raises(UserError, match=r"out of memory \(CUDA.*Set --micro-batch below 4"):
            made.train(quiet, quiet)
        assert made.folder.load().step == 0  # type: ignore[union-attr]


def test_running_out_of_memory_in_rollouts_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise ExceptionGroup("of a task group", [ValueError("cancelled"), MemoryError("no memory for the keys")])

    with closing(thinker(tmp_path / "m")) as model:
        made = trainer(model, tmp_path / "token", hold_out=0)
        monkeypatch.setattr(runner, "sample", full)
        with pytest.raises(
            UserError, match=r"out of memory \(no memory for the keys\)\. Set --max-num-seqs below 8, or a smaller"
        ):
            made.train(quiet, quiet)
