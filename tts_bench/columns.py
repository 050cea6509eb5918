"""Numbers beside each sampled token: what each one means, and how they are held, cut and joined.

All are of the model's own distribution over the tokens of its vocabulary: as its logits give it, before temperature,
top-k, top-p, min-p, masks and penalties. Logarithms are natural.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

LOGPROB = "logprob"  # log-probability of the sampled token
ENTROPY = "entropy"  # of the whole distribution, in nats
TOP_MEAN = "top_mean"  # "top_mean:K": mean of the K largest log-probabilities, the sampled token's among them or not

_TOP_MEAN = re.compile(rf"{TOP_MEAN}:([1-9][0-9]{{0,5}})")
_SIZE = 4  # bytes of a number


def top_mean(count: int) -> str:
    """The name of the mean of the `count` largest log-probabilities.

    Raises:
        ValueError: `count` is not from 1 to 999,999.
    """
    name = f"{TOP_MEAN}:{count}"
    top_of(name)
    return name


def top_of(name: str) -> int:
    """The K of "top_mean:K"; 0 for the other columns.

    Raises:
        ValueError: there is no column of that name.
    """
    if name in (LOGPROB, ENTROPY):
        return 0
    found = _TOP_MEAN.fullmatch(name)
    if found is None:
        raise ValueError(f"there is no column {name!r}; there are {LOGPROB}, {ENTROPY} and {TOP_MEAN}:K, with K from 1")
    return int(found[1])


@lru_cache
def named(names: frozenset[str]) -> tuple[str, ...]:
    """`names` as a `Request` takes them: sorted, each once.

    Raises:
        ValueError: there is no column of one of these names.
    """
    for name in names:
        top_of(name)
    return tuple(sorted(names))


@dataclass(frozen=True, slots=True)
class Columns(Mapping[str, tuple[float, ...]]):
    """Numbers by the names of their columns, one for each token, in the order of the tokens.

    They are held as float32, so that what comes from the store is what was made, to the bit. In the store a column may
    be shorter than the tokens: then nobody has asked for it further on.
    """

    packed: tuple[tuple[str, bytes], ...] = ()  # by name; float32, little-endian. A column without a number is left out

    @staticmethod
    def of(values: Mapping[str, Sequence[float]]) -> Columns:
        """Columns that hold `values`, which are rounded to float32.

        Raises:
            ValueError: there is no column of one of these names.
        """
        names = named(frozenset(values))
        return Columns(
            tuple((name, struct.pack(f"<{len(values[name])}f", *values[name])) for name in names if len(values[name]))
        )

    def __getitem__(self, name: str) -> tuple[float, ...]:
        packed = dict(self.packed)[name]
        return struct.unpack(f"<{len(packed) // _SIZE}f", packed)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.packed)

    def __len__(self) -> int:
        return len(self.packed)

    def covered(self, names: Sequence[str], tokens: int) -> int:
        """How many of the first `tokens` tokens have a number in every one of the columns `names`."""
        lengths = self._lengths()
        return min((lengths.get(name, 0) for name in names), default=tokens)

    def only(self, names: Sequence[str]) -> Columns:
        """Those of the columns `names` that there are."""
        return Columns(tuple((name, numbers) for name, numbers in self.packed if name in names))

    def cut(self, tokens: int) -> Columns:
        """The numbers of the first `tokens` tokens."""
        if not self.packed:
            return self
        return Columns(tuple((name, numbers[: _SIZE * tokens]) for name, numbers in self.packed if tokens))

    def after(self, tokens: int) -> Columns:
        """The numbers behind those of the first `tokens` tokens."""
        return Columns(tuple((name, left) for name, numbers in self.packed if (left := numbers[_SIZE * tokens :])))

    def joined(self, tokens: int, after: Columns) -> Columns:
        """The numbers of the first `tokens` tokens, and behind them those of `after`.

        A column that is not in `after`, or that does not reach so far, ends where it ends.
        """
        mine = dict(self.cut(tokens).packed)
        for name, numbers in after.packed:
            if len(mine.get(name, b"")) == _SIZE * tokens:
                mine[name] = mine.get(name, b"") + numbers
        return Columns(tuple(sorted(mine.items())))

    def longest(self, other: Columns) -> Columns:
        """Of each column the longer one, this one's where they are equally long."""
        mine = dict(self.packed)
        for name, numbers in other.packed:
            if len(numbers) > len(mine.get(name, b"")):
                mine[name] = numbers
        return Columns(tuple(sorted(mine.items())))

    def reach_beyond(self, other: Columns) -> bool:
        """Whether a column has more numbers here than there."""
        theirs = other._lengths()
        return any(length > theirs.get(name, 0) for name, length in self._lengths().items())

    def dump(self) -> bytes:
        """All of it as bytes: names and lengths as JSON, a line feed, the numbers. Empty where there is no column."""
        if not self.packed:
            return b""
        return json.dumps(self._lengths()).encode() + b"\n" + b"".join(numbers for _, numbers in self.packed)

    @staticmethod
    def load(dumped: bytes) -> Columns:
        """The columns that `dump` gave."""
        if not dumped:
            return NO_COLUMNS
        head, _, numbers = dumped.partition(b"\n")
        packed, at = [], 0
        for name, length in json.loads(head).items():
            packed.append((name, numbers[at : at + _SIZE * length]))
            at += _SIZE * length
        return Columns(tuple(packed))

    def _lengths(self) -> dict[str, int]:
        return {name: len(numbers) // _SIZE for name, numbers in self.packed}


NO_COLUMNS = Columns()
