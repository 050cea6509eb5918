"""From a checked model folder to a running engine."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
import transformers
import transformers.models.llama.configuration_llama  # what any configuration imports, once before workers are forked

from tts_bench import foreign
from tts_bench.engine import EngineInfo
from tts_bench.engines import hardware
from tts_bench.engines.hf import bare, precision, proofs
from tts_bench.engines.hf.attention import NAME
from tts_bench.engines.hf.decoder import Decoder, Products, batch_size
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.loop import Loop
from tts_bench.engines.hf.packed import BLOCK, described, is_emulated, pack
from tts_bench.engines.hf.rows import Rows
from tts_bench.engines.hf.selftest import attention_differing, check, check_architecture
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.errors import UserError

PATH = 4  # version of the way from request to tokens: raise it whenever equal requests may give other text


def load(
    folder: Path,
    *,
    name: str,
    fingerprint: str,
    device: str = "auto",
    dtype: str = "auto",
    max_num_seqs: int = 64,
    threads: int | None = None,
    exact: bool = True,
    context: int | None = None,
    trust_remote_code: bool = False,
    cache_bytes: int | None = None,
    share: int = 1,
    kept_proof: bool = False,
    apart: bool = False,
) -> HfEngine:
    """Load the model in `folder` and start its engine.

    Args:
        folder: safetensors weights, configuration and tokenizer.
        name: the model as the user named it.
        fingerprint: SHA-256 of what the folder holds.
        device: "auto" (cuda, then mps, then cpu) or one of these; "cuda:1" is the second of several.
        dtype: "auto" (see `precision.chosen`), "float32", "bfloat16" or "float16".
        max_num_seqs: most requests that are decoded in one batch.
        threads: of the processor; PyTorch's own number where None.
        exact: run the self-test that earns the label "exact".
        context: most tokens of a request, prompt included; the model's own limit where None.
        trust_remote_code: run code that comes with the model.
        cache_bytes: bound of the key-value storage; a part of the machine's memory where None.
        share: processes that share that part.
        kept_proof: take the self-test as passed where it passed before and its proof is kept; keep it where it passes.
        apart: nobody asks for `HfEngine.model`, so that it need not be transformers' own.

    Raises:
        UserError: an option out of its range, or a model that this engine cannot run.
    """
    hardware.check_names(device, dtype)
    where = device_of(device)
    threads = torch.get_num_threads() if threads is None else threads
    for option, value in (("max_num_seqs", max_num_seqs), ("threads", threads), ("context", context)):
        if value is not None and value < 1:
            raise UserError(f"{option} is {value}; it takes a whole number from 1 upwards")
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        _check_attention(config.get_text_config(), name)
        kind: torch.dtype = precision.chosen(where, config) if dtype == "auto" else getattr(torch, dtype)
        context = _context(context, config, name)
        proof = _Proof(None, None)
        if kept_proof and where.type == "cpu" and not trust_remote_code:
            about = {"model": fingerprint, "dtype": str(kind), "rows": max_num_seqs, "context": context}
            proof = _Proof.of(proofs.facts(**about, path=PATH, engine_threads=threads))
        model: Any = bare.load(folder, config, kind) if apart and proof.products is not None else None
        if model is None:
            model = _whole(folder, kind, trust_remote_code)
        inner = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        tokenizer = HfTokenizer(inner, _ends(folder, config))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"transformers cannot load {name} from {folder}: {error}") from error
    model.eval().to(where)
    decoder, parameters = Decoder(model, tokenizer.size), _parameters(model)
    if tokenizer.size > decoder.rows:
        raise UserError(
            f"{name} has a tokenizer of {tokenizer.size} ids and an embedding matrix of {decoder.rows} rows; "
            "the matrix must have a row for each id. Save the model again after resize_token_embeddings."
        )
    budget = cache_bytes if cache_bytes is not None else _memory(where) // share
    loop = Loop(decoder, tokenizer.decode, rows=max_num_seqs, context=context, budget=budget, threads=threads)
    proven, note = _start(loop, decoder, name, max_num_seqs, context, exact, proof)
    info = EngineInfo(
        name="hf",
        model=name,
        fingerprint=fingerprint,
        context=context,
        capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs", "bias"}),
        identity=_identity(decoder, proven, threads),
        settings={
            "max_num_seqs": max_num_seqs,
            "threads": threads,
            "cache_bytes": budget,
            "processor": _processor(where),
        },
        exact=proven,
        exact_note=note,
        layers=decoder.layers,
        width=decoder.attention_width,
        parameters=parameters,
        at_once=max_num_seqs,
    )
    return HfEngine(info, tokenizer, decoder, loop)


def _context(wanted: int | None, config: transformers.PreTrainedConfig, name: str) -> int:
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    if wanted and limit and wanted > limit:
        raise UserError(f"context is {wanted}; {name} reads at most {limit} tokens. Type --context {limit} or less.")
    return wanted or limit or 4096


def _whole(folder: Path, dtype: torch.dtype, trust_remote_code: bool) -> transformers.PreTrainedModel:
    """The model as transformers has it, attending over pages."""
    from tts_bench.engines.hf.hooked import read_pages  # with transformers' modelling code, whose import takes a second

    with quiet():
        model: transformers.PreTrainedModel = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=trust_remote_code
        )
    read_pages(model)
    return model


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bar: the command line draws its own."""
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()


def device_of(device: str) -> torch.device:
    """What PyTorch calls a device that was named.

    Raises:
        UserError: there is none here.
    """
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if device == "auto":
        return torch.device(next(kind for kind in hardware.DEVICES if there[kind]))
    named = torch.device(device)
    if (named.index or 0) >= there[named.type]:
        raise UserError(f"PyTorch finds no {device} device here. Type --device auto.")
    return named


def _check_attention(config: transformers.PreTrainedConfig, name: str) -> None:
    """A row must not depend on its neighbours, and every layer must keep every position."""
    found = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if getattr(config, "sliding_window", None):
        found.add("sliding_attention")
    if getattr(config, "is_encoder_decoder", False):
        found.add("an encoder")
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type")
    if rope in ("dynamic", "longrope"):  # frequencies that follow the longest row of a batch
        found.add(f"{rope} rotary positions")
    if found:
        raise UserError(
            f"{name} ({config.model_type}) has {', '.join(sorted(found))}; the hf engine runs decoders with full "
            "attention and fixed positions, such as Llama, Qwen2 and Qwen3. Use another model or another engine."
        )


class _Proof(NamedTuple):
    """What a kept proof of the self-test has to say, and how it was multiplied for it, if there is one."""

    facts: dict[str, Any] | None  # None: none is to be kept
    products: Products | None

    @staticmethod
    def of(facts: dict[str, Any]) -> _Proof:
        return _Proof(facts, proofs.kept(facts))


def _start(
    loop: Loop, decoder: Decoder, name: str, rows: int, context: int, exact: bool, proof: _Proof
) -> tuple[bool, str]:
    """Pack the weights, check the architecture and, if asked, exactness, on the thread that will decode.

    A bare model is there only if the architecture was checked before the proof of these very facts was kept.
    """

    def first(table: Rows) -> tuple[bool, str]:
        decoder.packed = pack(decoder.model)
        if decoder.packed and is_emulated(decoder.dtype):  # oneDNN may split a batch of products amid one of them
            decoder.multiply(Products(wide=True))
        try:
            if not isinstance(decoder.model, bare.BareModel):
                check_architecture(decoder, name)
            proven, said = False, "not tried: exact mode was switched off"
            if exact:
                proven, said = _tested(decoder, rows, context, proof)
            return proven, said + _emulated(decoder)
        finally:
            table.drop()

    return loop.start(first)


def _emulated(decoder: Decoder) -> str:
    if decoder.device.type != "cpu" or decoder.dtype != torch.bfloat16 or decoder.packed:
        return ""
    return "; this processor has no instructions for bfloat16, and --dtype float32 is several times faster"


def _tested(decoder: Decoder, rows: int, context: int, proof: _Proof) -> tuple[bool, str]:
    """Whether the self-test passes, or has passed as `proof` says, and what is to be said of it."""
    if proof.products is not None:
        decoder.multiply(proof.products)
    elif differing := _differing(decoder, rows, context):
        return False, differing
    elif proof.facts:
        proofs.keep(proof.facts, decoder.products)
    return True, f"self-test: all logits bitwise equal in batches of 4 to {batch_size(rows)} rows"


def _differing(decoder: Decoder, rows: int, context: int) -> str:
    """What the self-test finds to differ, where neither wider attention nor products of one size mend it."""
    first = decoder.products
    if attention_differing(decoder, rows):
        decoder.multiply(first._replace(wide=True))
        if found := attention_differing(decoder, rows):
            decoder.multiply(first)
            return found
    found = check(decoder, rows, context)
    if not found or not decoder.packed:
        return found
    decoder.multiply(decoder.products._replace(block=BLOCK))
    if not check(decoder, rows, context):
        return ""
    decoder.multiply(first)
    return found


def _ends(folder: Path, config: transformers.PreTrainedConfig) -> set[int]:
    """The ends that the model's configuration and its generation configuration name."""
    named = [getattr(each, "eos_token_id", None) for each in (config, config.get_text_config())]
    if (path := folder / "generation_config.json").is_file():
        named.append(foreign.document(path).get("eos_token_id"))
    return {end for ends in named for end in ([ends] if isinstance(ends, int) else ends or ())}


def _identity(decoder: Decoder, exact: bool, threads: int) -> dict[str, object]:
    return {
        "engine": "hf",
        "path": PATH,
        "dtype": str(decoder.dtype).removeprefix("torch."),
        "attention": NAME,
        "arithmetic": _arithmetic(decoder, threads),
        "exact": exact,
        "torch": str(torch.__version__),  # its own type would have whoever unpickles it import torch
        "transformers": transformers.__version__,
    }


def _arithmetic(decoder: Decoder, threads: int) -> str:
    """What decides the last bits of a sum."""
    if decoder.device.type != "cpu":
        return decoder.device.type
    # With a fixed branch of MKL any number of threads gives the same bits; without, each has its own.
    branch = os.environ.get("MKL_CBWR")
    parts = [torch.backends.cpu.get_cpu_capability(), f"MKL {branch}" if branch else f"{threads} threads"]
    if decoder.packed:
        parts.append(described(decoder.dtype))
        if decoder.products.block:
            parts.append(f"{decoder.products.block} rows at a time")
    if decoder.products.wide:
        parts.append("attention in float32")
    return ", ".join(["cpu", *parts])


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory(device: torch.device) -> int:
    """Bytes that keys and values may take: most of what an accelerator has left, a quarter of the machine otherwise."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * 0.8)
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


def _parameters(model: Any) -> int:  # noqa: ANN401
    """Parameters multiplied for each token: all but the input embedding; the output matrix counts, also where tied."""
    total: int = sum(parameter.numel() for parameter in model.parameters())  # a tied matrix comes once
    read = cast(torch.Tensor, model.get_input_embeddings().weight)
    written = cast(torch.Tensor, model.get_output_embeddings().weight)
    return total if written is read else total - read.numel()
