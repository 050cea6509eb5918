"""Requests to a server: so many at once, each repeated until its reply can be believed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2

from tts_bench.errors import EngineError
from tts_bench.text import safe

_Read = TypeVar("_Read")
_DOUBTS = 3  # replies that are whole and wrong, and then no more attempts
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before the second attempt, and before any


class Refused(Exception):
    """A status that no repetition mends."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"status {status}: {said}")
        self.status = status


class Faulty(Exception):
    """A reply, or the lack of one, that cannot be right. The same request is sent again."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        """`wait`: seconds that the server asks for."""
        super().__init__(what)
        self.wait = wait


class Unbelievable(Faulty):
    """A whole reply that contradicts itself, or what was asked; it may well come again."""


class Unreachable(Faulty):
    """No connection at all."""


class Client:
    """Sends JSON to the paths under `base_url`; usable from one event loop after another."""

    def __init__(self, base_url: str, key: str | None, *, connections: int, timeout: float, attempts: int = 8) -> None:
        """`timeout`: seconds for a whole reply; `attempts`: how often a request is sent at most."""
        self.base_url = base_url.rstrip("/")
        self._key, self._connections, self._timeout, self._attempts = key, connections, timeout, attempts
        self._jitter = random.Random()  # of waiting times only; no result depends on it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._http: httpx2.AsyncClient | None = None
        self._in_flight, self._since, self._busy = 0, 0.0, 0.0

    @property
    def busy_seconds(self) -> float:
        """Seconds in which at least one request was with the server."""
        return self._busy + (time.perf_counter() - self._since if self._in_flight else 0.0)

    async def send(self, method: str, path: str, body: dict[str, Any] | None, read: Callable[[Any], _Read]) -> _Read:
        """What `read` makes of the reply's JSON; where it raises `Faulty`, the request is sent again.

        Raises:
            Refused: a status that no repetition mends.
            Unreachable: no attempt found a server.
            EngineError: the last attempt failed in any other way.
        """
        doubts = 0
        for attempt in range(1, self._attempts + 1):
            try:
                return read(await self._once(method, path, body))
            except Faulty as error:
                doubts += isinstance(error, Unbelievable)
                if attempt == self._attempts or doubts == _DOUBTS:
                    if isinstance(error, Unreachable):
                        raise
                    raise EngineError(f"{path} failed {attempt} times; the last time {error}") from error
                # Full jitter, so that what failed together does not come back together.
                wait = self._jitter.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1)))
                await asyncio.sleep(error.wait + wait)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        if self._http and self._loop is asyncio.get_running_loop():
            await self._http.aclose()
        self._http = None

    async def _once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:  # noqa: ANN401 - any JSON
        http = self._connected()
        async with self._room:
            self._count(1)
            try:
                async with asyncio.timeout(self._timeout):
                    response = await http.request(
                        method, path if "://" in path else f"{self.base_url}/{path}", json=body
                    )
            except TimeoutError:
                raise Faulty(f"no whole reply came within {self._timeout:g} s") from None
            except httpx2.ConnectError as error:
                raise Unreachable(f"no connection: {self._clean(str(error))}") from None
            except httpx2.HTTPError as error:
                raise Faulty(f"the connection broke ({type(error).__name__}: {self._clean(str(error))})") from None
            finally:
                self._count(-1)
        return self._read(response)

    def _connected(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            limits = httpx2.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
            self._http = httpx2.AsyncClient(headers=headers, limits=limits, timeout=None)
            self._loop, self._room = loop, asyncio.Semaphore(self._connections)
        return self._http

    def _count(self, change: int) -> None:
        now = time.perf_counter()
        if self._in_flight:
            self._busy += now - self._since
        self._in_flight, self._since = self._in_flight + change, now

    def _read(self, response: httpx2.Response) -> Any:  # noqa: ANN401
        status = response.status_code
        if status in (408, 429) or (status >= 500 and status != 501):
            raise Faulty(f"status {status}: {self._said(response)}", _retry_after(response))
        if status != 200:
            raise Refused(status, self._said(response))
        try:
            return response.json()
        except ValueError:
            raise Faulty("the reply is no JSON") from None

    def _said(self, response: httpx2.Response) -> str:
        try:
            said = response.json()
            said = said.get("error", said.get("detail", said))
            said = said.get("message", said) if isinstance(said, dict) else said
        except (ValueError, AttributeError):
            said = response.text
        return self._clean(str(said))

    def _clean(self, text: str) -> str:
        """One short line without the key, which servers like to repeat."""
        text = safe(text.replace(self._key, "***") if self._key else text)
        return text if len(text) <= 200 else f"{text[:197]}..."


def _retry_after(response: httpx2.Response) -> float:
    """Seconds; the header holds a number of them or a date (RFC 9110, section 10.2.3)."""
    said = response.headers.get("Retry-After", "")
    try:
        seconds = (
            float(said) if said.replace(".", "", 1).isdigit() else parsedate_to_datetime(said).timestamp() - time.time()
        )
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, seconds)
