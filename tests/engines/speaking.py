"""Servers on real sockets that say what a test has them say: as hosted services do, or as an attacker would."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """A reply: JSON of `data`, or `raw` bytes in its place; `wire` is all that goes over the socket."""

    data: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    wire: Callable[[socket.socket], None] | None = None


def refuse(message: str, status: int = 400, **more: object) -> Said:
    return Said({"error": {"message": message, **more}}, status)


Answer = Callable[[str, Body], Said]  # the path behind /v1/ and the body, empty for GET -> reply


@dataclass
class Place:
    """What a test sees of such a server."""

    url: str
    answer: Answer
    asked: list[tuple[str, Body]] = field(default_factory=list)  # POSTs that were answered with 200
    heard: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)  # every path, with its headers


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a reply is two writes, and the second would wait for the acknowledgement
    place: Place

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._reply({})

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _reply(self, body: Body) -> None:
        path = self.path.removeprefix("/v1/").removeprefix("/")
        self.place.heard.append((path, dict(self.headers)))
        said = self.place.answer(path, body)
        if body and said.status == 200:
            self.place.asked.append((path, body))
        if said.wire is not None:
            with suppress(OSError):
                said.wire(self.connection)
            self.close_connection = True
            return
        raw = json.dumps(said.data).encode() if said.raw is None else said.raw
        with suppress(OSError):
            self.send_response(said.status)
            for name, value in {"Content-Length": str(len(raw)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Clients that give up are what is tested."""


@contextmanager
def speaking(answer: Answer) -> Iterator[Place]:
    place = Place("", answer)
    http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"place": place}))
    place.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield place
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
