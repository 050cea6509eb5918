"""Load a reward model from a checked folder: its body from transformers, and the head from its tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors import safe_open
from torch import nn

from tts_bench.engines.hf.load import device_of, quiet
from tts_bench.engines.hf.packed import instructions
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.errors import UserError
from tts_bench.scorer import ScorerInfo
from tts_bench.scorers.reward_model.layouts import BAD, GOOD, LAYOUTS, Head, word_id
from tts_bench.scorers.reward_model.scorer import Net, RewardModel

if TYPE_CHECKING:
    from tts_bench.models import ModelFolder
    from tts_bench.scorers.reward_model.options import RewardModelOptions

_WINDOW = 4096  # if the configuration gives none


def load(found: ModelFolder, given: RewardModelOptions) -> RewardModel:
    """Load the reward model in `found`.

    Raises:
        UserError: transformers cannot load it, or it lacks the head that its layout reads.
    """
    where, trust = device_of(given.device), given.trust_remote_code
    kind = getattr(torch, given.dtype if given.dtype != "auto" else "float32" if where.type == "cpu" else "bfloat16")
    threads = given.threads or torch.get_num_threads()
    try:
        config = transformers.AutoConfig.from_pretrained(found.folder, trust_remote_code=trust)
        inner = transformers.AutoTokenizer.from_pretrained(found.folder, trust_remote_code=trust)
        with quiet(), _silent():
            body, told = transformers.AutoModel.from_pretrained(
                found.folder, dtype=kind, use_safetensors=True, trust_remote_code=trust, output_loading_info=True
            )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"transformers cannot load {found.name} from {found.folder}: {error}") from error
    if missing := sorted(told["missing_keys"]):  # transformers initializes these at random
        raise UserError(f"{found.name} lacks the weights {', '.join(missing[:3])}. Copy the whole folder again.")
    tokenizer = HfTokenizer(inner)
    head_kind, head = _head(found, given, tokenizer, body)
    body.eval().to(where)
    head.to(device=where, dtype=kind)
    text = config.get_text_config()
    heads = text.num_attention_heads
    info = ScorerInfo(
        name="reward-model",
        model=found.name,
        fingerprint=found.fingerprint,
        identity={
            "layout": given.layout,
            "reads": given.reads,
            "step": given.step or LAYOUTS[given.layout].step,
            "aggregate": given.aggregate,
            "dtype": str(kind).removeprefix("torch."),
            "arithmetic": _arithmetic(where, kind, threads),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        parameters=_parameters(body, head),
        layers=text.num_hidden_layers,
        width=heads * (getattr(text, "head_dim", None) or text.hidden_size // heads),
    )
    net = Net(body, head, head_kind, getattr(text, "max_position_embeddings", None) or _WINDOW)
    return RewardModel(net, tokenizer, info, given, threads)


def _arithmetic(device: torch.device, dtype: torch.dtype, threads: int) -> str:
    """What decides the last bits of a sum."""
    if device.type != "cpu":
        return device.type
    return ", ".join(["cpu", torch.backends.cpu.get_cpu_capability(), f"{threads} threads", *instructions(dtype)[:1]])


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress the report of tensors that the body does not use: the head's are among them."""
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.utils.logging.set_verbosity(before)


def _head(found: ModelFolder, given: RewardModelOptions, tokenizer: HfTokenizer, body: Any) -> tuple[Head, nn.Module]:  # noqa: ANN401
    """The head found in the tensors, if the layout reads it. Missing weights are never initialized at random."""
    made: list[Callable[[], tuple[Head, nn.Module] | None]] = [
        lambda: _scored(found.folder),
        lambda: _valued(found.folder),
        lambda: _worded(found.folder, tokenizer, body),
    ]
    wanted = LAYOUTS[given.layout].heads
    for make in made:
        if (head := make()) is not None and head[0] in wanted:
            return head
    fits = [name for name, layout in LAYOUTS.items() if any((h := make()) and h[0] in layout.heads for make in made)]
    raise UserError(
        f"{found.name} lacks the head that layout={given.layout} reads. "
        + (f"Type {' or '.join(f'layout={name}' for name in fits)}." if fits else "Give another model.")
    )


def _scored(folder: Path) -> tuple[Head, nn.Module] | None:
    """`score` of a sequence or token classification; Qwen's has two layers."""
    tensors = _tensors(folder, "score.")
    names = sorted({name.rpartition(".")[0] for name in tensors})
    if not names:
        return None
    layers = [_linear(tensors, name) for name in names]
    between = [module for layer in layers for module in (nn.ReLU(), layer)][1:]
    return ("number" if layers[-1].out_features == 1 else "classes"), nn.Sequential(*between)


def _valued(folder: Path) -> tuple[Head, nn.Module] | None:
    """`v_head` of a model with a value head."""
    tensors = _tensors(folder, "v_head.")
    return ("value", _linear(tensors, "v_head.summary")) if "v_head.summary.weight" in tensors else None


def _worded(folder: Path, tokenizer: HfTokenizer, body: Any) -> tuple[Head, nn.Module] | None:  # noqa: ANN401
    """The two rows of a language model's head that the score needs."""
    tensors = _tensors(folder, "lm_head.")
    rows = tensors.get("lm_head.weight")
    if rows is None:
        if not getattr(body.config, "tie_word_embeddings", False):
            return None
        rows = body.get_input_embeddings().weight.detach()
    chosen = rows[[word_id(tokenizer, GOOD), word_id(tokenizer, BAD)]]
    return "words", _linear({"words.weight": chosen}, "words")


def _linear(tensors: dict[str, torch.Tensor], name: str) -> nn.Linear:
    weight, bias = tensors[f"{name}.weight"], tensors.get(f"{name}.bias")
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return layer


def _tensors(folder: Path, prefix: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            found |= {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    return found


def _parameters(body: Any, head: nn.Module) -> int:  # noqa: ANN401
    """Parameters multiplied per token: all but the input embedding."""
    whole = sum(each.numel() for part in (body, head) for each in part.parameters())
    return int(whole - body.get_input_embeddings().weight.numel())
