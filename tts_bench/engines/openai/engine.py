"""The engine: requests sent to a server, and its replies held against what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, NoReturn

from tts_bench.api import LearnedToken
from tts_bench.engine import EngineInfo, Generation, Request
from tts_bench.engines.openai import chat
from tts_bench.engines.openai.account import generation
from tts_bench.engines.openai.client import Client, Refused, Unbelievable, Unreachable
from tts_bench.engines.openai.counted import ServerCounted
from tts_bench.engines.openai.dialect import PATHS, Dialect, body, most_bytes
from tts_bench.engines.openai.effort import knob, nested, server_of
from tts_bench.engines.openai.measuring import columns_of, wanted
from tts_bench.engines.openai.tokenizer import EndpointTokenizer, seen
from tts_bench.engines.openai.whole import whole
from tts_bench.engines.openai.wire import Buffer, Reply, read
from tts_bench.errors import EngineError, UserError


class OpenAIEngine:
    """Implements `tts_bench.engine.Engine` over a server. Made by `load`."""

    def __init__(
        self,
        info: EngineInfo,
        tokenizer: EndpointTokenizer | ServerCounted,
        client: Client,
        dialect: Dialect,
        *,
        answers_as: str,
    ) -> None:
        """`answers_as`: the model that replies name."""
        self.info, self.tokenizer, self.dialect = info, tokenizer, dialect
        self._client, self._answers_as = client, answers_as
        self._tasks: set[asyncio.Future[Generation]] = set()  # requests in flight

    @property
    def busy_seconds(self) -> float:
        return self._client.busy_seconds

    def learn(self, token: LearnedToken) -> NoReturn:
        """Refuse: a server cannot be given an embedding row.

        Raises:
            UserError: always.
        """
        raise UserError(f"{token.name}: an endpoint cannot take learned tokens. Type --engine hf.")

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation for each request, in their order.

        Raises:
            EngineError: the server refuses a request, or gives no reply that can be believed.
        """
        tasks = [asyncio.ensure_future(self._generate(request)) for request in requests]
        self._tasks.update(tasks)
        try:
            return await asyncio.gather(*tasks)
        finally:  # where one failed, nobody waits for the others
            self._tasks.difference_update(tasks)
            await _cancelled(tasks)

    async def close(self) -> None:
        """Close the connections. Requests in flight are cancelled."""
        await _cancelled(self._tasks)
        await self._client.close()

    async def _generate(self, request: Request) -> Generation:
        room = self.info.context - len(request.prompt) - len(request.prefix)
        if room < 1:
            return Generation((), "context")
        limit, dialect = min(request.max_tokens, room), self.dialect
        delimiters = () if dialect.stop_ids else self._delimiters(request)
        texts = (*request.stop_texts, *delimiters)
        asked = body(
            dialect,
            self.info.model,
            max_tokens=limit,
            sampling=request.sampling,
            seed=seed_of(request),
            stops=texts,
            stop_ids=tuple(request.stop_ids),
            top=(top := wanted(request.columns)),
        )
        prompt_tokens, prompt = self._prompt(request)

        def judged(raw: Buffer) -> Generation:
            reply = read(raw, limit, top)
            self._check(reply, prompt_tokens)
            if dialect.reasons or isinstance(self.tokenizer, ServerCounted):
                return whole(reply, request, limit, self.tokenizer)
            made = generation(reply, request, limit, texts, self.tokenizer, stop_shown=dialect.stop_shown)
            return replace(made, columns=columns_of(reply, made, request, self.tokenizer)) if top else made

        most = most_bytes(limit, len(request.prompt) + len(request.prefix), top)
        asked |= prompt | self._effort(request)
        try:
            return await self._client.send("POST", PATHS[dialect.api], asked, judged, most)
        except (Refused, Unreachable) as error:
            raise EngineError(f"the endpoint failed: {error}") from error

    def _check(self, reply: Reply, prompt_tokens: int | None) -> None:
        """Hold against what was asked whatever is no matter of sampled tokens.

        Raises:
            Unbelievable: another model or provider, other prompt tokens, or told otherwise than before the run.
        """
        provider = self.dialect.provider
        if reply.model != self._answers_as:
            raise Unbelievable(f"it comes from model {reply.model!r} and not from {self._answers_as!r}")
        if reply.provider != provider:
            raise Unbelievable(f"it comes from provider {reply.provider!r} and not from {provider!r}")
        if not self.dialect.uncounted and None in (reply.prompt_tokens, reply.completion_tokens):
            raise Unbelievable("it does not count its tokens, as it did before the run")
        if None not in (prompt_tokens, reply.prompt_tokens) and reply.prompt_tokens != prompt_tokens:
            raise Unbelievable(f"it counts {reply.prompt_tokens} prompt tokens where {prompt_tokens} were sent")
        if reply.reasoning and not self.dialect.reasons:
            raise Unbelievable(
                "it tells thinking apart, as it did not before the run. To measure whole replies, type --tokenizer none"
            )
        if self.dialect.told_ids and reply.ids is None:
            raise Unbelievable("it does not return its token ids")

    def _delimiters(self, request: Request) -> tuple[str, ...]:
        """Ends of thinking as text, for a server that takes no stop ids."""
        return () if isinstance(self.tokenizer, ServerCounted) else self.tokenizer.stop_texts(tuple(request.stop_ids))

    def _effort(self, request: Request) -> dict[str, Any]:
        if not request.effort:
            return {}
        server = server_of(self._client.base_url, self.dialect.provider)
        return nested(*knob(server, self.dialect.api, request.effort))

    def _prompt(self, request: Request) -> tuple[int | None, dict[str, Any]]:
        """How many tokens the server has to count, where that is known, and what it reads."""
        tokenizer, api = self.tokenizer, self.dialect.api
        if api != "completions" or isinstance(tokenizer, ServerCounted):
            return None, chat.messages(request, api)
        ids = seen(request.prompt + request.prefix)
        if self.dialect.prompt_ids:
            return len(ids), {"prompt": ids}
        text = tokenizer.decode(ids)  # where pieces meet, the server may cut it into other tokens
        if tokenizer.respells(ids):
            raise EngineError("the problem contains a control token, which an endpoint that takes text cannot escape")
        bos = tokenizer.inner.bos_token
        return None, {"prompt": text.removeprefix(str(bos)) if self.dialect.adds_bos and bos else text}


async def _cancelled(tasks: Iterable[asyncio.Future[Generation]]) -> None:
    """Cancel those of `tasks` that are not done, and wait until they are."""
    left = [task for task in tasks if task.cancel()]
    if left:
        await asyncio.wait(left)


def seed_of(request: Request) -> int:
    """31 bits that name the request's stream and where in it sampling begins."""
    digest = blake2b(f"{request.stream}\0{len(request.prefix)}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
