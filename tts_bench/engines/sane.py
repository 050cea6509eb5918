"""What an engine that counts tokens itself refuses of a request before it begins."""

from __future__ import annotations

from collections.abc import Container

from tts_bench.engine import Request


def check_request(request: Request, vocabulary: int, learned: Container[int]) -> None:
    """Refuse what no caller of the harness asks for; `vocabulary` is its size, `learned` the ids beyond it.

    Raises:
        ValueError: no prompt, no room for a token, more sampled tokens than there are, or an id that is no token's.
    """
    if not request.prompt:
        raise ValueError("the prompt holds no token; it takes at least one")
    if request.max_tokens < 1:
        raise ValueError(f"max_tokens is {request.max_tokens}; it takes at least 1")
    if not 0 <= request.sampled <= len(request.prefix):
        raise ValueError(f"sampled is {request.sampled}, but the prefix holds {len(request.prefix)} tokens")
    known = range(vocabulary)
    for token in (*request.prompt, *request.prefix):
        if token not in known and token not in learned:
            raise ValueError(f"token ids run from 0 to {known.stop - 1}, and learned ones; the request has {token}")
