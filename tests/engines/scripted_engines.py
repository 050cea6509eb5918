"""Engines for worker processes to load; a module of its own, since every process imports it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace

from tts_bench.api import LearnedToken
from tts_bench.engine import Generation, Request, learned_id
from tts_bench.engines.scripted import SCRIPTS, Script, ScriptedEngine
from tts_bench.errors import EngineError, UserError


class Slow(ScriptedEngine):
    """Takes its time, so that a process can die meanwhile."""

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        await asyncio.sleep(0.3)
        return await super().generate(requests)


class Exacting(ScriptedEngine):
    def learn(self, token: LearnedToken) -> int:
        if len(token.row) != 2:
            raise UserError(f"a row of {len(token.row)} numbers; 2 were expected")
        return super().learn(token)


class Fragile(Slow):
    """Tells which process it is in, dies of the stream "deadly", and takes learned tokens that it has learned only."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.info.settings["pid"] = os.getpid()
        self._learned: set[int] = set()

    def learn(self, token: LearnedToken) -> int:
        self._learned.add(super().learn(token))
        return learned_id(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        for request in requests:
            if request.stream == "deadly":
                os._exit(7)
            if not self._learned >= {token for token in request.prefix if token >= 1 << 48}:
                raise EngineError("a token that was never learned")
        return await super().generate(requests)


def scripted(kind: type[ScriptedEngine] = ScriptedEngine) -> ScriptedEngine:
    return kind(SCRIPTS["adder"])


def unloadable() -> ScriptedEngine:
    raise UserError("there is no such model")


def told(of: str) -> ScriptedEngine:
    """Refuses, and says what a variable of its environment is."""
    raise UserError(f"{of} is {os.environ.get(of)!r}")


def deadly() -> ScriptedEngine:
    os._exit(7)


def slow() -> ScriptedEngine:
    return Slow(SCRIPTS["adder"])


def rows_of_eight() -> ScriptedEngine:
    engine = Slow(SCRIPTS["adder"])
    engine.info = replace(engine.info, at_once=8)
    return engine
