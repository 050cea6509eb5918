"""Several engines as one: what is asked goes to whichever has least to do.

Where a model is so small that Python takes longer than the arithmetic, threads do not help and processes do; where
there are several devices or machines, each gets an engine of its own. The text of a request does not depend on its
neighbours, so it does not matter which engine answers, nor how often one is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

from tts_bench.api import LearnedToken
from tts_bench.engine import EngineInfo, Generation, Request, Tokenizer, learned_id
from tts_bench.engines.transport import Transport, WorkerReply
from tts_bench.errors import EngineError, UserError

_DEATHS = 3  # of workers that had a request in hand: it may be what kills them
_ENDING = 30  # seconds for a thread to find out that its worker has ended
_FRUITLESS = 5  # workers that answered nothing, one after the other, until there is no next


@dataclass(eq=False)
class _Worker:
    transport: Transport
    pending: set[int] = field(default_factory=set)
    outbox: list[Any] = field(default_factory=list)  # sent together, once a turn of the event loop
    learned: SimpleQueue[UserError | None] = field(default_factory=SimpleQueue)
    busy: float = 0.0
    before: float = 0.0  # seconds that the workers before it were busy
    fruitless: int = 0  # workers one after the other that answered nothing, this one included
    dead: bool = False
    lost: bool = False  # dead, and not to be replaced


@dataclass
class _Asked:
    request: Request
    future: asyncio.Future[Generation]
    worker: _Worker | None = None
    deaths: int = 0


class Workers:
    """Implements `tts_bench.engine.Engine` over an engine behind each of several transports.

    Raises:
        UserError: as a worker's engine does while it loads, a worker ended before it was ready, or two engines differ
            in what their texts depend on.
        EngineError: from `generate`, when no worker is left.
    """

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._workers = [_Worker(transport) for transport in transports]
        self._asked: dict[int, _Asked] = {}
        self._homeless: list[int] = []  # asked while every worker was being replaced
        self._numbers = itertools.count()
        self._tokens: dict[str, LearnedToken] = {}
        self._home: dict[int, _Worker] = {}  # where the keys and values are of a prompt with this hash
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._readers: list[threading.Thread] = []
        try:
            infos = [self._greeting(worker.transport) for worker in self._workers]
            for info in infos:
                _check_same(infos[0], info)
        except BaseException:
            self._end()
            raise
        self._rows = infos[0].at_once  # of each; 0: not known
        self.info: EngineInfo = replace(
            infos[0],
            settings={**infos[0].settings, "workers": len(infos)},
            at_once=sum(info.at_once for info in infos),
            exact=all(info.exact for info in infos),
            exact_note=next((info.exact_note for info in infos if not info.exact), infos[0].exact_note),
        )
        self._readers = [threading.Thread(target=self._read, args=(worker,), daemon=True) for worker in self._workers]
        for reader in self._readers:
            reader.start()

    def _greeting(self, transport: Transport) -> EngineInfo:
        try:
            greeting = transport.receive()
        except (EOFError, OSError):
            raise _ended(transport) from None
        if isinstance(greeting, Exception):
            raise greeting
        info: EngineInfo
        info, self._tokenizer = greeting
        return info

    @property
    def tokenizer(self) -> Tokenizer:
        tokenizer: Tokenizer = self._tokenizer
        return tokenizer

    @property
    def busy_seconds(self) -> float:
        """Of the worker that was busy longest."""
        return max(worker.before + worker.busy for worker in self._workers)

    def learn(self, token: LearnedToken) -> int:
        """Make `token` known to every worker.

        Raises:
            UserError: it does not fit the model, or a worker has ended.
        """
        known = self._tokens.get(token.digest)
        if known is not None and known.model == token.model:  # the same row for another model has to be refused
            return learned_id(token)
        for worker in self._workers:
            try:
                worker.transport.send([("learn", token)])
            except OSError:
                raise _ended(worker.transport) from None
        refused = [error for error in (worker.learned.get() for worker in self._workers) if error]
        if refused:
            raise refused[0]
        self._tokens[token.digest] = token
        return learned_id(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation for each request, in their order. Cancelling the call frees its rows.

        Raises:
            EngineError: no worker is left, or several ended while they had a request in hand.
        """
        self._loop = asyncio.get_running_loop()
        numbers = [self._ask(request) for request in requests]
        asked = [self._asked[number].future for number in numbers]
        try:
            return await asyncio.gather(*asked)
        finally:
            for number in numbers:
                given_up = self._asked.pop(number, None)
                if given_up and given_up.worker:
                    given_up.worker.pending.discard(number)
                    self._send(given_up.worker, ("cancel", number))

    async def close(self) -> None:
        """End the workers. Requests in flight are cancelled."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._closing = True
        for worker in self._workers:
            worker.dead = worker.lost = True
            with contextlib.suppress(OSError):
                worker.transport.send([("close",)])
        for worker in self._workers:
            worker.transport.end()
        for reader in self._readers:  # one that still listened while the interpreter ends could keep it from ending
            reader.join(timeout=_ENDING)

    def _ask(self, request: Request) -> int:
        number = next(self._numbers)
        assert self._loop is not None
        self._asked[number] = _Asked(request, self._loop.create_future())
        self._place(number)
        return number

    def _place(self, number: int) -> None:
        """Give a request to a worker."""
        asked = self._asked.get(number)
        if asked is None:  # given up meanwhile
            return
        asked.worker = self._choose(asked.request)
        if asked.worker:
            asked.worker.pending.add(number)
            self._send(asked.worker, ("ask", number, asked.request))
        elif all(worker.lost for worker in self._workers):
            endings = "; ".join(worker.transport.ending() for worker in self._workers)
            self._settle([(number, EngineError(f"no worker is left: {endings}"))])
        else:
            self._homeless.append(number)

    def _choose(self, request: Request) -> _Worker | None:
        """The worker that has read the prompt, unless its rows are full and another has one to spare."""
        living = [worker for worker in self._workers if not worker.dead]
        if not living:
            return None
        idlest = min(living, key=lambda worker: len(worker.pending))
        prompt = hash(request.prompt)
        home = self._home.get(prompt)
        if home is None or home.dead:
            self._home[prompt] = idlest
            return idlest
        full, spare = len(home.pending) >= self._rows, len(idlest.pending) < self._rows
        return idlest if full and spare else home

    def _send(self, worker: _Worker, message: Any) -> None:  # noqa: ANN401
        if not worker.outbox and self._loop:
            self._loop.call_soon(self._flush, worker)
        worker.outbox.append(message)

    def _flush(self, worker: _Worker) -> None:
        messages, worker.outbox = worker.outbox, []
        with contextlib.suppress(OSError):  # its reader finds out, and gives its requests to another
            worker.transport.send(messages)

    def _read(self, worker: _Worker) -> None:
        """The thread that listens to one worker."""
        while True:
            try:
                verb, *about = worker.transport.receive()
            except (EOFError, OSError):
                if not self._closing:
                    worker.learned.put(_ended(worker.transport))
                    self._call(self._move, worker)
                if not self._replaced(worker):
                    return
                continue
            if verb == "learned":
                worker.learned.put(*about)
            else:
                worker.busy, outcomes = about
                worker.fruitless = 0
                self._call(self._settle, outcomes)

    def _replaced(self, worker: _Worker) -> bool:
        """Whether there is another transport for a worker whose own has ended."""
        hopeful = worker.fruitless < _FRUITLESS and not self._closing
        transport = worker.transport.again() if hopeful else None
        if transport is not None and not self._prepared(transport):
            transport.end()
            transport = None
        if transport is None:
            self._call(self._give_up, worker)
            return False
        worker.before, worker.busy = worker.before + worker.busy, 0.0
        worker.fruitless += 1
        worker.transport, worker.learned = transport, SimpleQueue()
        self._call(self._go_on, worker)
        return True

    def _prepared(self, transport: Transport) -> bool:
        """Bring a new worker to where the others are, if it can be."""
        try:
            _check_same(self.info, self._greeting(transport))
            for token in self._tokens.values():
                transport.send([("learn", token)])
                transport.receive()  # what one worker learned, the next does
        except Exception:  # it cannot be loaded any more: the others go on
            return False
        return not self._closing

    def _call(self, function: Callable[[Any], None], argument: Any) -> None:  # noqa: ANN401
        """Have the event loop call `function`; where there is none, nobody waits, and it is called at once."""
        try:
            if self._loop:
                self._loop.call_soon_threadsafe(function, argument)
                return
        except RuntimeError:  # the event loop has been closed
            pass
        function(argument)

    def _settle(self, outcomes: list[tuple[int, WorkerReply]]) -> None:
        for number, outcome in outcomes:
            asked = self._asked.pop(number, None)
            if asked is None or asked.future.done():
                continue
            if asked.worker:
                asked.worker.pending.discard(number)
            if isinstance(outcome, Exception):
                asked.future.set_exception(outcome)
            else:
                asked.future.set_result(outcome)

    def _move(self, worker: _Worker) -> None:
        """A worker has died: what it was asked is asked elsewhere."""
        worker.dead = True
        worker.outbox.clear()
        numbers, worker.pending = sorted(worker.pending), set()
        for number in numbers:
            asked = self._asked[number]
            asked.deaths += 1
            if asked.deaths < _DEATHS:
                self._place(number)
            else:
                error = EngineError(
                    f"{_DEATHS} workers died while processing this request: {worker.transport.ending()}"
                )
                self._settle([(number, error)])

    def _go_on(self, worker: _Worker) -> None:
        """A worker has been replaced."""
        worker.dead = False
        self._place_homeless()

    def _give_up(self, worker: _Worker) -> None:
        worker.lost = True
        self._place_homeless()

    def _place_homeless(self) -> None:
        homeless, self._homeless = self._homeless, []
        for number in homeless:
            self._place(number)


def _check_same(first: EngineInfo, other: EngineInfo) -> None:
    """Refuse engines whose texts would differ: it must not matter which of them answers."""
    if first.fingerprint != other.fingerprint:
        raise UserError("the workers loaded different models under one name. Give every machine the same files.")
    different = sorted(
        key for key in {*first.identity, *other.identity} if first.identity.get(key) != other.identity.get(key)
    )
    if different:
        key = different[0]
        raise UserError(
            f"the workers differ in {key}: {first.identity.get(key)!r} and {other.identity.get(key)!r}. Give all of "
            "them the same devices and versions."
        )


def _ended(transport: Transport) -> UserError:
    try:
        how = transport.ending()
    except UserError as error:  # it knows why
        return error
    return UserError(f"{how} during startup, possibly out of memory; try --workers 1.")
