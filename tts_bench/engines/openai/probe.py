"""What a server honours, seen by asking it: a dozen short requests before the run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from tts_bench.engine import Request, Sampling
from tts_bench.engines.openai import chat
from tts_bench.engines.openai.account import generation
from tts_bench.engines.openai.client import Client, Faulty, Refused
from tts_bench.engines.openai.counted import ServerCounted
from tts_bench.engines.openai.dialect import PATHS, Api, Dialect, body, candidates
from tts_bench.engines.openai.effort import NONSENSE, knob, nested, server_of
from tts_bench.engines.openai.measuring import first_told
from tts_bench.engines.openai.tokenizer import EndpointTokenizer
from tts_bench.engines.openai.wire import Reply, read
from tts_bench.errors import EngineError, UserError

_TEXTS = ("Once upon a time, in a village by the sea, there lived", "The three most important things in life are")
_TOKENS = 12
_LEAST = 16  # that the Responses API takes
_ENOUGH = 1024  # for models that refuse to stop amid their thinking
_GREEDY, _FREE = Sampling(temperature=0.0), Sampling(temperature=1.0)
_HOT = Sampling(temperature=2.0)
_TOPS = (20, 5, 1)  # as many as vLLM tells at most unless it is told otherwise, as OpenAI does, as there have to be
_ALIKE = 0.05  # nats by which one log-probability may differ from itself
_ABSENT = (404, 405, 501)  # of an endpoint
_KEY = (401, 403)


class Probe:
    """Asks one model of one server."""

    def __init__(self, client: Client, model: str, tokenizer: EndpointTokenizer | ServerCounted) -> None:
        self._client, self._model, self._tokenizer = client, model, tokenizer

    async def dialect(self, thinks_on: str = "", efforts: tuple[str, ...] = ()) -> tuple[Dialect, str]:
        """What the server honours, and the name of the model that its replies come from.

        Args:
            thinks_on: what to say, before anything is paid for, if it takes messages only; empty: that is no matter.
            efforts: settings of its own knob that will be asked for.

        Raises:
            UserError: it has no endpoint, refuses the key, counts other tokens than the tokenizer, or cannot do what
                is asked for.
            EngineError: no reply can be believed.
        """
        refusals: list[Refused] = []
        if not isinstance(self._tokenizer, ServerCounted) and not efforts:
            found = await self._by_completions(self._tokenizer, refusals)
            if found is not None:
                return found
        if thinks_on and not any(error.status in _KEY for error in refusals) and await self._has_chat():
            raise UserError(thinks_on)
        apis: tuple[Api, ...] = ("chat", "responses")
        for api in apis:
            for candidate in candidates(api):
                try:
                    return await self._whole(candidate, efforts)
                except Refused as error:
                    refusals.append(error)
                    if error.status in (*_ABSENT, *_KEY):
                        break
        raise UserError(self._nothing(refusals))

    async def _has_chat(self) -> bool:
        """Whether there is a chat endpoint, seen from how it refuses to answer nothing, which costs nothing."""
        nothing = {"model": self._model, "messages": [], "max_tokens": 1}
        try:
            await self._client.send("POST", PATHS["chat"], nothing, lambda raw: None)
        except Refused as error:
            return error.status not in (*_ABSENT, *_KEY)
        except EngineError:
            return True
        return True

    async def _by_completions(
        self, tokenizer: EndpointTokenizer, refusals: list[Refused]
    ) -> tuple[Dialect, str] | None:
        """As `dialect`, or None if the endpoint cannot continue a plain prompt."""
        for candidate in candidates("completions"):
            try:
                first = await self._ask(candidate, _TEXTS[0])
            except Refused as error:
                refusals.append(error)
                if error.status in (*_ABSENT, *_KEY):
                    return None
                continue
            if self._templated(first, tokenizer):
                return None
            found = await self._completions(candidate, first, tokenizer)
            return (found, first.model) if found.continuation else None
        return None

    async def _completions(self, found: Dialect, first: Reply, tokenizer: EndpointTokenizer) -> Dialect:
        uncounted = None in (first.prompt_tokens, first.completion_tokens)
        found = replace(found, logprobs=first.logprobs, adds_bos=self._adds_bos(first, tokenizer), uncounted=uncounted)
        found = await self._pinned(replace(found, provider=first.provider))
        if first.ids is not None:
            found = replace(
                found, told_ids="logprobs" if first.logprobs and not await self._tells(found) else "token_ids"
            )
        found = replace(found, top_logprobs=await self._most_told(found))
        ids, text = first.ids or tokenizer.encode(first.text), first.text
        by_ids = await self._tried(found, list(tokenizer.encode(_TEXTS[0])))
        found = replace(found, prompt_ids=by_ids is not None and by_ids.text == text)
        found = replace(found, continuation=await self._continues(found, tokenizer), seeds=await self._seeded(found))
        if shown := await self._stops_at_text(found, text):
            found = replace(found, stop_texts=True, stop_shown=shown == "shown")
        if not found.extras:
            return found
        middle = ids[len(ids) // 2]
        stopped = await self._tried(found, stop_ids=(middle,))
        length = len(ids) // 2 + 1
        stops = stopped is not None and stopped.finish == "stop" and (stopped.completion_tokens or length) <= length
        return await self._narrowed(replace(found, stop_ids=stops), text)

    async def _whole(self, found: Dialect, efforts: tuple[str, ...]) -> tuple[Dialect, str]:
        """An endpoint that takes messages: what its first reply tells, held against the tokenizer if there is one."""
        tokenizer = self._tokenizer
        counted = isinstance(tokenizer, ServerCounted)
        first = await self._ask(found, _TEXTS[0])
        found = replace(
            found,
            uncounted=None in (first.prompt_tokens, first.completion_tokens),
            reasons=counted or first.reasons or bool(efforts) or found.api == "responses",
            provider=first.provider,
        )
        if counted and found.uncounted:
            raise UserError(
                f"{self._client.base_url} reports no token counts. Type --tokenizer with the "
                f"folder or hub id of {self._model}."
            )
        if not isinstance(tokenizer, ServerCounted) and not found.reasons:
            chat.thinking_format(tokenizer, None)  # needs a template
            self._check_counts(first, tokenizer)
        found = await self._pinned(found)
        await self._check_efforts(found, efforts, first)
        if found.sampling == "all":
            found = replace(found, seeds=await self._seeded(found))
        return await self._narrowed(found, first.text), first.model

    def _check_counts(self, first: Reply, tokenizer: EndpointTokenizer) -> None:
        prompt = tokenizer.encode(tokenizer.render(_TEXTS[0]))
        try:
            generation(first, Request(prompt, (), _TOKENS, ""), _TOKENS, (), tokenizer)
        except Faulty as error:
            raise UserError(
                f"the endpoint's token counts cannot be reproduced: {error}. Either --tokenizer is another model's, "
                "or the endpoint hides its thinking. In that case, type --tokenizer none to use its own counts and to "
                "measure whole replies."
            ) from error

    async def _check_efforts(self, found: Dialect, efforts: tuple[str, ...], first: Reply) -> None:
        """
        Raises:
            UserError: the endpoint takes any setting, and so is not seen to heed it, or refuses one of `efforts`.
        """
        server = server_of(self._client.base_url, found.provider)
        knobs = [knob(server, found.api, effort) for effort in efforts]
        for path in dict.fromkeys(path for path, _ in knobs):
            reply = await self._tried(found, more=nested(path, NONSENSE))
            if reply is not None and reply.prompt_tokens == first.prompt_tokens:
                raise UserError(
                    f"reasoning-effort: the endpoint accepts even {path}={NONSENSE}, so it may ignore this field. "
                    "Name the field that it reads: efforts=FIELD=VALUE."
                )
        for path, value in knobs:
            most = value if isinstance(value, int) else 0
            try:
                await self._ask(found, max_tokens=_length(found) + most, more=nested(path, value))
            except Refused as error:
                raise UserError(f"reasoning-effort: the endpoint refuses {path}={value} ({error}).") from error

    async def _pinned(self, found: Dialect) -> Dialect:
        """A router is asked to stay with whoever answered first: others may compute otherwise."""
        if not found.provider:
            return found
        pinned = replace(found, pinned=True)
        reply = await self._tried(pinned)
        return pinned if reply is not None and reply.provider == found.provider else found

    async def _narrowed(self, found: Dialect, greedy: str) -> Dialect:
        """Sampling from the likeliest token alone is greedy decoding, if the server heeds it."""
        if not found.extras or not greedy:
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

    async def _most_told(self, found: Dialect) -> int:
        """Of how many tokens log-probabilities are told that say the same at another temperature; 0: of none."""
        if not (found.logprobs and found.told_ids):
            return 0
        for top in _TOPS:
            places = []
            for sampling in (_GREEDY, _HOT):
                reply = await self._tried(found, sampling=sampling, max_tokens=1, top=top)
                places += first_told(reply, top) if reply else []
            if len(places) == 2:
                pairs = zip(*places, strict=True)
                return top if all(abs(one - other) < _ALIKE for one, other in pairs) else 0
        return 0

    async def _seeded(self, found: Dialect) -> bool:
        texts = []
        for seed in (1, 1, 2, 3):
            reply = await self._tried(found, sampling=_FREE, seed=seed)
            texts.append(None if reply is None else reply.reasoning + reply.text)
        return bool(texts[0]) and texts[0] == texts[1] and texts[0] not in texts[2:]

    async def _continues(self, found: Dialect, tokenizer: EndpointTokenizer) -> bool:
        """Whether a prompt with the first half of its greedy continuation is followed by the second half.

        Sums in another order can tip a near tie, so one of two prompts is enough.
        """
        for text in _TEXTS:
            prompt = tokenizer.encode(text)
            whole = await self._ask(found, list(prompt) if found.prompt_ids else text)
            ids = whole.ids or tokenizer.encode(whole.text)
            begun = ids[: len(ids) // 2]
            longer = list(prompt + begun) if found.prompt_ids else text + tokenizer.decode(begun)
            rest = await self._tried(found, longer, max_tokens=_TOKENS - len(begun))
            if rest is None or not rest.text:
                continue
            if whole.ids and begun + (rest.ids or ()) == whole.ids:  # half a character has no text of its own
                return True
            if tokenizer.decode(begun) + rest.text == whole.text:
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

    def _templated(self, first: Reply, tokenizer: EndpointTokenizer) -> bool:
        """Whether the completions endpoint puts prompts into the chat template, as routers do for chat models."""
        if tokenizer.chat_template is None or first.prompt_tokens is None:
            return False
        ours = len(tokenizer.encode(_TEXTS[0]))
        wrapped = len(tokenizer.encode(tokenizer.render(_TEXTS[0])))
        return wrapped > ours + 1 and abs(first.prompt_tokens - wrapped) <= 1

    def _adds_bos(self, first: Reply, tokenizer: EndpointTokenizer) -> bool:
        """Whether it puts a beginning-of-sequence token before prompts of text; not, where it does not count.

        Raises:
            UserError: its number of prompt tokens has another reason.
        """
        ours = len(tokenizer.encode(_TEXTS[0]))
        if first.prompt_tokens is None:
            return False
        if first.prompt_tokens in (ours, ours + 1):
            return first.prompt_tokens > ours
        raise UserError(
            f"the endpoint counts {first.prompt_tokens} tokens where the tokenizer counts {ours}: it is another "
            "model's tokenizer, or the endpoint puts prompts into a template. Type --tokenizer with the folder or "
            f"hub id of {self._model}."
        )

    async def _ask(
        self,
        found: Dialect,
        prompt: str | list[int] = _TEXTS[0],
        *,
        max_tokens: int = 0,
        sampling: Sampling = _GREEDY,
        seed: int = 0,
        stops: tuple[str, ...] = (),
        stop_ids: tuple[int, ...] = (),
        top: int = 0,
        more: dict[str, Any] | None = None,
    ) -> Reply:
        most = max_tokens or _length(found)
        said = body(
            found, self._model, max_tokens=most, sampling=sampling, seed=seed, stops=stops, stop_ids=stop_ids, top=top
        )
        turns = [{"role": "user", "content": prompt}]
        turns_as = {"chat": "messages", "responses": "input"}
        asked = {
            **said,
            **({turns_as[found.api]: turns} if found.api in turns_as else {"prompt": prompt}),
            **(more or {}),
        }
        return await self._client.send("POST", PATHS[found.api], asked, partial(read, most=most, top=top))

    async def _tried(self, found: Dialect, prompt: str | list[int] = _TEXTS[0], **asked: Any) -> Reply | None:
        try:
            return await self._ask(found, prompt, **asked)
        except Refused:
            return None

    def _nothing(self, refusals: list[Refused]) -> str:
        where = self._client.base_url
        if denied := next((error for error in refusals if error.status in _KEY), None):
            return key_refused(where, denied)
        if not refusals:
            return (
                f"{where} cannot continue a plain prompt, and has no chat endpoint. Serve the model with "
                "vLLM, SGLang, llama.cpp's server or TGI."
            )
        said = "; ".join(dict.fromkeys(map(str, refusals)))
        return (
            f"{where} has neither completions nor chat for {self._model} ({said}). Is --base-url right? It ends in /v1."
        )


def key_refused(where: str, error: Refused) -> str:
    """What to type where a server wants another key."""
    return f"{where} refuses the key ({error}). Set TTS_BENCH_API_KEY, or OPENAI_API_KEY, in the environment."


def _length(found: Dialect) -> int:
    """Tokens of a request that only tries something out."""
    if found.sampling == "none" and found.api == "chat":
        return _ENOUGH
    return _LEAST if found.api == "responses" else _TOKENS
