"""What stands in replies: read into types, so that what nobody asked for takes no memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from tts_bench.engines.openai.client import ERROR, Faulty, Unbelievable, complaint

_Kind = TypeVar("_Kind")
Buffer = bytes | bytearray | Raw

# Why a reply ended, in the words of OpenAI, TGI, Anthropic, Gemini, Cohere, Mistral and the Responses API.
_STOPS = {"stop", "eos", "eos_token", "stop_sequence", "stop_token", "end_turn", "complete", "completed"}
_LIMITS = {"length", "max_tokens", "max_output_tokens", "max_length", "max_new_tokens", "model_length"}
# JSON objects take far more memory than their text does. A reply has one for each logprob and each alternative to it,
# and text has braces, too.
_OBJECTS, _FEW = 16, 4096
_NAME = 256  # characters of a model's name
_THINK, THOUGHT = "<think>", "</think>"
_BEGINNING = 40  # bytes that are shown of what is no JSON
_NO_ERROR = (b"null", b"false", b"{}", b"[]", b'""')


@dataclass(frozen=True)
class Reply:
    """One generation, as far as the server tells of it."""

    model: str
    text: str
    ids: tuple[int, ...] | None
    finish: Literal["stop", "length", ""]  # empty: the server does not say
    stop: int | str | None  # what it says that it stopped at
    prompt_tokens: int | None
    completion_tokens: int | None  # all that were sampled, hidden ones too
    logprobs: bool = False
    reasoning: str = ""  # told apart from `text`, which is then the answer
    reasoning_tokens: int | None = None
    provider: str = ""
    places: bytes = b""  # what is told of the log-probabilities, where that was asked for

    @property
    def reasons(self) -> bool:
        """Whether something was thought that is not in `text`."""
        hidden = not self.text and bool(self.completion_tokens)
        return bool(self.reasoning or self.reasoning_tokens or hidden)


class _Details(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    completion_tokens_details: _Details | None = None
    input_tokens: int | None = None  # the Responses API
    output_tokens: int | None = None
    output_tokens_details: _Details | None = None


class _Piece(Struct):
    text: str | None = None


class _Part(Struct):
    type: str = ""
    text: str | None = None
    summary: str | list[_Piece] | None = None
    thinking: str | list[_Piece] | None = None  # Anthropic, and Mistral
    content: list[_Piece] | None = None

    @property
    def thought(self) -> bool:
        return "thinking" in self.type or "reasoning" in self.type


class _Message(Struct):
    content: str | list[_Part] | None = None
    reasoning_content: str | list[_Part] | None = None
    reasoning: str | list[_Part] | None = None
    thinking: str | list[_Part] | None = None
    reasoning_details: list[_Part] | None = None


class _Choice(Struct):
    text: str | None = None
    message: _Message | None = None
    finish_reason: str | None = None
    stop_reason: int | str | None = None  # vLLM
    matched_stop: int | str | list[int] | None = None  # SGLang
    token_ids: Raw = Raw(b"null")  # vLLM
    logprobs: Raw = Raw(b"null")


class _Verbose(Struct):
    tokens: Raw = Raw(b"[]")
    stopping_word: str = ""


class _Incomplete(Struct):
    reason: str | None = None


class _Body(Struct):
    model: str
    choices: tuple[_Choice] | UnsetType = UNSET
    usage: _Usage | None = None
    verbose: _Verbose | None = field(name="__verbose", default=None)  # llama.cpp
    provider: str | None = None  # OpenRouter
    output: list[_Part] | UnsetType = UNSET  # the Responses API
    status: str | None = None
    incomplete_details: _Incomplete | None = None


class _Failed(Struct):
    error: Raw = Raw(b"null")


class _Token(Struct):
    id: int | None = None


class _Logprobs(Struct):
    content: Raw = Raw(b"null")


def decode(raw: Buffer, kind: type[_Kind]) -> _Kind:
    """JSON of the type `kind`.

    Raises:
        Faulty: it is no JSON in UTF-8.
        Unbelievable: it is of another type, or nested too deeply.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except RecursionError:
        raise Unbelievable("the reply is nested too deeply to be read") from None
    except msgspec.ValidationError as error:
        raise Unbelievable(f"the reply is not as it has to be: {error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        begins = bytes(raw)[:_BEGINNING].decode("utf-8", "replace")
        raise Faulty(f"the reply is not JSON in UTF-8; it begins with {begins!r}") from None


def read(raw: Buffer, most: int, top: int = 0) -> Reply:
    """The reply of any endpoint, of which at most `most` tokens were asked for, with `top` alternatives to each.

    Raises:
        Faulty: as `decode`, or it is an error, which routers send with status 200.
        Unbelievable: something is missing, or of the wrong kind.
    """
    if raw.count(b"{") > (_OBJECTS + top) * most + _FEW:
        raise Unbelievable("the reply has more objects than it can need")
    try:
        return _read(raw, most, top)
    except Unbelievable:
        if error := _error(raw):
            raise Faulty(f"the reply is an error with status 200: {error}") from None
        raise


def _error(raw: Buffer) -> str:
    """What error the reply tells of; empty where it tells of none."""
    try:
        said = bytes(decode(raw, _Failed).error)
    except Faulty:
        return ""
    return "" if said in _NO_ERROR else complaint(said[:ERROR].decode("utf-8", "replace"))


def _read(raw: Buffer, most: int, top: int) -> Reply:
    whole = decode(raw, _Body)
    if not all(name.isprintable() and len(name) <= _NAME for name in (whole.model, whole.provider or "")):
        raise Unbelievable("it reports an invalid model name")
    if whole.choices is UNSET:
        return _response(whole)
    [choice] = whole.choices
    text, reasoning = (choice.text, "") if choice.message is None else _said(choice.message)
    if text is None:
        raise Unbelievable("the reply has no text")
    verbose = whole.verbose or _Verbose()
    matched = choice.matched_stop[:1] if isinstance(choice.matched_stop, list) else [choice.matched_stop]
    stops = (choice.stop_reason, *matched, verbose.stopping_word or None)
    prompt_tokens, sampled, hidden = _counted(whole.usage, thinks=choice.message is not None)
    return Reply(
        whole.model,
        text,
        _ids(verbose.tokens, most) or _told(choice, most),
        _finish(choice.finish_reason),
        next((stop for stop in stops if stop is not None), None),
        prompt_tokens,
        sampled,
        logprobs=bytes(choice.logprobs) not in (b"null", b"{}"),
        reasoning=reasoning,
        reasoning_tokens=hidden,
        provider=whole.provider or "",
        places=bytes(choice.logprobs) if top else b"",
    )


def _response(whole: _Body) -> Reply:
    """A reply of the Responses API."""
    if whole.output is UNSET:
        raise Unbelievable("the reply has neither choices nor output")
    thought = [part for part in whole.output if part.type == "reasoning"]
    said = [piece for part in whole.output if part.type == "message" for piece in part.content or ()]
    reason = whole.incomplete_details.reason if whole.incomplete_details else whole.status
    prompt_tokens, sampled, hidden = _counted(whole.usage, thinks=True)
    return Reply(
        whole.model,
        "".join(piece.text or "" for piece in said),
        None,
        _finish(reason),
        None,
        prompt_tokens,
        sampled,
        reasoning=_joined(thought),
        reasoning_tokens=hidden,
    )


def _said(message: _Message) -> tuple[str, str]:
    """Answer and reasoning: from fields of their own, from parts, or from tags."""
    content = message.content
    parts = content if isinstance(content, list) else []
    reasoning = (
        _text(message.reasoning_content)
        or _text(message.reasoning)
        or _text(message.thinking)
        or _joined(message.reasoning_details or ())
        or _joined(part for part in parts if part.thought)
    )
    text = _joined(part for part in parts if not part.thought) if parts else _text(content)
    if reasoning:
        return text, reasoning
    if text.lstrip().startswith(_THINK):  # Together, and servers without a reasoning parser
        thought, end, answer = text.lstrip()[len(_THINK) :].partition(THOUGHT)
        return (answer, thought) if end else ("", thought)
    return text, ""


def _text(said: str | list[_Part] | None) -> str:
    return said if isinstance(said, str) else _joined(said or ())


def _joined(parts: Iterable[_Part]) -> str:
    """All text of parts, in their order; a summary only where there is nothing fuller."""
    return "".join(
        next(filter(None, map(_written, (part.text, part.thinking, part.content, part.summary))), "") for part in parts
    )


def _written(said: str | list[_Piece] | None) -> str:
    return said if isinstance(said, str) else "".join(piece.text or "" for piece in said or ())


def _finish(said: str | None) -> Literal["stop", "length", ""]:
    if not said:
        return ""
    word = said.lower()
    if word in _STOPS:
        return "stop"
    if word in _LIMITS:
        return "length"
    raise Unbelievable(f"it ends for {said!r}, and neither by itself nor for its length")


def _counted(usage: _Usage | None, *, thinks: bool) -> tuple[int | None, int | None, int | None]:
    """Tokens of the prompt, all that were sampled, and those of them that are said to be hidden.

    Some servers (xAI, Gemini) leave what was thought out of the completion, and have it in the total only.
    """
    if usage is None:
        return None, None, None
    prompt = usage.prompt_tokens if usage.prompt_tokens is not None else usage.input_tokens
    sampled = usage.completion_tokens if usage.completion_tokens is not None else usage.output_tokens
    details = usage.completion_tokens_details or usage.output_tokens_details or _Details()
    hidden = details.reasoning_tokens
    if any((count or 0) < 0 for count in (prompt, sampled, hidden, usage.total_tokens)):
        raise Unbelievable("it counts fewer than no tokens")
    if thinks and prompt is not None and sampled is not None and usage.total_tokens is not None:
        beside = max(0, usage.total_tokens - prompt - sampled)
        return prompt, sampled + beside, hidden or beside or hidden
    return prompt, sampled, hidden


def _told(choice: _Choice, most: int) -> tuple[int, ...] | None:
    if bytes(choice.token_ids) != b"null":
        return _ids(choice.token_ids, most)
    if not bytes(choice.logprobs).startswith(b"{"):
        return None
    content = decode(choice.logprobs, _Logprobs).content  # llama.cpp
    if b'"id"' not in bytes(content):
        return None
    places = decode(content, list[_Token])
    ids = tuple(place.id for place in places if place.id is not None)
    return ids if len(ids) == len(places) else None  # a token may read "id"


def _ids(raw: Raw, most: int) -> tuple[int, ...]:
    if bytes(raw).count(b",") > most:
        raise Unbelievable("it returns more token ids than were requested")
    return tuple(decode(raw, list[int]))
