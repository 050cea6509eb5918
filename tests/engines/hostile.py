"""Replies that an attacker would send, each by a name: bombs, floods, drips and lies."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable
from typing import Any

from tests.engines.speaking import Said

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def honest(text: str = "bcd", **changes: object) -> dict[str, Any]:
    """A reply of a completions endpoint, or one changed from it."""
    choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 3, "completion_tokens": len(text) + 1}
    return {"model": "served", "choices": [choice], "usage": usage, **changes}


def _raw(raw: bytes, **headers: str) -> Said:
    return Said(raw=raw, headers=headers)


def _flood(head: bytes, piece: bytes, times: int = 4000) -> Said:
    """`head`, and then `piece` again and again."""

    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(times):
            connection.sendall(piece)

    return Said(wire=send)


def drip(head: bytes, piece: bytes = b" ", pause: float = 0.05) -> Said:
    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            connection.sendall(piece)
            time.sleep(pause)

    return Said(wire=send)


def _choice(raw: bytes) -> bytes:
    return json.dumps(honest()).encode().replace(b'"bcd"', raw)


def _among(raw: bytes) -> bytes:
    """An honest reply with one field more, which nobody reads."""
    return json.dumps(honest()).encode()[:-1] + b', "more": ' + raw + b"}"


def _bomb(size: int = 2**32) -> bytes:
    """Zeros, compressed: a thousandth of `size`. A block that is flushed can be repeated as it is."""
    packed = zlib.compressobj(9, wbits=31)
    first, second = (packed.compress(b"0" * 2**22) + packed.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + second * (size // 2**22)


DEEP = b"[" * 200_000 + b"]" * 200_000
_MANY = b"[" + b"{}," * 3_000_000 + b"{}]"


def replies() -> dict[str, Callable[[], Said]]:
    """All that come at once, whole or not."""
    return {
        "gzip bomb": lambda: _raw(_bomb(), **{"Content-Encoding": "gzip"}),
        "gzip bomb in gzip": lambda: _raw(gzip.compress(_bomb()), **{"Content-Encoding": "gzip, gzip"}),
        "deflate bomb": lambda: _raw(zlib.compress(b"0" * 2**26, 9), **{"Content-Encoding": "deflate"}),
        "brotli": lambda: _raw(b"\x5b" * 1000, **{"Content-Encoding": "br"}),
        "zstandard": lambda: _raw(b"\x28\xb5\x2f\xfd" * 1000, **{"Content-Encoding": "zstd"}),
        "no such coding": lambda: _raw(b"{}", **{"Content-Encoding": "identity, \x1b[31mred"}),
        "no gzip": lambda: _raw(b"{}", **{"Content-Encoding": "gzip"}),
        "half a gzip": lambda: _raw(_bomb()[:100_000], **{"Content-Encoding": "gzip"}),
        "endless": lambda: _flood(HEAD + b"\r\n", b"0" * 2**16),
        "endless chunks": lambda: _flood(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"0" * 2**16 + b"\r\n"
        ),
        "endless headers": lambda: _flood(HEAD, b"X: " + b"0" * 2**16 + b"\r\n"),
        "many headers": lambda: _flood(HEAD + b"X: 1\r\n" * 5000 + b"\r\n{}", b"", 0),
        "endless status": lambda: _flood(b"HTTP/1.1 200 ", b"0" * 2**16),
        "no HTTP": lambda: Said(wire=lambda connection: connection.sendall(b"\0\xff\r\n\r\n")),
        "length of 10^18": lambda: _flood(HEAD + b"Content-Length: 1000000000000000000\r\n\r\n{", b"", 0),
        "length below 0": lambda: Said(
            wire=lambda connection: connection.sendall(HEAD + b"Content-Length: -1\r\n\r\n{}")
        ),
        "deep": lambda: _raw(DEEP),
        "deep and open": lambda: _raw(b"[" * 400_000),
        "deep where nobody looks": lambda: _raw(_among(DEEP)),
        "deep text": lambda: _raw(_choice(DEEP)),
        "many objects": lambda: _raw(_among(_MANY)),
        "many choices": lambda: _raw(
            json.dumps(honest()).encode().replace(b'"choices": [', b'"choices": [' + b"{}," * 3_000_000)
        ),
        "many ids": lambda: _raw(_choice(b'"bcd", "token_ids": [' + b"300," * 1_000_000 + b"300]")),
        "many logprobs": lambda: _raw(
            _choice(b'"bcd", "logprobs": {"content": [' + b'{"id":1},' * 1_000_000 + b'{"id":1}]}')
        ),
        "long text": lambda: Said(honest("b" * 4_000_000)),
        "long text that counts little": lambda: Said(
            honest("b" * 200_000, usage={"prompt_tokens": 3, "completion_tokens": 3})
        ),
        "UTF-16": lambda: _raw(json.dumps(honest()).encode("utf-16")),
        "no UTF-8": lambda: _raw(_choice(b'"\xff\xfe"')),
        "half a character": lambda: _raw(_choice(b'"\\ud83d"')),
        "NUL": lambda: _raw(b"\0" * 1000),
        "charset idna": lambda: _raw(b"<html>", **{"Content-Type": "text/html; charset=idna"}),
        "charset hex": lambda: _raw(b"<html>", **{"Content-Type": "application/json; charset=hex"}),
        "NaN": lambda: _raw(b"NaN"),
        "a number of 10^6 digits": lambda: _raw(b"1" * 10**6),
        "a count of 5000 digits": lambda: _raw(
            json.dumps(honest()).encode().replace(b'"completion_tokens": 4', b'"completion_tokens": 4' + b"0" * 5000)
        ),
        "a count that is true": lambda: Said(honest(usage={"prompt_tokens": True, "completion_tokens": True})),
        "a count that is a text": lambda: Said(honest(usage={"prompt_tokens": "3", "completion_tokens": "4"})),
        "a list": lambda: Said([honest()]),
        "null": lambda: Said(None),
        "no model": lambda: Said({**honest(), "model": None}),
        "terminal escapes": lambda: Said({**honest(), "model": "\x1b[2J\x1b]0;mine\a\nserved"}),
        "an end of its own": lambda: Said(honest(choices=[{"text": "bcd", "finish_reason": "\x1b[31mred"}])),
        "an end that is a list": lambda: Said(honest(choices=[{"text": "bcd", "finish_reason": ["stop"]}])),
    }


def errors(key: str) -> dict[str, Callable[[], Said]]:
    """Errors that no repetition mends, and their texts."""
    return {
        "deep": lambda: Said(raw=DEEP, status=400),
        "deep error": lambda: Said(raw=b'{"error": ' + DEEP + b"}", status=400),
        "long": lambda: Said({"error": {"message": "0" * 10_000_000}}, 400),
        "gzip bomb": lambda: Said(raw=_bomb(), status=400, headers={"Content-Encoding": "gzip"}),
        "charset idna": lambda: Said(
            raw=b"\xff\xfe\0", status=400, headers={"Content-Type": "text/plain; charset=idna"}
        ),
        "terminal escapes": lambda: Said({"error": {"message": "\x1b[2J\r\n\u202e" + key}}, 400),
        "a list": lambda: Said([{"error": {"message": "said by Gemini"}}], 400),
        "an empty list": lambda: Said([], 400),
        "null": lambda: Said({"error": None, "detail": None}, 422),
        "a number": lambda: Said(7, 400),
        "nothing": lambda: Said(raw=b"", status=418),
    }
