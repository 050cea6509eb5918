"""From a reply to a generation: which tokens it has, where its stop is, and whether the server's count can be right."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from tts_bench.engine import Generation, Request
from tts_bench.engines.hf.stops import trailing_stop
from tts_bench.engines.openai.client import Unbelievable
from tts_bench.engines.openai.tokenizer import UNSEEN, EndpointTokenizer
from tts_bench.engines.openai.wire import Reply

# Sampled text is not always cut into tokens as its tokenizer would cut it, so where ids are not told the two counts may
# differ a little: by one token in 50, and by 2.
_SHARE, _FEW = 50, 2
_PIECE = 2**14  # characters that are cut into tokens before it is known whether the rest may be


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

    Where it does not say, or its text is cut into a few tokens more, its length is that of its ids or its text, and the
    limit at most.

    Args:
        limit: the most tokens that were asked for.
        texts: all that stops as text.
        stop_shown: the server's texts include the stop text.

    Raises:
        Unbelievable: counts that contradict the text, the ids or the limit, or ids that contradict the text.
    """
    told = reply.ids is not None
    if (reply.completion_tokens or 0) > limit:
        raise Unbelievable(f"it counts {reply.completion_tokens} tokens where at most {limit} were asked for")
    ids = cut(reply.text, limit, tokenizer) if reply.ids is None else reply.ids
    if wrong := next((token for token in ids if not 0 <= token < tokenizer.size), None):
        raise Unbelievable(f"it returns token id {wrong}, and the vocabulary has {tokenizer.size}")
    length, stop = _first_stop(request, ids, texts, tokenizer)
    end = () if stop or reply.finish != "stop" else _unshown_end(reply, ids, () if stop_shown else texts, tokenizer)
    count = reply.completion_tokens
    if count is None:
        count = limit if reply.finish == "length" and not told else len(ids) + len(end)
    if not stop and reply.finish == "stop":
        # Told whole, the last token is an end that only the server knows of.
        ids, stop = ids + end, len(end) or int(told and bool(ids))
        length = len(ids)
    missing = count - len(ids)
    if missing and told and reply.logprobs:  # llama.cpp has none for a token that ends inside a character
        untold = replace(reply, ids=None, logprobs=False)
        return generation(untold, request, limit, texts, tokenizer, stop_shown=stop_shown)
    if missing and (told or abs(missing) > slack(count)):
        raise Unbelievable(f"it counts {count} tokens where its {'ids' if told else 'text'} has {len(ids)}")
    if count > limit + (0 if told else slack(limit)):  # it does not say so itself
        raise Unbelievable(f"it has {count} tokens where at most {limit} were asked for")
    if told and not _spells(ids, ids[: length - stop], reply.text, tokenizer):
        raise Unbelievable("its token ids spell another text than the one it gives")
    content, stopped = max(0, length - stop), bool(stop) or reply.finish == "stop"
    unseen = (UNSEEN,) * missing if length == len(ids) else ()  # behind the first stop, all was sampled for nothing
    ids = ids[:content] + unseen + ids[content:length]
    if stopped and len(ids) <= limit:
        return Generation(ids, "stop", stop)
    if not stopped and count != limit:
        why = "ends for its length" if reply.finish else "does not say why it ends"
        raise Unbelievable(f"it {why} after {count} tokens where {limit} were asked for")
    # Cut into more tokens than were asked for, a text ends for its length, whatever ended what was sampled.
    return Generation(ids[:limit], "length" if limit == request.max_tokens else "context")


def cut(text: str, most: int, tokenizer: EndpointTokenizer) -> tuple[int, ...]:
    """Token ids of `text`, which is not cut to its end where it has far more than `most` tokens: they take memory.

    Raises:
        Unbelievable: it has.
    """
    room = most + slack(most)
    for at in range(0, len(text), _PIECE) if len(text) > _PIECE else ():
        room -= len(tokenizer.encode(text[at : at + _PIECE])) - _FEW  # a word that is cut in two
        if room < 0:
            raise Unbelievable(f"its text has more than the {most} tokens that were asked for")
    return tokenizer.encode(text)


def slack(count: int) -> int:
    """Tokens by which a text that counts `count` of them may differ from its tokenizer's."""
    return _FEW + count // _SHARE


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


def _unshown_end(
    reply: Reply, ids: tuple[int, ...], texts: Sequence[str], tokenizer: EndpointTokenizer
) -> tuple[int, ...]:
    """The stop that the server counts and does not show. Where it counts nothing, ids are whole and text lacks one."""
    missing = int(reply.ids is None) if reply.completion_tokens is None else reply.completion_tokens - len(ids)
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


def _spells(ids: tuple[int, ...], content: tuple[int, ...], text: str, tokenizer: EndpointTokenizer) -> bool:
    """Whether `ids` and `text` are the same but for what servers show or not.

    That is white space, the names of added tokens, characters that are not whole, and the stop, which begins within
    the token after `content` or behind it.
    """
    spelled = tokenizer.decode(ids)
    # A character that a limit has cut may be shown whole, by a server that remembers its beginning.
    shown = [text, text[1:]] if spelled.startswith("\ufffd") else [text]
    said, head = (tokenizer.unspoken.sub("", each) for each in (spelled, tokenizer.decode(content)))
    heard = [tokenizer.unspoken.sub("", each) for each in shown]
    return any(each == said or (head != said and said.startswith(each) and each.startswith(head)) for each in heard)
