"""Feed hostile files to every reader of files that others made: it must accept a file, or refuse it with a message.

    python -m benchmarks.fuzz                     # 10,000 inputs for each reader
    python -m benchmarks.fuzz --inputs 100 --readers records data

Each reader runs in its own process. An input is a fault if it ends in any error other than the reader's refusal, takes
more than two seconds of CPU time, or hangs. More than 200 MB for all inputs of a reader is a fault, too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.fuzz_readers import READERS, Reader

SECONDS, MEGABYTES = 2.0, 200
_HANG = 20  # seconds until a read is interrupted
_DEEP = 200_000
_NESTED: Any = 0
for _ in range(150):
    _NESTED = [_NESTED]


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.abort, ())


_RAW: tuple[bytes, ...] = (
    b"",
    b"\0" * 1000,
    b"\xff\xfe\xfd",
    b"\xef\xbb\xbf{}",
    b"null",
    b"NaN",
    b"{}",
    b"[]",
    b'"text"',
    b"[" * _DEEP,
    b'{"a":' * _DEEP,
    b"[" * _DEEP + b"]" * _DEEP,
    b"- " * _DEEP,
    b"a: &a [*a]",
    b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)),
    b"task: x\ninclude: " + b"/dev/zero",
    b"!!python/object/apply:os.abort []",
    b"[" + b"9" * 5000 + b"]",
    b"[1e999, -1e999]",
    b'{"a": "\\ud800"}',
    b"0," * 2_000_000,
    b'{"schema": 1, "a": [' + b"{}," * 300_000 + b"{}]}",
    pickle.dumps(_Bomb()),
    b"\x80\x04\x95" + b"\xff" * 8,
    b"PK\x03\x04" + b"../../evil" * 10,
    b"GGUF" + b"\xff" * 100,
    b"GGUF\x03\0\0\0" + b"\xff" * 16,
    b"GGUF\x03\0\0\0" + b"\0" * 8 + b"\1" + b"\0" * 7 + b"\1" + b"\0" * 7 + b"a" + b"\x09\0\0\0\0\0\0\0" + b"\xff" * 8,
    (1 << 60).to_bytes(8, "little") + b"{}",
    (20).to_bytes(8, "little") + b'{"a":' * 4,
)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    1,
    10**9,
    10**18,
    10**40,
    10**400,
    -0.5,
    1e308,
    5e-324,
    "",
    "\0",
    "a" * 100_000,
    "\u202e",
    "../../x",
    "/dev/zero",
    "nan",
    "1e9",
    [],
    {},
    [[]],
    {"": {}},
    [0] * 1000,
    _NESTED,
    ["x", 1, None],
    {"a": 1},
)
_CHUNKS: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"\xff",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"[" * _DEEP,
    b'"\\ud800"',
    b"9" * 5000,
    b"-",
    b"{",
    b"]",
    b",",
    b'"',
    b"\n",
    b"\xff" * 8,
    b"\0" * 8,
    (10**9).to_bytes(8, "little"),
    b"\x09\0\0\0",
    b"&a ",
    b"*a",
    b"!function x.y",
)


@st.composite
def _attacks(draw: st.DrawFn, good: bytes, lines: bool) -> tuple[str, bytes]:
    """How a file is to be, and what is to be in it."""
    how = draw(st.sampled_from(["tree"] * 6 + ["bytes"] * 5 + ["raw"] * 3 + ["place"]))
    if how == "place":
        return draw(st.sampled_from(["pipe", "folder", "dangling", "endless", "elsewhere", "sparse", "itself"])), b""
    if how == "raw":
        return "file", draw(st.sampled_from(_RAW))
    if how == "tree":
        text, before, after = good, b"", b""
        if lines:
            parts = good.splitlines(keepends=True)
            at = draw(st.integers(0, len(parts) - 1))
            before, text, after = b"".join(parts[:at]), parts[at], b"".join(parts[at + 1 :])
        try:
            tree = json.loads(text)
        except ValueError:
            how = "bytes"
        else:
            for _ in range(draw(st.integers(1, 3))):
                tree = _replaced(draw, tree)
            return "file", before + json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace") + b"\n" + after
    made = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(made)))
        made[at : at + draw(st.integers(0, 12))] = draw(st.sampled_from(_CHUNKS))
    return "file", bytes(made[: draw(st.integers(0, len(made)))] if draw(st.booleans()) else made)


def _replaced(draw: st.DrawFn, tree: Any) -> Any:  # noqa: ANN401 - JSON
    """`tree` with one value or one key in it replaced."""
    if not isinstance(tree, dict | list) or not tree or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(_VALUES))
    keys: list[Any] = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = draw(st.sampled_from(keys))
    changed: Any = tree.copy()
    if isinstance(tree, dict) and draw(st.integers(0, 9)) == 0:
        del changed[key]
        changed[draw(st.sampled_from(["", "a" * 1000, "\0", "schema"]))] = tree[key]
    else:
        changed[key] = _replaced(draw, tree[key])
    return changed


def _put(path: Path, how: str, raw: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    if how == "file":
        path.write_bytes(raw)
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    elif how == "sparse":
        with path.open("wb") as file:
            file.truncate(10**9)
    else:
        target = {"dangling": "gone", "endless": "/dev/zero", "elsewhere": "/etc/passwd", "itself": path.name}[how]
        path.symlink_to(target)


class _Hang(BaseException):
    pass


def campaign(reader: Reader, inputs: int, number: int) -> dict[str, Any]:
    """Fuzz a reader; returns what it refused and accepted, and the first fault of each kind."""

    def alarm(*_: object) -> None:
        raise _Hang

    folder = Path(tempfile.mkdtemp())
    path = reader.make(folder)
    good, told = path.read_bytes(), {"taken": 0, "refused": 0}
    reader.read(path)
    before, slowest = _peak(), 0.0
    faults: dict[str, str] = {}
    signal.signal(signal.SIGALRM, alarm)

    @seed(number)
    @settings(
        max_examples=inputs,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_attacks(good, reader.lines))
    def attacked(attack: tuple[str, bytes]) -> None:
        nonlocal slowest
        _put(path, *attack)
        began, before_call = time.process_time(), f"{attack[0]} {attack[1][:300]!r}"
        signal.alarm(_HANG)
        try:
            reader.read(path)
            told["taken"] += 1
        except reader.refusals as error:
            told["refused"] += 1
            if len(str(error)) > 5000:
                faults.setdefault("a message of more than 5,000 letters", before_call)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            faults.setdefault(f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}", before_call)
        finally:
            signal.alarm(0)
        took = time.process_time() - began
        slowest = max(slowest, took)
        if took > SECONDS:
            faults.setdefault(f"more than {SECONDS:g} s", before_call)

    attacked()
    grown = (_peak() - before) / 1e6
    if grown > MEGABYTES:
        faults["memory"] = f"{grown:.0f} MB"
    _put(path, "file", b"")
    shutil.rmtree(folder)
    return {**told, "slowest": slowest, "megabytes": grown, "faults": faults}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(names: list[str], inputs: int, number: int, show: Callable[[str], object]) -> int:
    """Fuzz readers one after the other, each in its own process; returns the number of faults."""
    spawn, count = multiprocessing.get_context("spawn"), 0
    for name in names:
        mine, theirs = spawn.Pipe()
        child = spawn.Process(target=_apart, args=(theirs, name, inputs, number))
        child.start()
        theirs.close()
        try:
            found = mine.recv()
        except EOFError:
            child.join()
            found = {"taken": 0, "refused": 0, "slowest": 0, "megabytes": 0, "faults": {f"exit {child.exitcode}": ""}}
        child.join()
        show(
            f"{name:12} {found['taken']:>7,} taken {found['refused']:>7,} refused   slowest {found['slowest']:.2f} s   "
            f"{found['megabytes']:.0f} MB   {len(found['faults'])} faults"
        )
        for kind, what in found["faults"].items():
            show(f"    {kind}: {what}")
        count += len(found["faults"])
    return count


def _apart(pipe: Connection, name: str, inputs: int, number: int) -> None:
    pipe.send(campaign(READERS[name], inputs, number))


def main() -> None:
    """Exit code 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="for each reader")
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    sys.exit(1 if run(given_.readers, given_.inputs, given_.seed, lambda line: print(line, flush=True)) else 0)


if __name__ == "__main__":
    main()
