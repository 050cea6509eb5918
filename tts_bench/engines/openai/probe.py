"""What a server honours, seen by asking it: a dozen short requests before the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tts_bench.engines.base import Request, Sampling
from tts_bench.errors import UserError

from . import chat
from .account import generation
from .client import Client, Faulty, Refused
from .tokenizer import EndpointTokenizer
from .wire import PATHS, Dialect, Reply, body, read

_TEXTS = ("Once upon a time, in a village by the sea, there lived", "The three most important things in life are")
_TOKENS = 12
_GREEDY, _FREE = Sampling(temperature=0.0), Sampling(temperature=1.0)
_ABSENT = (404, 405, 501)  # of an endpoint
_KEY = (401, 403)


class Probe:
    """Asks one model of one server."""

    def __init__(self, client: Client, model: str, tokenizer: EndpointTokenizer) -> None:
        self._client, self._model, self._tokenizer = client, model, tokenizer

    async def dialect(self) -> tuple[Dialect, str]:
        """What the server honours, and the name of the model that its replies come from.

        Raises:
            UserError: it has neither endpoint, refuses the key, or counts other tokens than the tokenizer.
            EngineError: no reply can be believed.
        """
        refusals: list[Refused] = []
        for candidate in _candidates("completions"):
            try:
                first = await self._ask(candidate, _TEXTS[0])
            except Refused as error:
                refusals.append(error)
                if error.status in (*_ABSENT, *_KEY):
                    break
                continue
            found = await self._completions(candidate, first)
            if found.continuation:
                return found, first.model
            break
        for candidate in _candidates("chat"):
            try:
                return await self._chat(candidate)
            except Refused as error:
                refusals.append(error)
                if error.status in (*_ABSENT, *_KEY):
                    break
        raise UserError(self._nothing(refusals))

    async def _completions(self, found: Dialect, first: Reply) -> Dialect:
        found = replace(found, logprobs=first.logprobs, adds_bos=self._adds_bos(first))
        if first.ids is not None:
            found = replace(
                found, told_ids="logprobs" if first.logprobs and not await self._tells(found) else "token_ids"
            )
        ids, text = first.ids or self._tokenizer.encode(first.text), first.text
        by_ids = await self._tried(found, list(self._tokenizer.encode(_TEXTS[0])))
        found = replace(found, prompt_ids=by_ids is not None and by_ids.text == text)
        found = replace(found, continuation=await self._continues(found), seeds=await self._seeded(found))
        if shown := await self._stops_at_text(found, text):
            found = replace(found, stop_texts=True, stop_shown=shown == "shown")
        if not found.extras:
            return found
        middle = ids[len(ids) // 2]
        stopped = await self._tried(found, stop_ids=(middle,))
        stops = stopped is not None and stopped.finish == "stop" and stopped.completion_tokens <= len(ids) // 2 + 1
        return await self._narrowed(replace(found, stop_ids=stops), text)

    async def _chat(self, found: Dialect) -> tuple[Dialect, str]:
        chat.thinking_format(self._tokenizer, None)  # needs a template
        first = await self._ask(found, _TEXTS[0])
        prompt = self._tokenizer.encode(self._tokenizer.render(_TEXTS[0]))
        try:
            generation(first, Request(prompt, (), _TOKENS, ""), _TOKENS, (), self._tokenizer)
        except Faulty as error:
            raise UserError(
                f"the endpoint's token count cannot be followed: {error}. Either --tokenizer is another model's, or "
                "the endpoint hides what it thinks; such a model cannot be measured honestly."
            ) from error
        found = await self._narrowed(replace(found, seeds=await self._seeded(found)), first.text)
        return found, first.model

    async def _narrowed(self, found: Dialect, greedy: str) -> Dialect:
        """Sampling from the likeliest token alone is greedy decoding, if the server heeds it."""
        if not found.extras:
            return found
        by_k = await self._tried(found, sampling=Sampling(1.5, top_k=1))
        by_p = await self._tried(found, sampling=Sampling(1.5, min_p=0.99))
        return replace(
            found,
            top_k=by_k is not None and by_k.text == greedy,
            min_p=by_p is not None and by_p.text == greedy,
        )

    async def _tells(self, found: Dialect) -> bool:
        """Whether ids come without logprobs."""
        reply = await self._tried(replace(found, logprobs=False))
        return reply is not None and reply.ids is not None

    async def _seeded(self, found: Dialect) -> bool:
        texts = []
        for seed in (1, 1, 2, 3):
            reply = await self._tried(found, sampling=_FREE, seed=seed)
            texts.append(None if reply is None else reply.text)
        return texts[0] is not None and texts[0] == texts[1] and texts[0] not in texts[2:]

    async def _continues(self, found: Dialect) -> bool:
        """Whether a prompt with the first half of its greedy continuation is followed by the second half.

        Sums in another order can tip a near tie, so one of two prompts is enough.
        """
        for text in _TEXTS:
            prompt = self._tokenizer.encode(text)
            whole = await self._ask(found, list(prompt) if found.prompt_ids else text)
            ids = whole.ids or self._tokenizer.encode(whole.text)
            begun = ids[: len(ids) // 2]
            longer = list(prompt + begun) if found.prompt_ids else text + self._tokenizer.decode(begun)
            rest = await self._tried(found, longer, max_tokens=_TOKENS - len(begun))
            if rest is None or not rest.text:
                continue
            if whole.ids and begun + (rest.ids or ()) == whole.ids:  # half a character has no text of its own
                return True
            if self._tokenizer.decode(begun) + rest.text == whole.text:
                return True
        return False

    async def _stops_at_text(self, found: Dialect, text: str) -> str:
        """ "shown" or "hidden", as the stop text is; empty where it is not honoured."""
        middle = len(text) // 2
        stop = text[middle : middle + 3]
        before = text[: text.find(stop)]
        reply = await self._tried(found, stops=(stop,))
        if reply is None or reply.finish != "stop":
            return ""
        return {before: "hidden", before + stop: "shown"}.get(reply.text, "")

    def _adds_bos(self, first: Reply) -> bool:
        """Whether it puts a beginning-of-sequence token before prompts of text.

        Raises:
            UserError: its number of prompt tokens has another reason.
        """
        ours = len(self._tokenizer.encode(_TEXTS[0]))
        if first.prompt_tokens in (ours, ours + 1):
            return first.prompt_tokens > ours
        raise UserError(
            f"the endpoint counts {first.prompt_tokens} tokens in a text of which the tokenizer makes {ours}: it is "
            "another model's tokenizer, or the endpoint puts prompts into a template. Type --tokenizer with the folder "
            f"or hub id of {self._model}."
        )

    async def _ask(
        self,
        found: Dialect,
        prompt: str | list[int] = _TEXTS[0],
        *,
        max_tokens: int = _TOKENS,
        sampling: Sampling = _GREEDY,
        seed: int = 0,
        stops: tuple[str, ...] = (),
        stop_ids: tuple[int, ...] = (),
    ) -> Reply:
        said = body(
            found, self._model, max_tokens=max_tokens, sampling=sampling, seed=seed, stops=stops, stop_ids=stop_ids
        )
        read_by = {"messages": [{"role": "user", "content": prompt}]} if found.api == "chat" else {"prompt": prompt}
        return await self._client.send("POST", PATHS[found.api], said | read_by, read)

    async def _tried(self, found: Dialect, prompt: str | list[int] = _TEXTS[0], **asked: Any) -> Reply | None:  # noqa: ANN401 - as `_ask`
        try:
            return await self._ask(found, prompt, **asked)
        except Refused:
            return None

    def _nothing(self, refusals: list[Refused]) -> str:
        where = self._client.base_url
        if any(error.status in _KEY for error in refusals):
            return key_refused(where, refusals[0])
        if not refusals:
            return (
                f"{where} does not go on from a prompt as it stands, and has no chat endpoint. Serve the model with "
                "vLLM, SGLang, llama.cpp's server or TGI."
            )
        said = "; ".join(dict.fromkeys(map(str, refusals)))
        return (
            f"{where} has neither completions nor chat for {self._model} ({said}). Is --base-url right? It ends in /v1."
        )


def key_refused(where: str, error: Refused) -> str:
    """What to type where a server wants another key."""
    return f"{where} refuses the key ({error}). Set TTS_BENCH_API_KEY, or OPENAI_API_KEY, in the environment."


def _candidates(api: Any) -> Iterator[Dialect]:  # noqa: ANN401 - one of the two names
    """Dialects from rich to plain: servers refuse what they do not know, or ignore it."""
    if api == "completions":
        yield Dialect(api, extras=True, logprobs=True)
        yield Dialect(api, logprobs=True)
        yield Dialect(api)
    else:
        yield Dialect(api, extras=True)
        yield Dialect(api)
        yield Dialect(api, limit="max_completion_tokens")
