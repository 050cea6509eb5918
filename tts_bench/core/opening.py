"""A prompt as it was rendered: what traces begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts_bench.api import Segment, Turn
from tts_bench.core.scheduler import Digest
from tts_bench.engine import Tokenizer
from tts_bench.thinking import ThinkingFormat


@dataclass(frozen=True)
class Opening:
    """The task's own prompt, or another one. What both begin with is the same compute."""

    tokens: tuple[int, ...]
    segments: tuple[Segment, ...]
    digest: Digest  # names what stands after it
    turns: tuple[Turn, ...]  # what it was rendered from

    @property
    def origin(self) -> str:
        """What its traces are known by."""
        return self.segments[-1].origin


def open_prompt(prompt: str, system: str | None, form: ThinkingFormat, tokenizer: Tokenizer) -> Opening:
    """The task's own prompt."""
    text = form.open(tokenizer.render(prompt, system))
    tokens = tokenizer.encode(text)
    digest = Digest(tokens)
    segment = Segment("prompt", tokens, _shown(text, tokenizer), digest((), "prompt"), 0)
    return Opening(tokens, (segment,), digest, _turns(prompt, system))


def open_conversation(
    prompt: str | Sequence[Turn], system: str | None, form: ThinkingFormat, tokenizer: Tokenizer, own: Opening
) -> Opening:
    """Another prompt than `own`, the task's, or a conversation. Thinking in an assistant's turn is left out of it."""
    if isinstance(prompt, str):
        turns, rendered = _turns(prompt, system), tokenizer.render(prompt, system)
    else:
        turns = tuple(
            Turn(turn.role, form.quoted(turn.content) if turn.role == "assistant" else turn.content) for turn in prompt
        )
        turns = turns if system is None else (Turn("system", system), *turns)
        rendered = tokenizer.render(turns)
    text = form.open(rendered)
    tokens = tokenizer.encode(text)
    shared = _shared(tokens, own.tokens)
    digest, decode = Digest(tokens), tokenizer.decode
    segments = []
    if shared:
        segments.append(Segment("prompt", tokens[:shared], decode(tokens[:shared]), own.segments[0].origin, 0))
    if shared < len(tokens) or not shared:
        added = _shown(decode(tokens[shared:]), tokenizer)
        segments.append(Segment("context", tokens[shared:], added, digest((), "context"), shared))
    return Opening(tokens, tuple(segments), digest, turns)


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Number of tokens that both begin with."""
    most = min(len(one), len(other))
    return next((place for place in range(most) if one[place] != other[place]), most)


def _turns(prompt: str, system: str | None) -> tuple[Turn, ...]:
    return (*((Turn("system", system),) if system else ()), Turn("user", prompt))


def _shown(text: str, tokenizer: Tokenizer) -> str:
    shown = getattr(tokenizer, "shown", str)  # where control tokens that a problem spells were marked
    return str(shown(text))
