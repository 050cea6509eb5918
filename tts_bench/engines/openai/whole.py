"""A reply that holds thinking and answer: how its tokens are shared out between them."""

from __future__ import annotations

from dataclasses import replace

from tts_bench.engine import Generation, Request
from tts_bench.engines.openai.account import cut, slack
from tts_bench.engines.openai.client import Unbelievable
from tts_bench.engines.openai.counted import ServerCounted
from tts_bench.engines.openai.tokenizer import UNSEEN, EndpointTokenizer
from tts_bench.engines.openai.wire import THOUGHT, Reply


def whole(reply: Reply, request: Request, limit: int, tokenizer: EndpointTokenizer | ServerCounted) -> Generation:
    """The generation that `reply` tells of: what was thought, then, as its stop, what was answered.

    Its length is what the server counts. Of that, what is hidden was thought: tokens that the server says it hides, or
    that no text stands for.

    Raises:
        Unbelievable: a count above the limit, or fewer tokens than the texts have.
    """
    reply = _parted(reply)
    count = reply.completion_tokens
    if (count or 0) > limit:
        raise Unbelievable(f"it counts {count} tokens where at most {limit} were asked for")
    if isinstance(tokenizer, ServerCounted):
        thought, answer = _as_counted(reply, tokenizer)
    else:
        thought, answer = _as_cut(reply, limit, tokenizer)
    if reply.finish == "stop" and len(answer) <= limit:
        # Texts may be cut into a few tokens more than were sampled. The answer is scored: it is what stays whole.
        return Generation(thought[: limit - len(answer)] + answer, "stop", len(answer))
    tokens = thought + answer
    if not reply.finish and len(tokens) < limit:
        raise Unbelievable(f"it does not say why it ends after {len(tokens)} tokens where {limit} were asked for")
    full = len(tokens) >= limit == request.max_tokens
    tokens = tokens[:limit]
    return Generation(tokens, "length" if full else "context", max(0, len(tokens) - len(thought)))


def _parted(reply: Reply) -> Reply:
    """`reply` with thinking of which the text has the end alone, since the chat template had opened it."""
    thought, end, answer = reply.text.partition(THOUGHT)
    return replace(reply, reasoning=thought, text=answer) if end and not reply.reasons else reply


def _as_cut(reply: Reply, limit: int, tokenizer: EndpointTokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    thought, answer = cut(reply.reasoning, limit, tokenizer), cut(reply.text, limit, tokenizer)
    said = reply.completion_tokens
    count = max(len(thought), reply.reasoning_tokens or 0) + len(answer) if said is None else said
    if len(thought) + len(answer) > count + slack(count):
        raise Unbelievable(f"it counts {count} tokens where its texts have {len(thought) + len(answer)}")
    if count > limit + slack(limit):
        raise Unbelievable(f"it has {count} tokens where at most {limit} were asked for")
    hidden = max(0, count - len(thought) - len(answer))
    return thought + (UNSEEN,) * hidden, answer


def _as_counted(reply: Reply, tokenizer: ServerCounted) -> tuple[tuple[int, ...], tuple[int, ...]]:
    usual = tokenizer.encode
    if reply.completion_tokens is None:
        raise Unbelievable("it does not count its tokens, and nothing else can: type --tokenizer")
    count, thinking = reply.completion_tokens, reply.reasoning_tokens
    if thinking is None or (not thinking and reply.reasoning):  # shared out by the texts
        shares = len(usual(reply.reasoning)), len(usual(reply.text))
        thinking = round(count * shares[0] / (sum(shares) or 1)) if reply.reasoning else 0
        thinking = count if not reply.text else thinking
    if thinking > count:
        raise Unbelievable(f"it counts {thinking} tokens of thinking among {count}")
    least = tokenizer.least(reply.text)
    if least > count and reply.reasons:
        raise Unbelievable(f"it counts {count} tokens, thinking among them, and an answer of {least} or more")
    thinking = max(0, min(thinking, count - least))  # where the answer's tokens are long, thinking gives what it needs
    # What is shown of the thinking may be a summary, and then there is no saying how its length is related.
    shown = reply.reasoning if tokenizer.least(reply.reasoning) <= thinking else ""
    return tokenizer.fit(shown, thinking), tokenizer.fit(reply.text, count - thinking)
