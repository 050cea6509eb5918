"""What `tts-bench run --engine openai` refuses, and what it does and writes when it runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import forked
from tests.engines.serving import Kind, serving
from tests.refusals import place, refused, rows, write_data
from tests.tiny import make_tiny
from tts_bench.engines.openai.client import Client
from tts_bench.errors import UserError

__all__ = ["place", "refused"]  # fixtures

NAMED = ["--engine", "openai", "--model", "served", "--out", "runs/mine", "--limit", "1"]
KEY = "sk-secret-of-mine"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("served") / "tiny")


@pytest.fixture(autouse=True)
def keyless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "TTS_BENCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ALL_PROXY", "socks5://me:word@localhost:1080", "SOCKS proxy.*pip install socksio, or unset .*ALL_PROXY"),
        ("http_proxy", "ftp://me:word@localhost:21", "proxy without a valid URL.*unset .*http_proxy"),
        ("HTTPS_PROXY", "http://me:wo/rd@[::1", "proxy without a valid URL.*unset .*HTTPS_PROXY"),
        ("SSL_CERT_FILE", "/no/such/file", r"cannot be read \(No such file or directory\).*unset .*SSL_CERT_FILE"),
    ],
)
def test_an_environment_that_lets_no_client_be_made_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(name, value)
    client = Client("http://localhost:9/v1", None, connections=1, timeout=1, attempts=1)
    with pytest.raises(UserError, match=says) as caught:
        asyncio.run(client.send("GET", "models", None, bytes))
    assert not re.search("word|'wo'|rd@", str(caught.value))


@pytest.mark.parametrize(
    ("given", "says"),
    {
        "": "needs --base-url, such as --base-url http://localhost:8000/v1",
        "--base-url localhost:8000": "localhost:8000 is not a server URL.*Example",
        "--base-url http://": "is not a server URL",
        "--base-url http://localhost:99999/v1": "is not a server URL",
        "--base-url ftp://localhost/v1": "is not a server URL",
        "--base-url http://me:word@localhost/v1": "holds a user name.*TTS_BENCH_API_KEY",
        "--base-url http://localhost/v1?key=abc": "holds a user name, a password or a query",
        "--base-url http://localhost/v1 --device cuda": "engine 'openai' has no option --device cuda. Remove it",
        "--base-url http://localhost/v1 --no-exact": "engine 'openai' has no option --no-exact",
        "--base-url http://localhost/v1 --threads 2": "engine .[a-z]+. has no option --threads 2",
        "--base-url http://localhost/v1 --workers 2": "engine .[a-z]+. has no option --workers 2",
        "--base-url http://localhost/v1 --dtype float32": "engine .[a-z]+. has no option --dtype float32",
        "--base-url http://localhost/v1 --trust-remote-code": "engine .[a-z]+. has no option --trust-remote-code",
        "--base-url http://localhost/v1 --request-timeout 0": "--request-timeout is 0.0; it takes",
        "--base-url http://localhost/v1 --rows 0": "--rows is 0; it takes",
        "--engine hf --base-url http://localhost/v1": "engine 'hf' has no option --base-url http://localhost/v1",
        "--engine hf --tokenizer x/y": "engine 'hf' has no option --tokenizer x/y",
        "--engine scripted --request-timeout 5": "engine 'scripted' has no option --request-timeout 5.0",
        "--engine opnai --base-url http://localhost/v1": "no engine 'opnai'. Did you mean 'openai'",
    }.items(),
)
def test_what_can_be_no_endpoint_is_refused_before_anything_is_loaded(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, given: str, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "tts_bench.runs.run", None)
    message = refused(*NAMED, *given.split())
    assert re.search(says, message)
    assert "word" not in message.replace("password", "")


def test_a_model_has_to_be_named(refused: Callable[..., str]) -> None:
    assert "needs --model NAME" in refused("--engine", "openai", "--base-url", "http://localhost/v1")


def test_an_unreachable_server_is_refused(refused: Callable[..., str]) -> None:
    message = refused(*NAMED, "--base-url", "http://127.0.0.1:9/v1", begun=True)
    assert re.search("http://127.0.0.1:9/v1 cannot be reached.*Is the server running", message)


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("vllm", "--model servde", "serves no model 'servde'. Did you mean 'served'"),
        ("vllm", "--model zzz", "serves no model 'zzz'. Known: another, served"),
        ("vllm", "", "the endpoint does not name the tokenizer of 'served'.*Type --tokenizer"),
        ("vllm", "--tokenizer gone", "No model is called 'gone'"),
        ("vllm", "--tokenizer others", "no tokenizer can be loaded for others"),
        (
            "vllm",
            "--tokenizer pocket",
            "the endpoint counts [0-9]+ tokens where the tokenizer counts [0-9]+",
        ),
        ("vllm", "--tokenizer TINY --strategy learned-token", "does not support learned tokens. Type --engine hf"),
        ("vllm", "--tokenizer TINY --strategy no-wait", "no-wait.*it bans or favours tokens, .* has no biases"),
        ("strict", "--tokenizer TINY --top-k 20", "top_k is 20.*does not honour it. Type --top-k 0"),
        ("strict", "--tokenizer TINY --min-p 0.1", "min_p is 0.1.*does not honour it. Type --min-p 0"),
        ("chat", "--tokenizer TINY --strategy budget-forcing", "a cue.*messages only.*--strategy baseline and"),
        ("chat", "--tokenizer TINY --strategy baseline:budgets=8+16", "several budgets.*messages only"),
        ("chat", "--tokenizer TINY --strategy learned-token", "a cue.*messages only"),
        (
            "chat",
            "--tokenizer TINY --strategy baseline --thinking s1",
            "--thinking, --think-start and --think-end do not apply",
        ),
    ],
)
def test_what_an_endpoint_cannot_do_is_refused_before_anything_is_written(
    refused: Callable[..., str], folder: Path, kind: Kind, given: str, says: str
) -> None:
    named = [word for word in NAMED if "--model" not in given or word not in ("--model", "served")]  # two are a study
    with serving(folder, kind) as server:
        message = refused(*named, "--base-url", server.url, *given.replace("TINY", str(folder)).split(), begun=True)
    assert re.search(says, message), message


@pytest.mark.parametrize("path", ["/v2", "/v1/completions"])
def test_a_url_without_an_endpoint_is_refused(refused: Callable[..., str], folder: Path, path: str) -> None:
    with serving(folder) as server:
        url = server.url.removesuffix("/v1") + path
        message = refused(*NAMED, "--base-url", url, "--tokenizer", str(folder), begun=True)
    assert re.search(r"has neither completions nor chat for served \(status 404.*It ends in /v1", message)


@pytest.mark.parametrize("key", [None, "sk-wrong-one"])
def test_a_missing_or_refused_key_is_told_without_being_shown(
    refused: Callable[..., str], folder: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key:
        monkeypatch.setenv("TTS_BENCH_API_KEY", key)
    with serving(folder, key=KEY) as server:
        message = refused(*NAMED, "--base-url", server.url, "--tokenizer", str(folder), begun=True)
    assert re.search("refuses the key .*status 401.*Set TTS_BENCH_API_KEY", message)
    assert "sk-" not in message


def command(url: str, folder: Path, out: str, *more: str) -> forked.Program:
    arguments = ["run", "--engine", "openai", "--base-url", url, "--model", "served", "--tokenizer", str(folder)]
    arguments += ["--tasks", "gsm8k", "--data-dir", "data", "--max-answer-tokens", "40", "--out", out, *more]
    return forked.Program(forked.MAIN, *arguments, env={**os.environ, "TTS_BENCH_API_KEY": KEY})


def finish(program: forked.Program) -> str:
    done = program.wait()
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_run_is_killed_and_resumed_to_the_same_bytes_and_asks_for_nothing_finished_twice(
    place: Path, folder: Path
) -> None:
    write_data(rows())
    arms = ["--strategy", "baseline:budgets=8+20", "--strategy", "budget-forcing:extensions=2", "--in-flight", "2"]
    with serving(folder, key=KEY, pause=0.1) as server:
        said = finish(command(server.url, folder, "first/whole", *arms))
        assert re.search("not exact: completions endpoint; honours .*seeds", said)
        server.asked.clear()
        killed = command(server.url, folder, "second/whole", *arms)
        while sum(body["max_tokens"] > 12 for body in server.asked) < 5:
            assert killed.returncode is None
            time.sleep(0.02)
        killed.kill()
        time.sleep(0.5)  # what the server was still working on
        finish(command(server.url, folder, "second/whole", *arms))
        generations = [repr(body) for body in server.asked if body["max_tokens"] > 12]
    twice = [body for body, count in Counter(generations).items() if count > 1]
    assert len(twice) <= 4  # two strategies on two problems were in flight
    first, second = (Path(name, "whole/records.jsonl").read_bytes() for name in ("first", "second"))
    assert first == second
    facts = json.loads(Path("first/whole/run.json").read_text())["engine"]
    assert facts["name"] == "openai"
    assert facts["exact"] is False
    assert facts["identity"]["seeds"] is True
    for file in filter(Path.is_file, place.rglob("*")):
        assert KEY.encode() not in file.read_bytes(), file
