"""From a checked model folder to a running engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
import transformers

from tts_bench.engine import EngineInfo
from tts_bench.engines import hardware
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.engines.vllm import guard, options, weights
from tts_bench.engines.vllm.engine import VllmEngine
from tts_bench.engines.vllm.running import Running
from tts_bench.engines.vllm.selftest import check
from tts_bench.errors import UserError
from tts_bench.models.folder import context_window

PATH = 2  # version of the way from request to tokens: raise it whenever equal requests may give other text
Progress = Callable[[str, int, int], None]
_ROWS = 256
_SPARE = 64  # rows for learned tokens, where the matrix has none to spare
_INVARIANT = 80  # NVIDIA's compute capability from which vLLM can be batch invariant (vLLM 0.32, "Batch Invariance")


@dataclass(frozen=True)
class _Model:
    """What the folder says of the model."""

    config: Any
    tokenizer: HfTokenizer
    heads: int
    head_size: int
    rows: int  # of the embedding matrix, spare ones included
    spare: int  # of these, added while loading
    weights: weights.Weights

    def cache_bytes(self, item: int) -> int:
        """Bytes of keys and values for each token."""
        kept = getattr(self.config, "num_key_value_heads", None) or self.heads
        return 2 * int(self.config.num_hidden_layers) * kept * self.head_size * item


def load(
    folder: Path,
    *,
    name: str,
    fingerprint: str,
    device: str = "auto",
    dtype: str = "auto",
    max_num_seqs: int | None = None,
    threads: int | None = None,
    exact: bool = True,
    trust_remote_code: bool = False,
    more: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> VllmEngine:
    """Start vLLM on the model in `folder`, in processes of its own that end with this one.

    Args:
        folder: safetensors weights, configuration and tokenizer.
        name: the model as the user named it.
        fingerprint: SHA-256 of what the folder holds.
        device: "auto", or the kind that the installed vLLM is built for: "cuda" or "cpu".
        dtype: "auto" (float32 on the CPU, bfloat16 elsewhere), "float32", "bfloat16" or "float16".
        max_num_seqs: most requests that are decoded in one batch; 256 where None.
        threads: of the processor, where vLLM runs on it; its own choice where None.
        exact: use vLLM's batch-invariant mode where there is one, and run the self-test for the label "exact".
        trust_remote_code: run code that comes with the model.
        more: options of vLLM's own, by name.
        progress: told that vLLM is being started.

    Raises:
        UserError: vLLM is not installed, an option out of its range or unknown to vLLM, or a model that it cannot run.
    """
    options.check_installed()
    hardware.check_names(device, dtype)
    given = dict(more or {})
    options.check_ours(given)
    options.prepare()
    if progress:
        progress("starting vLLM, which compiles a model for a minute or two", 0, 0)
    platform = _platform(device, threads)
    invariant = exact and _can_be_invariant(platform)
    options.settle(threads=threads, invariant=invariant)
    guard.announce()
    model = _examine(folder, name, trust_remote_code)
    kind = dtype if dtype != "auto" else ("float32" if platform.is_cpu() else "bfloat16")
    arguments: dict[str, Any] = {
        "model": str(folder),
        "dtype": kind,
        "max_num_seqs": max_num_seqs or _ROWS,
        "trust_remote_code": trust_remote_code,
        "enable_prefix_caching": True,
        "skip_tokenizer_init": True,
        "use_tqdm_on_load": False,
        "disable_log_stats": True,
        "additional_config": {"vocabulary": model.tokenizer.size},
        "worker_extension_cls": "tts_bench.engines.vllm.worker.Rows",
        **_room(platform, model, folder, name, kind, max_num_seqs or _ROWS, given),
        **given,
    }
    if model.spare:
        arguments |= {"hf_overrides": {"vocab_size": model.rows}, "load_format": "tts-bench"}
    running, context = _start(arguments, given, name)
    try:
        difference = "not tried: exact mode was switched off"
        if exact:
            difference = running.call(check(running, model.tokenizer.size, context, max_num_seqs or _ROWS)).result()
    except BaseException:
        running.close()
        raise
    info = EngineInfo(
        name="vllm",
        model=name,
        fingerprint=fingerprint,
        context=context,
        capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs", "bias"}),
        identity=_identity(platform, kind, invariant, model, given),
        settings={"max_num_seqs": max_num_seqs or _ROWS, "threads": threads, "processor": platform.get_device_name()},
        exact=not difference,
        exact_note=_note(difference, invariant),
        layers=int(model.config.num_hidden_layers),
        width=model.heads * model.head_size,
        parameters=model.weights.multiplied,
        at_once=max_num_seqs or _ROWS,
    )
    return VllmEngine(info, model.tokenizer, running, model.rows, int(model.config.hidden_size))


def _platform(device: str, threads: int | None) -> Any:  # noqa: ANN401 - vLLM has no types here
    """What the installed vLLM runs on."""
    from vllm.platforms import current_platform

    built_for = current_platform.device_type
    if not built_for:
        raise UserError(f"{options.installed()} finds no device to run on. Without a GPU, type {options.INSTALL_CPU}.")
    if ":" in device:
        raise UserError(
            f"vLLM has no device {device!r}. Put CUDA_VISIBLE_DEVICES={device.partition(':')[2]} before the command."
        )
    if device not in ("auto", built_for):
        package = options.INSTALL_CPU if device == "cpu" else options.INSTALL
        raise UserError(
            f"{options.installed()} runs on {built_for}, not on {device}. Type --device auto, or {package}."
        )
    if threads is not None and built_for != "cpu":
        raise UserError(f"vLLM on {built_for} has no option --threads. Remove it.")
    return current_platform


def _can_be_invariant(platform: Any) -> bool:  # noqa: ANN401
    return bool(platform.is_cuda() and platform.has_device_capability(_INVARIANT))


def _examine(folder: Path, name: str, trust_remote_code: bool) -> _Model:
    try:
        whole = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        inner = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"transformers cannot read {name} from {folder}: {error}") from error
    config: Any = whole.get_text_config()
    heads = int(config.num_attention_heads)
    tokenizer = HfTokenizer(inner, _ends(folder, whole))
    free = int(config.vocab_size) - tokenizer.size
    spare = _SPARE if free < 2 else 0  # one for a learned token, one that no token has
    tied = bool(getattr(config, "tie_word_embeddings", False))
    return _Model(
        config,
        tokenizer,
        heads,
        int(getattr(config, "head_dim", None) or config.hidden_size // heads),
        int(config.vocab_size) + spare,
        spare,
        weights.count(folder, tied=tied),
    )


def _ends(folder: Path, config: Any) -> set[int]:  # noqa: ANN401 - any model's configuration
    configs = [config]
    if (folder / "generation_config.json").is_file():
        configs.append(transformers.GenerationConfig.from_pretrained(folder))
    found: set[int] = set()
    for each in configs:
        ends = getattr(each, "eos_token_id", None)
        found |= {ends} if isinstance(ends, int) else set(ends or ())
    return found


def _room(
    platform: Any,  # noqa: ANN401
    model: _Model,
    folder: Path,
    name: str,
    dtype: str,
    rows: int,
    given: dict[str, object],
) -> dict[str, object]:
    """Refuse what cannot fit; on the CPU, bound what keys and values take, where the user does not."""
    item = cast(torch.dtype, getattr(torch, dtype)).itemsize
    cards = int(cast(int, given.get("tensor_parallel_size", 1))) * int(
        cast(int, given.get("pipeline_parallel_size", 1))
    )
    if "quantization" not in given:
        there = int(platform.get_device_total_memory()) * (1 if platform.is_cpu() else cards)
        weights.check_room(model.weights.total * item, there, name, platform.get_device_name())
    if not platform.is_cpu():
        return {}
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    if model.head_size not in (sizes := CPUAttentionBackend.get_supported_head_sizes()):
        raise UserError(
            f"{name} has attention heads of {model.head_size} numbers; on a CPU vLLM takes "
            f"{', '.join(map(str, sizes))}. Type --engine hf."
        )
    if given.keys() & {"gpu_memory_utilization", "kv_cache_memory_bytes"} or "VLLM_CPU_KVCACHE_SPACE" in os.environ:
        return {}
    import psutil  # vLLM needs it too

    quarter = psutil.virtual_memory().available // 4  # vLLM takes it at once, not as it is used
    return {"kv_cache_memory_bytes": min(quarter, rows * context_window(folder) * model.cache_bytes(item))}


def _start(arguments: dict[str, Any], given: dict[str, object], name: str) -> tuple[Running, int]:
    """The engine at work, and its context window."""
    try:
        from vllm import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(
            f"{options.installed()} cannot be loaded: {error}. In a separate environment, type {options.INSTALL} "
            f"or, without a GPU, {options.INSTALL_CPU}. If torchvision is what fails, type pip uninstall torchvision."
        ) from error

    own = (field.name for field in fields(options.VllmOptions))
    options.check_known(given, (field.name for field in fields(AsyncEngineArgs)), own)
    try:
        config = AsyncEngineArgs(**arguments).create_engine_config()
        runner = "runner_v2" if config.use_v2_model_runner else "runner_v1"
        config.model_config.logits_processors = [f"tts_bench.engines.vllm.{runner}:Draws"]
        running = Running(lambda: AsyncLLM.from_vllm_config(config, disable_log_stats=True))
    except (ValueError, TypeError, NotImplementedError, RuntimeError, OSError) as error:
        why = " ".join(str(error).split())[:600]
        raise UserError(
            f"vLLM cannot run {name}: {why} Its own messages are printed above; VLLM_LOGGING_LEVEL=INFO shows more."
        ) from error
    return running, int(config.model_config.max_model_len)


def _identity(
    platform: Any,  # noqa: ANN401
    dtype: str,
    invariant: bool,
    model: _Model,
    given: dict[str, object],
) -> dict[str, object]:
    return {
        "engine": "vllm",
        "path": PATH,
        "streams": "own",  # every token is drawn by our number of its position; vLLM's own seeds are not used
        "dtype": dtype,
        "platform": platform.device_type,
        "batch_invariant": invariant or os.environ.get("VLLM_BATCH_INVARIANT") == "1",
        "spare_rows": model.spare,
        "options": given,
        "vllm": options.installed(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _note(difference: str, invariant: bool) -> str:
    mode = "batch-invariant mode" if invariant else "no batch-invariant mode here"
    found = difference or "self-test: a request alone, cached and among others has bitwise equal log-probabilities"
    return f"{found}; {mode}; every token is drawn by the number of its own stream"
