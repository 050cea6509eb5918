"""What is said of a model folder before anything is loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tests import forked
from tests.tiny import make_tiny
from tts_bench.engine import Sampling
from tts_bench.errors import UserError
from tts_bench.models import check, context_window, fingerprint, sampling_defaults
from tts_bench.models.folder import unapplied


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("sound"), padding=3)


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_whole_folder_passes_and_more_rows_than_tokens_are_fine(folder: Path) -> None:
    check(folder)
    assert context_window(folder) == 2048


def test_checking_and_hashing_a_folder_needs_no_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tts_bench import models; "
        "models.check(Path(sys.argv[1])); models.fingerprint(Path(sys.argv[1])); "
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 0


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def only_gguf(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "weights.gguf")


def cut_short(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def shard_missing(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def larger_tokenizer(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<extra-{number}>" for number in range(4)])
    tokenizer.save_pretrained(folder)


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": [')


def classifier(folder: Path) -> None:
    change(folder / "config.json", architectures=["BertForSequenceClassification"])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_weights, "no weights"),
        (pickled, "only as a pickle (pytorch_model.bin)"),
        (only_gguf, "--model "),
        (cut_short, "cannot be read as safetensors"),
        (pointer, "cannot be read as safetensors"),
        (shard_missing, "model-00002-of-00002.safetensors"),
        (no_tokenizer, "no tokenizer"),
        (broken_tokenizer, "tokenizer of"),
        (larger_tokenizer, "embedding matrix has only"),
        (no_config, "no config.json"),
        (broken_config, "cannot be read as JSON"),
        (classifier, "BertForSequenceClassification"),
        (shutil.rmtree, "does not exist"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_with_what_to_do(
    folder: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(folder)
    with pytest.raises(UserError) as caught:
        check(folder)
    assert says in str(caught.value)
    assert str(folder) in str(caught.value)


def test_the_conversion_that_a_pickle_is_refused_with_works(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError) as caught:
        check(folder)
    command = str(caught.value).split("convert it: python -c ")[1].strip('"')
    assert forked.run(command).returncode == 0
    check(folder)


def test_a_copy_has_the_same_fingerprint_whatever_lies_beside_the_model(folder: Path, sound: Path) -> None:
    (folder / "README.md").write_text("notes")
    (folder / "generation_config.json").write_text("{}")
    assert fingerprint(folder) == fingerprint(sound)


def test_a_tokenizer_that_makes_the_library_panic_is_one_message(folder: Path) -> None:
    model = {"type": "BPE", "continuing_subword_prefix": "#####", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
    change(folder / "tokenizer.json", model=model)
    with pytest.raises(UserError, match=r"The tokenizer of .* cannot be read: range end index .*Copy its files again"):
        check(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_a_byte_of_weights_config_tokenizer_or_template_changes_the_fingerprint(folder: Path, name: str) -> None:
    before = fingerprint(folder)
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    assert fingerprint(folder) != before


@pytest.mark.parametrize(
    ("config", "sampling"),
    [
        ({"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20}, Sampling(0.6, 20, 0.95)),
        ({"do_sample": True, "temperature": 0.7, "min_p": 0.1, "top_p": None}, Sampling(0.7, min_p=0.1)),
        ({"do_sample": False, "temperature": 0.6}, Sampling()),
        ({"temperature": 0.6}, Sampling()),
        ({}, Sampling()),
    ],
)
def test_sampling_defaults_are_what_the_model_recommends_for_sampling(
    folder: Path, config: dict[str, object], sampling: Sampling
) -> None:
    (folder / "generation_config.json").write_text(json.dumps(config))
    assert sampling_defaults(folder) == sampling


@pytest.mark.parametrize("temperature", [-1, "warm", float("nan")])
def test_a_recommendation_out_of_range_names_its_file(folder: Path, temperature: object) -> None:
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, "temperature": temperature}))
    with pytest.raises(UserError, match=r"generation_config\.json"):
        sampling_defaults(folder)


def test_a_recommendation_that_no_engine_follows_is_a_note(folder: Path) -> None:
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, "repetition_penalty": 1.1}))
    assert unapplied(folder) == ("the model recommends repetition_penalty 1.1, which is not applied",)


def test_a_config_without_a_context_window_says_what_to_add(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["max_position_embeddings"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="max_position_embeddings"):
        context_window(folder)
