"""Requests to a server: so many at once, each repeated until its reply can be believed, and no reply without bounds."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx2

from tts_bench.engines.openai.key import Key
from tts_bench.errors import EngineError, Message, UserError
from tts_bench.text import safe

_Read = TypeVar("_Read")
_DOUBTS = 3  # replies that are whole and wrong, or never came, and then no more attempts
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before the second attempt, and before any
PATIENCE = 120.0  # seconds that a server may ask to be left alone

SHORT = 2**18  # bytes: longer replies come in one after the other, so that together they take no more than one does
LONGEST = 2**25  # bytes of any reply
ERROR = 2**16  # bytes that are read of a reply that is an error
_HEADERS = 256  # lines; their bytes are bounded by httpcore
_CODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}  # that are undone in pieces, without being asked for
_ELSEWHERE = (301, 302, 303, 307, 308)
_PROXIES, _CERTIFICATES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), ("SSL_CERT_FILE", "SSL_CERT_DIR")


class Refused(Message):
    """A status that no repetition mends."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"status {status}: {said}")
        self.status = status


class Faulty(Message):
    """A reply, or the lack of one, that cannot be right. The same request is sent again."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        """`wait`: seconds that the server asks for."""
        super().__init__(what)
        self.wait = wait


class Unbelievable(Faulty):
    """A whole reply that contradicts itself, or what was asked, or none in time; it may well come again."""


class Unreachable(Faulty):
    """No connection at all."""


class Client:
    """Sends JSON to the paths under `base_url`; usable from one event loop after another."""

    def __init__(
        self,
        base_url: str,
        key: Key | None,
        *,
        connections: int,
        timeout: float,
        attempts: int = 8,
        tell: Callable[[str], None] = lambda what: None,
    ) -> None:
        """
        Args:
            base_url: up to /v1.
            key: what the server asks for, if anything.
            connections: most requests at once.
            timeout: seconds for a whole reply.
            attempts: how often a request is sent at most.
            tell: is told of a wait that the server asks for.
        """
        self.base_url = base_url.rstrip("/")
        self._key, self._connections, self._timeout, self._attempts = key, connections, timeout, attempts
        self._tell = tell
        self._jitter = random.Random()  # of waiting times only; no result depends on it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._http: httpx2.AsyncClient | None = None
        self._closed = False
        self._in_flight, self._since, self._busy = 0, 0.0, 0.0

    @property
    def busy_seconds(self) -> float:
        """Seconds in which at least one request was with the server."""
        return self._busy + (time.perf_counter() - self._since if self._in_flight else 0.0)

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None, read: Callable[[bytearray], _Read], most: int = SHORT
    ) -> _Read:
        """What `read` makes of the reply's bytes, `most` at most; where it raises `Faulty`, the request is sent again.

        Raises:
            Refused: a status that no repetition mends.
            Unreachable: no attempt found a server.
            EngineError: the last attempt failed in any other way, or the server asks to wait too long.
        """
        doubts = 0
        for attempt in range(1, self._attempts + 1):
            try:
                return await self._once(method, path, body, read, most)
            except Faulty as error:
                fault = error.with_traceback(None)  # which holds the reply
                fault.__context__ = None
            doubts += isinstance(fault, Unbelievable)
            if attempt == self._attempts or doubts == _DOUBTS:
                if isinstance(fault, Unreachable):
                    raise fault
                raise EngineError(f"{path} failed {attempt} times; the last time {self._clean(fault)}")
            if fault.wait > PATIENCE:
                raise EngineError(
                    f"{path}: {fault}; the server asks to wait {int(min(fault.wait, 10**9))} s, and "
                    f"{PATIENCE:g} s is the maximum wait. Repeat the command later"
                )
            if fault.wait >= 1:
                self._tell(f"waiting {fault.wait:.0f} s, as the server asks")
            # Full jitter, so that what failed together does not come back together.
            wait = self._jitter.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1)))
            await asyncio.sleep(fault.wait + wait)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close the connections, and open none any more: whoever waits to send a request again gets an error."""
        self._closed = True
        if self._http and self._loop is asyncio.get_running_loop():
            await self._http.aclose()
        self._http = None

    async def _once(
        self, method: str, path: str, body: dict[str, Any] | None, read: Callable[[bytearray], _Read], most: int
    ) -> _Read:
        http = self._connected()
        url = path if "://" in path else f"{self.base_url}/{path}"
        async with self._room:
            self._count(1)
            try:
                async with asyncio.timeout(self._timeout), http.stream(method, url, json=body) as response:
                    await self._check(response)
                    return await self._read(response, read, most)
            except TimeoutError:
                raise Unbelievable(f"no complete reply came within {self._timeout:g} s") from None
            except httpx2.ConnectError as error:
                raise Unreachable(f"no connection: {self._clean(error)}") from None
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise Faulty(f"the connection broke ({type(error).__name__}: {self._clean(error)})") from None
            finally:
                self._count(-1)

    def _connected(self) -> httpx2.AsyncClient:
        if self._closed:
            raise EngineError("the engine is closed")
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            limits = httpx2.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
            try:
                self._http = httpx2.AsyncClient(
                    headers={"Accept-Encoding": "identity", **(self._key.header if self._key else {})},
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none is kept
                    follow_redirects=False,  # the key is for this server
                    limits=limits,
                    timeout=None,
                )
            except (ImportError, OSError, ValueError, httpx2.InvalidURL) as error:
                raise UserError(_around(error)) from None
            self._loop, self._room, self._turn = loop, asyncio.Semaphore(self._connections), asyncio.Lock()
        return self._http

    def _count(self, change: int) -> None:
        now = time.perf_counter()
        if self._in_flight:
            self._busy += now - self._since
        self._in_flight, self._since = self._in_flight + change, now

    async def _check(self, response: httpx2.Response) -> None:
        """Raise for whatever is no reply to read."""
        status, headers = response.status_code, response.headers
        if len(headers.raw) > _HEADERS:
            raise Faulty(f"the reply has {len(headers.raw)} header lines; {_HEADERS} are read at most")
        codings = {coding.strip().lower() for coding in headers.get("Content-Encoding", "").split(",")}
        if unknown := sorted(codings - _CODINGS):
            raise Unbelievable(f"the reply is compressed ({self._clean(unknown[0])}), which was not asked for")
        if status in (408, 429) or (status >= 500 and status != 501):
            raise Faulty(f"status {status}: {await self._said(response)}", _retry_after(headers.get("Retry-After", "")))
        if status in _ELSEWHERE and (place := headers.get("Location")):
            raise Refused(
                status,
                f"the server redirects to {self._clean(place)}, and the key is not sent elsewhere. If the model is "
                "served there, give it as --base-url",
            )
        if status != 200:
            raise Refused(status, await self._said(response))

    async def _read(self, response: httpx2.Response, read: Callable[[bytearray], _Read], most: int) -> _Read:
        held = bytearray()
        async with AsyncExitStack() as turns:
            if response.headers.get("Content-Encoding"):  # a few bytes may become very many
                await turns.enter_async_context(self._turn)
            async for piece in response.aiter_bytes():
                if len(held) <= SHORT < len(held) + len(piece) and not response.headers.get("Content-Encoding"):
                    await turns.enter_async_context(self._turn)
                held += piece
                if len(held) > most:
                    raise Unbelievable(f"the reply has more than the {most} bytes that it can need")
            if self._key and self._key.told_by(held):
                raise Unbelievable("the reply repeats the key, which no record may contain")
            return read(held)

    async def _said(self, response: httpx2.Response) -> str:
        """What an error says, as far as it can be read; its charset is UTF-8 or a guess that hurts nobody."""
        raw = bytearray()
        async for piece in response.aiter_bytes():
            raw += piece[: ERROR - len(raw)]
            if len(raw) >= ERROR:
                break
        return self._clean(complaint(raw.decode("utf-8", "replace")))

    def _clean(self, said: object) -> str:
        """One short line without the key, which servers like to repeat."""
        text = str(said)[:ERROR]
        text = safe(self._key.hide(text) if self._key else text)
        return text if len(text) <= 200 else f"{text[:197]}..."


def complaint(text: str) -> str:
    """What an error says: its message where it is JSON that has one, or else all of it."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    said = said[0] if isinstance(said, list) and said else said
    for name in ("error", "detail", "message"):
        said = said.get(name) or said if isinstance(said, dict) else said
    try:
        return str(said)
    except RecursionError:
        return "an error that is nested too deeply to be shown"


def _around(error: Exception) -> str:
    """What to mend where the environment lets no client be made. A proxy's URL may hold a password: it is not shown."""
    wrong: tuple[str, ...] = _PROXIES
    if isinstance(error, ImportError):
        what = "names a SOCKS proxy, which needs another package. Type pip install socksio, or unset"
    elif isinstance(error, OSError):
        wrong = _CERTIFICATES
        what = f"names certificates that cannot be read ({error.strerror or type(error).__name__}). Correct or unset"
    else:
        what = "names a proxy without a valid URL, such as http://localhost:3128. Correct or unset"
    return f"The environment {what} {', '.join(name for name in sorted(os.environ) if name.upper() in wrong)}."


def _retry_after(said: str) -> float:
    """Seconds; the header holds a number of them or a date (RFC 9110, section 10.2.3)."""
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, OSError, IndexError):
            return 0.0
    return 0.0 if math.isnan(seconds) else max(0.0, seconds)
