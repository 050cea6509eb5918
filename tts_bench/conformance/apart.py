"""The claims tried on a strategy in a process of its own, which is ended where the strategy does not end by itself.

In one process nothing reaches code that swallows every exception, or a call into C that does not come back.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tts_bench.api import Strategy
from tts_bench.conformance import stage, strategies
from tts_bench.conformance.kit import Claim, Result
from tts_bench.errors import UserError

SILENCE = 3 * stage.PATIENCE  # seconds in which at least one problem has to be begun or one claim decided
_START = "import sys; from tts_bench.conformance.apart import report; report(sys.argv[1], int(sys.argv[2]))"


def results(spec: str) -> Iterator[Result[Strategy]]:
    """As `strategies.results`, and it ends whatever the strategy does.

    Raises:
        UserError: as `registry.build`; or its file does not come to its end.
    """
    waiting = list(strategies.CLAIMS)
    with _Told(spec) as told:
        for message in told:
            if "refused" in message:
                raise UserError(message["refused"])
            if "claim" in message:
                yield Result(waiting.pop(0), message["verdict"], message["reason"])
    if len(waiting) == len(strategies.CLAIMS) and not told.begun:
        raise UserError(f"{spec} does not load: {told.ending()}. Fix its file: importing it must not do any work.")
    yield from _undecided(waiting, told.ending())


def _undecided(waiting: list[Claim[Strategy]], how: str) -> Iterator[Result[Strategy]]:
    for place, claim in enumerate(waiting):
        reason = f"it needs {waiting[0]}" if place else f"{how}; let every exception pass, and await what takes long"
        yield Result(claim, "not tried" if place else "fail", reason)


class _Told:
    """What the other process says, message by message, until it ends or is silent for too long."""

    def __init__(self, spec: str) -> None:
        self.begun = False  # with the first claim: the strategy was built
        self._silent = False
        self._reader, writer = os.pipe()
        try:
            # -P: as for `tts-bench` itself, the working folder is no place to import from.
            command = [sys.executable, "-P", "-c", _START, spec, str(writer)]
            self._process = subprocess.Popen(command, pass_fds=[writer], start_new_session=True)
        finally:
            os.close(writer)

    def __enter__(self) -> _Told:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)  # and what it may have started
        self._process.wait()
        os.close(self._reader)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        held = b""
        while True:
            if not select.select([self._reader], [], [], SILENCE)[0]:
                self._silent = True
                return
            if not (more := os.read(self._reader, 1 << 16)):
                return
            *lines, held = (held + more).split(b"\n")
            for line in lines:
                self.begun = True
                yield json.loads(line)

    def ending(self) -> str:
        """How it came that no more was said."""
        if self._silent:
            return f"nothing came of it for {SILENCE:g} s, and no interruption reached it: its process was ended"
        return f"its process ended with code {self._process.returncode}"


def report(spec: str, writer: int) -> None:
    """In the other process: try the claims and write what becomes of each as a line of JSON."""

    def tell(**message: str) -> None:
        os.write(writer, json.dumps(message).encode() + b"\n")

    stage.beginning.set(lambda: tell(problem=""))
    try:
        for result in strategies.results(spec):
            tell(claim=result.claim.name, verdict=result.verdict, reason=result.reason)
    except UserError as error:
        tell(refused=str(error))
    sys.stdout.flush()
    os._exit(0)  # threads that the strategy began are nobody's to wait for
