"""What can be known of a model folder without loading the model: whether it is whole, and what it says of itself."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tts_bench import foreign
from tts_bench.engine import Sampling
from tts_bench.errors import UserError

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
)
_ONE_OF_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_CAUSAL = ("ForCausalLM", "LMHeadModel")
_REWARD = ("ForSequenceClassification", "ForTokenClassification", "RewardModel")  # ...ForProcessRewardModel, too


@dataclass(frozen=True)
class Purpose:
    """What a model is wanted for, by the ends of the names of its architecture."""

    what: str
    architectures: tuple[str, ...]
    give: str


CAUSAL = Purpose("a causal language model is needed (...ForCausalLM)", _CAUSAL, "a model that generates text")
REWARD = Purpose(
    f"a reward model is needed ({', '.join(f'...{name}' for name in (*_REWARD, *_CAUSAL))})",
    (*_REWARD, *_CAUSAL),
    "a model that scores texts",
)
EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings")
_WINDOWS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "n_ctx")
_SAMPLING = ("temperature", "top_k", "top_p", "min_p")
_TOKENIZER = 2**28  # bytes of a tokenizer's file; the largest have a tenth of that
_SIZE = re.compile(
    r"(hidden|intermediate|vocab)_size|head_dim|d_model|n_(embd|layer|head)|num_\w*(layers|heads|experts)"
)
_HEADER = 32 * foreign.MB  # bytes; a model of 200,000 tensors has less


def check(folder: Path, of: Purpose = CAUSAL) -> None:
    """See that `folder` holds a model `of` that purpose in safetensors with its config and a tokenizer that fits.

    Raises:
        UserError: it does not; the message says what is missing and how to mend it.
    """
    if not folder.is_dir():
        raise UserError(f"The model folder {folder} does not exist. Give a folder with config.json and *.safetensors.")
    config = _json(folder / "config.json")
    architectures = config.get("architectures") or []
    if not isinstance(architectures, list):
        architectures = [architectures]
    if not any(str(name).endswith(of.architectures) for name in architectures):
        found = ", ".join(map(str, architectures))[:200] or "no architecture"
        raise UserError(f"{folder / 'config.json'} names {found}, but {of.what}. Give the folder of {of.give}.")
    shapes = _shapes(folder)
    rows = _embedding_rows(shapes, config)
    tokens = _tokens(folder)
    if rows is not None and tokens > rows:
        raise UserError(
            f"The tokenizer of {folder} has {tokens} tokens, but the model's embedding matrix has only {rows} rows. "
            "They do not belong to the same model: copy the tokenizer files from where the weights come from."
        )
    _check_sizes(folder / "config.json", config, shapes)


def fingerprint(folder: Path) -> str:
    """SHA-256 over names and contents of weights, config, tokenizer files and chat template, in name order."""
    whole = hashlib.sha256()
    for path in sorted(_identifying(folder)):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name}\0{digest}\n".encode())
    return whole.hexdigest()


def sampling_defaults(folder: Path) -> Sampling:
    """What the model's own generation_config.json recommends where it recommends sampling; else temperature 1.

    Raises:
        UserError: the file is not JSON, or a value is outside its range.
    """
    config = _generation_config(folder)
    if not config.get("do_sample"):
        return Sampling()
    given = {name: config[name] for name in _SAMPLING if config.get(name) is not None}
    try:
        return Sampling(**given)
    except (TypeError, ValueError) as error:
        raise UserError(f"{folder / 'generation_config.json'}: {error}. Fix the file.") from error


def end_tokens(folder: Path) -> frozenset[int]:
    """Ids that end a turn, as config.json and generation_config.json name them; none where neither is there."""
    configs = [_generation_config(folder)]
    if (folder / "config.json").is_file():
        configs.append(_json(folder / "config.json"))
    found: set[int] = set()
    for config in configs:
        ends = config.get("eos_token_id")
        found |= {end for end in (ends if isinstance(ends, list) else [ends]) if type(end) is int and end >= 0}
    return frozenset(found)


def unapplied(folder: Path) -> tuple[str, ...]:
    """Notes on what the model's own generation_config.json recommends and no engine here does."""
    config = _generation_config(folder)
    neutral = {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "typical_p": 1.0}
    asked = {name: config[name] for name, none in neutral.items() if config.get(name) not in (None, none)}
    return tuple(
        f"the model recommends {name} {str(value)[:40]}, which is not applied" for name, value in asked.items()
    )


def context_window(folder: Path) -> int:
    """Tokens that the model reads at most, prompt included, as its config says.

    Raises:
        UserError: the config says nothing of it.
    """
    config = _json(folder / "config.json")
    for part in (config, (config or {}).get("text_config")):
        if isinstance(part, dict):
            for size in (part.get(name) for name in _WINDOWS):
                if isinstance(size, int):
                    return size
    raise UserError(
        f"{folder / 'config.json'} gives no context window. Add max_position_embeddings: the number of tokens it reads."
    )


def _identifying(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix == ".safetensors" or path.name in ("config.json", *TOKENIZER_FILES):
            yield path


def _embedding_rows(shapes: dict[str, list[int]], config: dict[str, Any]) -> int | None:
    """Rows of the input embedding; where no tensor has a known name, what the config says."""
    for name, shape in shapes.items():
        if name.endswith(tuple(f"{layer}.weight" for layer in EMBEDDINGS)) and shape:
            return shape[0]
    rows = config.get("vocab_size")
    return rows if isinstance(rows, int) else None


def _check_sizes(path: Path, config: dict[str, Any], shapes: dict[str, list[int]]) -> None:
    """Refuse a config that speaks of more than its weights hold, before a model is made by it."""
    largest = max([len(shapes), *(size for shape in shapes.values() for size in shape)], default=0)
    for part in (config, (config or {}).get("text_config")):
        for key, value in part.items() if isinstance(part, dict) else ():
            if _SIZE.fullmatch(key) and isinstance(value, int) and value > largest:
                raise UserError(
                    f"{path} gives {key} as {value:,}, but its weights have {len(shapes):,} tensors and no dimension "
                    f"above {largest:,}. They are not from the same model: copy both from its source."
                )


def _shapes(folder: Path) -> dict[str, list[int]]:
    """The shape of every tensor, from the headers of the weights."""
    from safetensors import SafetensorError, safe_open

    shapes: dict[str, list[int]] = {}
    for path in _weights(folder):
        try:
            _check_header(path)
            with safe_open(path, framework="numpy") as tensors:
                shapes |= {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(
                f"{path} cannot be read as safetensors ({error}): it is cut short, or only a pointer to weights. "
                "Copy or download it again."
            ) from error
    return shapes


def _check_header(path: Path) -> None:
    """The header is read whole, and its length is the first thing in a file."""
    foreign.check_size(path, sys.maxsize)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > _HEADER:
        raise ValueError(f"its header has {length:,} bytes")


def _weights(folder: Path) -> list[Path]:
    weights = sorted(folder.glob("*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        places = _json(index).get("weight_map", {})
        if not isinstance(places, dict):
            raise UserError(f"{index} has no weight_map from tensors to files. Copy it again.")
        wanted = {folder / str(name) for name in places.values()}
        if missing := sorted(path.name for path in wanted - set(weights)):
            raise UserError(
                f"{folder} lacks weights that its index names: {', '.join(missing[:3])}. Copy the whole folder."
            )
    if weights:
        return weights
    names = sorted(path.name for path in folder.iterdir())
    if pickles := [name for name in names if any(fnmatch(name, pattern) for pattern in _PICKLES)]:
        raise UserError(
            f"{folder} has its weights only as a pickle ({pickles[0]}), which can run any code and is never loaded. "
            'If you trust it, convert it: python -c "from transformers import AutoModelForCausalLM as M; '
            f"M.from_pretrained('{folder}', use_safetensors=False).save_pretrained('{folder}')\""
        )
    if ggufs := [name for name in names if name.endswith(".gguf")]:
        raise UserError(f"{folder} has no *.safetensors. To use the GGUF file in it, type: --model {folder / ggufs[0]}")
    raise UserError(f"{folder} has no weights: it contains no *.safetensors. Copy the whole model folder.")


def _tokens(folder: Path) -> int:
    """One more than the highest token id, so gaps count too."""
    if not any((folder / name).is_file() for name in _ONE_OF_TOKENIZER):
        raise UserError(
            f"{folder} has no tokenizer: it contains none of {', '.join(_ONE_OF_TOKENIZER)}. "
            "Copy the tokenizer files from where the weights come from."
        )
    try:
        for name in _ONE_OF_TOKENIZER:
            if (folder / name).is_file():
                foreign.check_size(folder / name, _TOKENIZER)
        if not (folder / "tokenizer.json").is_file():
            from transformers import AutoTokenizer

            return 1 + max(AutoTokenizer.from_pretrained(folder, local_files_only=True).get_vocab().values())
        from tokenizers import Tokenizer

        vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab(with_added_tokens=True)
        settings = folder / "tokenizer_config.json"
        added = _json(settings).get("added_tokens_decoder", {}) if settings.is_file() else {}
        return 1 + max(*vocabulary.values(), *map(int, added), -1, -1)
    except UserError:
        raise
    except BaseException as error:  # the Rust side raises bare Exception, and where it panics what is none
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise UserError(
            f"The tokenizer of {folder} cannot be read: {str(error)[:300]}. Copy its files again."
        ) from error


def _generation_config(folder: Path) -> dict[str, Any]:
    path = folder / "generation_config.json"
    return _json(path) if path.is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        return foreign.document(path)
    except FileNotFoundError:
        raise UserError(f"{path.parent} has no {path.name}. Give a model folder as transformers saves it.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}. Copy it again.") from error
