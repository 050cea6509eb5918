"""From a reply to a generation: which tokens it has, where its stop is, and whether the server's count can be right."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from tts_bench.engines.base import Generation, Request
from tts_bench.engines.hf.stops import trailing_stop

from .client import Unbelievable
from .tokenizer import UNSEEN, EndpointTokenizer
from .wire import Reply

# Sampled text is not always cut into tokens as its tokenizer would cut it, so where ids are not told the two counts may
# differ a little: by one token in 50, and by 2.
_SHARE, _FEW = 50, 2


def generation(
    reply: Reply,
    request: Request,
    limit: int,
    texts: Sequence[str],
    tokenizer: EndpointTokenizer,
    *,
    stop_shown: bool = False,
) -> Generation:
    """The generation that `reply` tells of, its stop included, as long as the server says that it is.

    Args:
        limit: the most tokens that were asked for.
        texts: all that stops as text.
        stop_shown: the server's texts include the stop text.

    Raises:
        Unbelievable: counts that contradict the text, the ids or the limit.
    """
    count, told = reply.completion_tokens, reply.ids is not None
    ids = tokenizer.encode(reply.text) if reply.ids is None else reply.ids
    if count > limit:
        raise Unbelievable(f"it counts {count} tokens where at most {limit} were asked for")
    length, stop = _first_stop(request, ids, texts, tokenizer)
    if not stop and reply.finish == "stop":
        end = _unshown_end(reply, count - len(ids), () if stop_shown else texts, tokenizer)
        # Told whole, the last token is an end that only the server knows of.
        ids, stop = ids + end, len(end) or int(told and bool(ids))
        length = len(ids)
    missing = count - len(ids)
    if missing and told and reply.logprobs:  # llama.cpp has none for a token that ends inside a character
        untold = replace(reply, ids=None, logprobs=False)
        return generation(untold, request, limit, texts, tokenizer, stop_shown=stop_shown)
    if missing and (told or abs(missing) > _FEW + count // _SHARE):
        raise Unbelievable(f"it counts {count} tokens where its {'ids' if told else 'text'} has {len(ids)}")
    if length < len(ids):  # what stands behind the first stop was sampled for nothing
        return Generation(ids[:length], "stop", stop)
    content = max(0, len(ids) - stop)
    ids = ids[:content] + (UNSEEN,) * missing + ids[content:]
    if stop or reply.finish == "stop":
        return Generation(ids, "stop", stop)
    if count != limit:
        raise Unbelievable(f"it ends for its length after {count} tokens where {limit} were asked for")
    return Generation(ids[:limit], "length" if limit == request.max_tokens else "context")


def _first_stop(
    request: Request, ids: tuple[int, ...], texts: Sequence[str], tokenizer: EndpointTokenizer
) -> tuple[int, int]:
    """Length up to the first stop, and the stop's own; all of `ids` and 0 where there is none."""
    length = next((place + 1 for place, token in enumerate(ids) if token in request.stop_ids), None)
    known = request.prefix[len(request.prefix) - request.sampled :]

    def stopped(count: int) -> bool:
        text = tokenizer.decode(known + ids[:count])
        return any(stop in text for stop in texts)

    if texts and stopped(len(ids) if length is None else length - 1):
        count = bisect_left(range(len(ids) + 1), True, key=stopped)
        return count, trailing_stop(known + ids[:count], texts, tokenizer.decode)
    return (len(ids), 0) if length is None else (length, 1)


def _unshown_end(reply: Reply, missing: int, texts: Sequence[str], tokenizer: EndpointTokenizer) -> tuple[int, ...]:
    """The stop that is among the `missing` tokens, which the server counts and does not show."""
    if missing <= 0:
        return ()
    if isinstance(reply.stop, int):
        return (reply.stop,)
    if isinstance(reply.stop, str):
        return tokenizer.encode(reply.stop)
    eos = tokenizer.inner.eos_token_id
    candidates = [*map(tokenizer.encode, texts), (UNSEEN if eos is None else int(eos),)]
    if reply.ids is None:
        return candidates[0]
    return next((end for end in candidates if len(end) == missing), ())
