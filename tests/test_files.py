import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tts_bench.files import is_unfinished, part_of, write_folder, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"old")
    write_whole(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new"}


def test_a_pipe_is_written_to_and_a_link_is_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit((tmp_path / "pipe").read_bytes)
        write_whole(tmp_path / "pipe", b"said")
        assert read.result(10) == b"said"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for text in (b"old", b"new"):
        write_whole(tmp_path / "link", text)
        assert (tmp_path / "there").read_bytes() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe", "there"]
    assert (tmp_path / "link").is_symlink()


def test_a_full_disk_leaves_what_was_there_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    write_whole(tmp_path / "a", b"old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_what_a_shell_sends_this_process_output_to_is_never_replaced(tmp_path: Path) -> None:
    says = "from tts_bench.files import write_whole; from pathlib import Path; print('before', flush=True); "
    says += "write_whole(Path('/dev/stdout'), b'whole\\n'); print('behind')"
    (tmp_path / "lines").write_text("older\n")
    number = (tmp_path / "lines").stat().st_ino
    with (tmp_path / "lines").open("ab") as lines:
        subprocess.run([sys.executable, "-c", says], stdout=lines, check=True)
    assert (tmp_path / "lines").read_text() == "older\nbefore\nwhole\nbehind\n"
    assert (tmp_path / "lines").stat().st_ino == number
    assert [path.name for path in tmp_path.iterdir()] == ["lines"]


@pytest.mark.parametrize("name", ["x" * 255, "\u0439" * 127, "x"])
def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    write_whole(tmp_path / name, b"whole")
    write_folder(tmp_path / "folder" / name, {})
    assert (tmp_path / name).read_bytes() == b"whole"
    assert is_unfinished(part_of(tmp_path / name))
