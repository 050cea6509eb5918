"""The openai engine with servers that attack: one message, in bounded time and memory, and never a wrong answer."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

import pytest

from benchmarks.hostile_server import BOUND
from tests import forked
from tests.engines.hostile import HEAD, drip, errors, honest, replies
from tests.engines.speaking import Place, Said, refuse, speaking
from tests.refusals import place, refused
from tests.tiny import make_tiny
from tts_bench.engines.openai import client
from tts_bench.engines.openai import load as loading
from tts_bench.engines.openai.card import window_of
from tts_bench.engines.openai.client import Client, Refused, _retry_after
from tts_bench.engines.openai.dialect import most_bytes
from tts_bench.engines.openai.key import Key
from tts_bench.engines.openai.load import load
from tts_bench.engines.openai.wire import read
from tts_bench.errors import EngineError, UserError

__all__ = ["place", "refused"]  # fixtures

KEY = "sk-s3cret/of+mine&"
RUN = ["--engine", "openai", "--model", "served", "--out", "runs/mine", "--limit", "1", "--strategy", "baseline"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("TTS_BENCH_API_KEY", KEY)


@contextmanager
def asking(
    said: Said | Callable[[str, dict[str, object]], Said], timeout: float = 20.0
) -> Iterator[tuple[Place, Client]]:
    with speaking(said if callable(said) else lambda path, body: said) as place:
        yield place, Client(place.url, Key(KEY), connections=4, timeout=timeout)


def ask(client: Client, most: int = 12, times: int = 1) -> object:
    """The last of its replies to so many requests; then it is closed."""

    async def every() -> object:
        try:
            for _ in range(times):
                reply = await client.send(
                    "POST", "completions", {"a": 1}, lambda raw: read(raw, most), most_bytes(most, 3)
                )
            return reply
        finally:
            await client.close()

    return asyncio.run(every())


def check(message: str) -> None:
    """One short line, with no secret and nothing that a terminal obeys."""
    assert message.isprintable()
    assert len(message) < 500
    assert "s3cret" not in message


LIES = {"long text that counts little"}  # read as they stand, and refused by who knows the tokenizer


@pytest.mark.parametrize("name", sorted(replies().keys() - LIES))
def test_every_hostile_reply_becomes_one_line_that_says_what_it_was(name: str) -> None:
    with asking(replies()[name]()) as (place, asker):
        with pytest.raises(EngineError, match=r"completions failed [38] times; the last time ") as caught:
            ask(asker)
        assert len(place.heard) <= 8
    check(str(caught.value))


@pytest.mark.parametrize("name", sorted(errors(KEY)))
def test_every_hostile_error_becomes_one_line(name: str) -> None:
    with asking(errors(KEY)[name]()) as (place, asker):
        with pytest.raises(Refused) as caught:
            ask(asker)
        assert len(place.heard) == 1
    check(str(caught.value))
    if name == "a list":
        assert "said by Gemini" in str(caught.value)


@pytest.mark.parametrize("head", [b"HTTP/1.1 ", HEAD, HEAD + b"Content-Length: 100000\r\n\r\n", HEAD + b"\r\n"])
def test_a_server_that_drips_is_left_after_the_time_for_a_reply_and_asked_three_times(head: bytes) -> None:
    with asking(drip(head), timeout=0.2) as (place, asker):
        began = time.monotonic()
        with pytest.raises(EngineError, match=r"failed 3 times; the last time no complete reply came within 0\.2 s"):
            ask(asker)
        assert time.monotonic() - began < 10
        assert len(place.heard) == 3


def test_a_look_at_a_server_that_drips_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_LOOK", 0.5)
    says = r"did not answer a dozen short requests within 0\.5 s.*--request-timeout"
    with speaking(lambda path, body: drip(HEAD)) as place, pytest.raises(UserError, match=says):
        load(place.url, "served", tokenizer=str(folder), timeout=0.3)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        (" 3 ", 3),
        ("-5", 0),
        ("nan", 0),
        ("", 0),
        ("soon", 0),
        ("\u00b2", 0),
        ("inf", float("inf")),
        ("1e400", float("inf")),
        ("9" * 400, float("inf")),
        ("999999999", 999999999),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
        ("Fri, 99 Foo 2026 99:99:99 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 -9999", None),
        ("0, 0", 0),
    ],
)
def test_any_retry_after_is_a_number_of_seconds_from_0(said: str, seconds: float | None) -> None:
    found = _retry_after(said)
    assert found >= 0
    assert seconds is None or found == seconds


def test_a_date_to_come_back_at_is_read_as_the_seconds_until_then() -> None:
    assert 55 < _retry_after(formatdate(time.time() + 60, usegmt=True)) <= 60


@pytest.mark.parametrize("value", ["121", "999999999", "inf", formatdate(4e9, usegmt=True)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_too_long_a_wait_is_told_of_at_once(status: int, value: str) -> None:
    said = Said({"error": "busy"}, status, {"Retry-After": value})
    with asking(said) as (place, asker):
        with pytest.raises(EngineError, match=r"asks to wait .*Repeat the command later") as caught:
            ask(asker)
        assert len(place.heard) == 1
    check(str(caught.value))


def test_a_server_that_asks_for_too_long_a_wait_is_refused_before_a_run(folder: Path) -> None:
    busy = Said({}, 429, {"Retry-After": "999999999"})
    with speaking(lambda path, body: busy) as place, pytest.raises(UserError, match="asks to wait 999999999 s"):
        load(place.url, "served", tokenizer=str(folder))


def test_a_wait_is_told_of() -> None:
    told: list[str] = []
    said = iter([Said({}, 429, {"Retry-After": "1"}), Said(honest())])
    with speaking(lambda path, body: next(said)) as place:
        ask(Client(place.url, None, connections=1, timeout=9, tell=told.append))
    assert told == ["waiting 1 s, as the server asks"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_follows_no_redirect(status: int) -> None:
    with speaking(lambda path, body: Said(honest())) as elsewhere:
        said = Said({}, status, {"Location": f"{elsewhere.url}/completions?key={quote(KEY, safe='')}\x1b"})
        with asking(said) as (_, asker), pytest.raises(Refused, match="give it as --base-url") as caught:
            ask(asker)
        assert elsewhere.heard == []
    assert "s3cret" not in str(caught.value)


def test_no_cookie_is_kept() -> None:
    said = Said(honest(), headers={"Set-Cookie": "a=" + "0" * 10_000})
    with asking(said) as (place, asker):
        ask(asker, times=2)
    assert len(place.heard) == 2
    assert not any("Cookie" in headers for _, headers in place.heard)


def test_nothing_compressed_is_asked_for_and_what_comes_so_is_read() -> None:
    raw = json.dumps(honest()).encode()
    with asking(Said(raw=gzip.compress(raw), headers={"Content-Encoding": "gzip"})) as (place, asker):
        assert ask(asker)
    assert place.heard[0][1]["Accept-Encoding"] == "identity"


UNFIT = [
    "sk-s3cret\r",
    "sk-s3cret\n",
    "sk-\r\ns3cret",
    "sk-s3cret\u00e4",
    "sk-\u043a\u043b\u044e\u0447-s3cret",
    "sk-s3cret x",
    "\x00sk-s3cret",
    "sk-s3cret\x7f",
    "sk-s3cret\u2028",
    "sk-s3cret\udcff",
]


@pytest.mark.parametrize("key", [key for key in UNFIT if "\0" not in key])
def test_a_key_that_no_header_can_carry_is_refused_at_once_and_not_shown(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TTS_BENCH_API_KEY", key)
    message = refused(*RUN, "--base-url", "http://127.0.0.1:9/v1")
    assert "TTS_BENCH_API_KEY holds" in message
    assert "export TTS_BENCH_API_KEY=" in message
    assert "s3cret" not in message


@pytest.mark.parametrize("key", UNFIT)
def test_no_key_that_is_unfit_gets_as_far_as_a_client(key: str) -> None:
    with pytest.raises(UserError) as caught:
        Key(key)
    assert "s3cret" not in str(caught.value)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "header": lambda key: f"Bearer {key}",
    "repr": repr,
    "bytes": lambda key: repr(key.encode()),
    "percent": lambda key: quote(key, safe=""),
    "percent, small": lambda key: quote(key, safe="").lower(),
    "percent, twice": lambda key: quote(quote(key, safe=""), safe=""),
    "percent, all": lambda key: "".join(f"%{ord(char):02X}" for char in key),
    "JSON": json.dumps,
    "JSON, all escaped": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "JSON, solidus": lambda key: json.dumps(key).replace("/", "\\/"),
    "HTML": lambda key: key.replace("&", "&amp;"),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of the header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 of user and key": lambda key: base64.b64encode(f":{key}".encode()).decode(),
    "base64, URL": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "capitals": str.upper,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("status", [400, 500, 302])
def test_a_key_that_a_server_repeats_in_any_spelling_is_not_shown(spelling: str, status: int) -> None:
    spelled = SPELLINGS[spelling](KEY)
    core = spelled.strip("=")[8:-3]  # the last letters of base64 tell of what stands behind as well
    headers = {"Location": f"http://localhost/{spelled}"} if status == 302 else {}
    said = Said({"error": {"message": f"no such key: {spelled}, sorry"}}, status, headers)
    with asking(said) as (_, asker), pytest.raises((Refused, EngineError)) as caught:
        ask(asker)
    assert core not in str(caught.value)
    assert "***" in str(caught.value)


@pytest.mark.parametrize("key", ["x", "7", "EMPTY"])
def test_a_placeholder_for_a_key_takes_no_letters_out_of_messages(key: str) -> None:
    said = "expected at most 7812 tokens, and no prompt may be empty"
    assert Key(key).hide(f"{said} (Bearer {key})") == f"{said} (Bearer ***)"


def test_a_reply_that_repeats_the_key_is_no_answer_and_so_in_no_record() -> None:
    says = "repeats the key, which no record may contain"
    with asking(Said(honest(f"the key is {KEY}"))) as (_, asker), pytest.raises(EngineError, match=says):
        ask(asker)
    assert KEY not in repr(vars(asker))


@pytest.mark.parametrize(
    "url",
    [
        "http://me:word@localhost:99999/v1",
        "http://me:word@",
        "ht!p://me:word@x/v1",
        "http://me:word%40localhost/v1",
        "http://me%3Aword%40localhost:9/v1",
    ],
)
def test_a_url_with_a_password_is_refused_without_it_whatever_else_is_wrong(
    refused: Callable[..., str], url: str
) -> None:
    message = refused(*RUN, "--base-url", url)
    assert "word" not in message.replace("password", "")


@pytest.mark.parametrize(
    ("said", "context"),
    [
        (True, None),
        (False, None),
        (0, None),
        (-1, None),
        (10**30, None),
        ("9", None),
        ([], None),
        (8192.5, None),
        (8192, 8192),
    ],
)
@pytest.mark.parametrize("field", ["max_model_len", "context_length", "n_ctx"])
def test_a_context_window_is_a_number_of_tokens_or_not_told(field: str, said: object, context: int | None) -> None:
    props = Said({"default_generation_settings": {"n_ctx": said}}) if field == "n_ctx" else refuse("no", 404)
    with asking(lambda path, body: props if path == "props" else refuse("no", 404)) as (_, asker):
        assert asyncio.run(window_of(asker, {field: said})) == context


@pytest.mark.slow
def test_memory_stays_within_its_bound_whatever_a_server_replies() -> None:
    done = forked.run("from benchmarks.hostile_server import main\nmain()", timeout=600)
    assert done.returncode == 0, done.stderr
    found = re.search(r"(\d+) attacks.*memory (\d+) MB above its start", done.stdout)
    assert found, done.stdout
    assert int(found[1]) > 1000
    assert int(found[2]) < BOUND
