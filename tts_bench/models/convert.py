"""GGUF to what transformers loads: bfloat16 safetensors with tokenizer and chat template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench.errors import UserError
from tts_bench.text import safe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ORIGIN = "converted.json"  # what a converted folder was made from
_READERS = ("accelerate", "gguf")  # transformers reads GGUF files with them, and imports them only then
_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "</s>")
_SAME_MATRIX = 0.5  # relative distance: two roundings of one matrix are nearer, two trained matrices are not


class Unreadable(UserError):
    """The packages that read GGUF files are here, and transformers cannot read this one with them."""


def lacking() -> str:
    """What installs the packages that are missing for reading GGUF files; empty where none is."""
    missing = [name for name in _READERS if find_spec(name) is None]
    return f"pip install {' '.join(missing)}" if missing else ""


def check_readers() -> None:
    """Before anything is fetched or read.

    Raises:
        UserError: a package that reads GGUF files is not installed.
    """
    if install := lacking():
        names = " and ".join(install.split()[2:])
        raise UserError(f"GGUF files are read with {names}, which this Python lacks. Type: {install}")


def convert(gguf: Path, target: Path) -> None:
    """Fill the empty folder `target` with the model in `gguf`.

    Raises:
        UserError: a package is missing, or the memory does not suffice.
        Unreadable: the file is no GGUF language model that transformers reads, or lacks some of its tensors.
        OSError: `target` cannot be written.
    """
    check_readers()
    with _quiet():
        try:
            model, tokenizer, missing, quantisation = _load(gguf)
        except MemoryError as error:
            raise UserError(
                f"There is too little memory to convert {gguf}. Close other programs and repeat."
            ) from error
        except ImportError as error:  # the file is not to blame
            raise UserError(
                f"{gguf} was not read, since a package does not load ({safe(str(error))[:200]}). Type: tts-bench doctor"
            ) from error
        except Exception as error:  # readers of a damaged file fail in every way there is
            raise Unreadable(
                f"{gguf} is not a GGUF language model that transformers can read "
                f"({type(error).__name__}: {safe(str(error))[:200]}). Give another file, or a safetensors folder."
            ) from error
        if missing:
            raise Unreadable(
                f"{gguf} lacks tensors of its model: {', '.join(sorted(missing)[:3])} ... Get the whole file."
            )
        notes = [f"dequantised from {quantisation} to bfloat16", *_tie(model)]
        _all_ends(model, tokenizer)
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
    (target / ORIGIN).write_text(json.dumps({"notes": notes}, indent=2) + "\n", encoding="utf-8")


def _load(gguf: Path) -> tuple[Any, PreTrainedTokenizerBase, set[str], str]:
    import torch
    from gguf import GGUFReader, LlamaFileType
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.quantization_config import GgufConfig

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    loader: Any = AutoModelForCausalLM  # its type leaves out the loading info
    model, info = loader.from_pretrained(
        **source, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True), output_loading_info=True
    )
    kind = GGUFReader(gguf).get_field("general.file_type")
    name = LlamaFileType(kind.contents()).name if kind else "an unnamed quantisation"
    # Left in place, these make save_pretrained write quantised weights, or refuse to.
    model.hf_quantizer = None
    model.config.__dict__.pop("quantization_config", None)
    return model, tokenizer, set(info["missing_keys"]), name.removeprefix("MOSTLY_").removeprefix("ALL_")


def _tie(model: Any) -> list[str]:  # noqa: ANN401 - transformers types its models too loosely to use
    """GGUF writers may round a tied matrix twice, finer on the output side: that one serves for both again."""
    import torch

    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    if embedding.data_ptr() == head.data_ptr():
        return []
    norm = torch.linalg.vector_norm
    distance = norm(embedding - head, dtype=torch.float32) / norm(head, dtype=torch.float32)
    if distance > _SAME_MATRIX:
        return []
    embedding.data.copy_(head.data)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    return [f"input and output embedding tied again: the file holds two roundings of one matrix ({distance:.1%} apart)"]


def _all_ends(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:  # noqa: ANN401 - as above
    """A GGUF file names one end token; a chat model may also end on others of its special tokens."""
    special = {token.content: number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    first = model.generation_config.eos_token_id
    others = {special[name] for name in _ENDS if name in special} - {first}
    model.generation_config.eos_token_id = [first, *sorted(others)]


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers draws bars of its own, and warns of what is checked here."""
    import transformers.utils.logging

    logging: Any = transformers.utils.logging  # untyped
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        logging.set_verbosity(level)
