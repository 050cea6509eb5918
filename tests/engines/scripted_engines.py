"""Engines for worker processes to load; a module of its own, since every process imports it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from tts_bench.api import LearnedToken
from tts_bench.engines.base import Generation, Request
from tts_bench.engines.scripted import SCRIPTS, ScriptedEngine
from tts_bench.errors import UserError


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


def scripted(kind: type[ScriptedEngine] = ScriptedEngine) -> ScriptedEngine:
    return kind(SCRIPTS["adder"])


def unloadable() -> ScriptedEngine:
    raise UserError("there is no such model")


def deadly() -> ScriptedEngine:
    os._exit(7)
