"""The engine: requests of an event loop handed to vLLM's, and what comes of them cut at their stops."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tts_bench.api import LearnedToken
from tts_bench.columns import Columns
from tts_bench.engine import EngineInfo, Generation, Request, learned_id
from tts_bench.engines.hf.stops import trailing_stop
from tts_bench.engines.sane import check_request
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.engines.vllm.rows import Row
from tts_bench.engines.vllm.running import Running
from tts_bench.errors import EngineError, UserError


class VllmEngine:
    """Implements `tts_bench.engine.Engine` over vLLM. Made by `load`."""

    def __init__(self, info: EngineInfo, tokenizer: HfTokenizer, running: Running, rows: int, width: int) -> None:
        """`rows`: of the embedding matrix, spare ones included; `width`: numbers in each."""
        self.info, self.tokenizer = info, tokenizer
        self._running, self._rows, self._width = running, rows, width
        self._places: dict[int, int] = {}  # rows of learned tokens
        self._names = map(str, itertools.count())  # of requests with columns

    @property
    def busy_seconds(self) -> float:
        return self._running.busy_seconds

    def learn(self, token: LearnedToken) -> int:
        """Make `token` known; returns `learned_id(token)`, which stands for it in prompts and prefixes.

        Raises:
            UserError: it was trained for another model, its row has another width than the embedding matrix, or no row
                of the matrix is free.
        """
        if token.model != self.info.fingerprint:
            raise UserError(
                f"{token.name} was trained for the model with fingerprint {token.model}, but {self.info.model} has "
                f"{self.info.fingerprint}. Give the model it was trained for, or train a token for this one."
            )
        if len(token.row) != self._width:
            raise UserError(
                f"{token.name} has a row of {len(token.row)} numbers; the embeddings of {self.info.model} have "
                f"{self._width}. Train a token for this model."
            )
        if (known := learned_id(token)) in self._places:
            return known
        place = self.tokenizer.size + len(self._places)
        if place >= self._rows - 1:  # the last one is no token's
            raise UserError(
                f"{token.name}: the embedding matrix of {self.info.model} has no free row left for it "
                f"({len(self._places)} are in use). Run fewer learned tokens at once, or type --engine hf."
            )
        written = self._running.call(self._running.in_workers("write_row", place, list(token.row))).result()
        if not any(written):
            raise UserError(
                f"{token.name}: vLLM stores the embeddings of {self.info.model} where no row can be written. "
                "Type --engine hf."
            )
        self._places[known] = place
        return known

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation for each request, in their order. Cancelling the call aborts them.

        Raises:
            ValueError: a request that cannot be run as it stands, or logits that are not finite.
            EngineError: vLLM has ended.
        """
        if self._running.closed:
            raise RuntimeError("the engine is closed")
        for request in requests:
            check_request(request, self.tokenizer.size, self._places)
        work = [self._measured(request) if request.columns else self._sample(request) for request in requests]
        futures = [self._running.call(each) for each in work]
        try:
            return await asyncio.gather(*map(asyncio.wrap_future, futures))
        finally:
            for future in futures:
                future.cancel()

    async def close(self) -> None:
        """End vLLM's processes. Requests in flight are cancelled."""
        await asyncio.to_thread(self._running.close)

    async def _measured(self, request: Request) -> Generation:
        """A generation with its columns, which vLLM's processes keep until they are taken."""
        name = next(self._names)
        try:
            made = await self._sample(request, name)
        except BaseException:
            with contextlib.suppress(Exception):  # what has failed is told, and not this
                await self._running.in_workers("take_columns", name)
            raise
        kept = await self._running.in_workers("take_columns", name)
        by_position = {int(position): numbers for worker in kept for position, *numbers in worker}  # the same in each
        begin = len(request.prefix)
        try:
            rows = [by_position[begin + place] for place in range(len(made.tokens))]
        except KeyError as error:
            raise EngineError(f"vLLM returned no values for the token at position {error}") from None
        columns = zip(request.columns, zip(*rows, strict=True), strict=bool(rows))
        return replace(made, columns=Columns.of(dict(columns)))

    async def _sample(self, request: Request, name: str = "") -> Generation:
        """`name`: under which its columns are kept."""
        room = self.info.context - len(request.prompt) - len(request.prefix)
        if room < 1:
            return Generation((), "context")
        limit = min(request.max_tokens, room)
        ids = [self._places.get(token, token) for token in request.prompt + request.prefix]
        begun, sampled = len(request.prefix) - request.sampled, list(request.prefix)
        try:
            async for piece in self._running.tokens(ids, _params(request, limit, name)):
                for token in piece.token_ids:
                    if token == self._rows - 1:
                        raise ValueError("the model's logits are not finite")
                    sampled.append(token)
                    if stop := self._stop(request, sampled[begun:]):
                        return Generation(tuple(sampled[len(request.prefix) :]), "stop", stop)
        except Exception as error:
            if type(error).__name__ == "EngineDeadError":
                raise EngineError("vLLM has ended; its own messages, on standard error, say why") from error
            raise
        tokens = tuple(sampled[len(request.prefix) :])
        return Generation(tokens, "length" if len(tokens) == request.max_tokens else "context")

    def _stop(self, request: Request, own: list[int]) -> int:
        if own[-1] in request.stop_ids:
            return 1
        return trailing_stop(own, request.stop_texts, self.tokenizer.decode) if request.stop_texts else 0


def _params(request: Request, limit: int, name: str) -> Any:  # noqa: ANN401 - vLLM has no types here
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,  # our draws give the largest logit to the token
        max_tokens=limit,
        stop_token_ids=sorted(request.stop_ids),
        ignore_eos=True,  # the ends of turn are among the stop ids
        detokenize=False,
        output_kind=RequestOutputKind.DELTA if request.stop_texts else RequestOutputKind.FINAL_ONLY,
        extra_args=Row.describe(request, name),
    )
