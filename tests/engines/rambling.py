"""A script with much to say, and an actor that plays it slowly; a light module, since every actor imports it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tts_bench.engines.scripted import END, END_THINK, THINK, Draw, ScriptedEngine


def rambler(text: str, draw: Draw) -> str:
    """Thinks for 1 to 200 letters that depend on the stream and on all that stands before; answers with one of four."""
    _, _, thought = text.partition(THINK)
    if END_THINK in thought:
        return f"\\boxed{{{int(draw(0) * 4)}}}{END}"
    length = 1 + int(draw(0) * 200)
    salt = len(thought)
    return "".join(chr(97 + (int(draw(place) * 26) + salt) % 26) for place in range(length)) + END_THINK


def slow(text: str, draw: Draw) -> str:
    """The rambler, so slow that it can be killed meanwhile."""
    time.sleep(0.002)
    return rambler(text, draw)


def in_actor(actors: Path, name: str) -> ScriptedEngine:
    """What an actor of Ray loads; it leaves a file in `actors` that is named by its process."""
    actors.mkdir(exist_ok=True)
    (actors / str(os.getpid())).touch()
    return ScriptedEngine(slow, name=name)
