"""The engine: requests of an event loop handed to the decoding thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch

from tts_bench.api import LearnedToken
from tts_bench.engine import EngineInfo, Generation, Request, learned_id
from tts_bench.engines.hf.decoder import Decoder
from tts_bench.engines.hf.jobs import Job
from tts_bench.engines.hf.loop import Counts, Loop
from tts_bench.engines.sane import check_request
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class HfEngine:
    """Implements `tts_bench.engine.Engine` over a transformers model. Made by `load`."""

    def __init__(self, info: EngineInfo, tokenizer: HfTokenizer, decoder: Decoder, loop: Loop) -> None:
        self.info, self.tokenizer = info, tokenizer
        self._decoder, self._loop = decoder, loop

    @property
    def model(self) -> PreTrainedModel:
        """The model itself, for a trainer while no request is in flight. Its linear layers may be packed.

        An engine that was loaded with `apart` has none that a gradient passes through.
        """
        return cast("PreTrainedModel", self._decoder.model)

    @property
    def vocabulary(self) -> int:
        """How many token ids may be sampled: logits from here on are padding."""
        return self._decoder.vocabulary

    @property
    def counts(self) -> Counts:
        """What has been done so far, seconds of work included; it goes on counting."""
        return self._loop.counts

    @property
    def busy_seconds(self) -> float:
        return self.counts.busy

    def learn(self, token: LearnedToken) -> int:
        """Make `token` known; returns `learned_id(token)`, which stands for it in prompts and prefixes.

        Raises:
            UserError: it was trained for another model, or its row has another width than the embedding matrix.
        """
        if token.model != self.info.fingerprint:
            raise UserError(
                f"{token.name} was trained for the model with fingerprint {token.model}, but {self.info.model} has "
                f"{self.info.fingerprint}. Give the model it was trained for, or train a token for this one."
            )
        if len(token.row) != self._decoder.width:
            raise UserError(
                f"{token.name} has a row of {len(token.row)} numbers; the embeddings of {self.info.model} have "
                f"{self._decoder.width}. Train a token for this model."
            )
        row = torch.tensor(token.row, dtype=torch.float32)
        self._decoder.learned[learned_id(token)] = row.to(self._decoder.device, self._decoder.dtype)
        return learned_id(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation for each request, in their order. Cancelling the call frees its rows.

        Raises:
            ValueError: a request that cannot be run as it stands.
            MemoryError: a request that does not fit into memory even alone.
        """
        for request in requests:
            check_request(request, self._decoder.rows, self._decoder.learned)
        loop = asyncio.get_running_loop()
        jobs = [Job(request, loop.create_future()) for request in requests]
        # The longest first, so that few rows are left over when the work runs out.
        self._loop.submit(sorted(jobs, key=lambda job: -job.left))
        try:
            return await asyncio.gather(*(job.future for job in jobs))
        finally:
            for job in jobs:
                job.cancelled = not job.future.done() or job.future.cancelled()

    async def close(self) -> None:
        """Stop the decoding thread and release the model. Requests in flight are cancelled."""
        await asyncio.to_thread(self._loop.close)
