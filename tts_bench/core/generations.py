"""What one generation says of others of the same key: a longer limit gives more of the same tokens."""

from __future__ import annotations

from dataclasses import replace

from tts_bench.engine import Generation


def cut(generation: Generation, max_tokens: int) -> Generation:
    """What the same generation gives when its limit is `max_tokens`."""
    if max_tokens >= len(generation.tokens):
        return generation
    return Generation(generation.tokens[:max_tokens], "length", columns=generation.columns.cut(max_tokens))


def continued(known: Generation, length: int, made: Generation) -> Generation:
    """The whole of which the first `length` tokens are of `known`, and all that follow were `made` after them."""
    if not length:
        return made
    columns = known.columns.joined(length, made.columns)
    return replace(made, tokens=known.tokens[:length] + made.tokens, columns=columns)


def merged(known: Generation, other: Generation) -> Generation:
    """What is kept of two generations of one key: the longer one, with every column as far as either has it.

    Engines that are not exact may give other tokens where they are asked again. Then one of the two is kept as it is:
    the other one where it has numbers that were lacking, or else the longer.
    """
    short, long = sorted((other, known), key=lambda each: (len(each.tokens), each.finish != "length"))
    begins = short.finish == "length" or len(short.tokens) == len(long.tokens)
    if begins and long.tokens[: len(short.tokens)] == short.tokens:
        return replace(long, columns=known.columns.longest(other.columns))
    return other if other.columns.reach_beyond(known.columns) else long
