"""The header of a GGUF file, walked before a reader trusts it: the bytes have to bear every count in it.

Source of the layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of a value of each type
_WHOLE = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
_FIELDS, _TENSORS, _ITEMS = 10_000, 200_000, 4_000_000  # more than any model has; of strings in one array
_NAME, _DIMENSIONS = 1 << 16, 4


def check_header(path: Path) -> None:
    """See that the header of a GGUF file is whole, and speaks of no more than the file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is cut off, or a count, a length or a size in it cannot be.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _Walk(data).header()


class _Walk:
    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at, self.order = data, 4, "<"

    def header(self) -> None:
        (version,) = struct.unpack_from("<I", self._taken(4))
        if version & 0xFFFF == 0:  # written by a machine of the other byte order
            self.order = ">"
        tensors, fields = self._number("Q"), self._number("Q")
        if tensors > _TENSORS or fields > _FIELDS:
            raise ValueError(f"it declares {tensors:,} tensors and {fields:,} fields")
        named: dict[str, int] = {}
        for _ in range(fields):
            key, kind = self._name(), self._number("I")
            value = self._value(kind)
            if value is not None:
                named[key] = value
        dimensions = [self._tensor() for _ in range(tensors)]
        largest = max([tensors, *(size for sizes in dimensions for size in sizes)])
        for key, value in named.items():
            if key.endswith(("_count", "_length", ".vocab_size")) and "context" not in key and value > largest:
                raise ValueError(f"{key} is {value:,}, but no tensor is as large")

    def _value(self, kind: int) -> int | None:
        """Go past a value; whole numbers are given back."""
        if kind in _WHOLE:
            return self._number(_WHOLE[kind])
        if kind in _SIZES:
            self._taken(_SIZES[kind])
        elif kind == _STRING:
            self._taken(self._number("Q"))
        elif kind == _ARRAY:
            self._array()
        else:
            raise ValueError(f"a value has the unknown type {kind}")
        return None

    def _array(self) -> None:
        kind, count = self._number("I"), self._number("Q")
        if kind in _SIZES:
            self._taken(count * _SIZES[kind])
        elif kind == _STRING and count <= _ITEMS:
            for _ in range(count):
                self._taken(self._number("Q"))
        else:
            raise ValueError(f"an array has {count:,} values of type {kind}")

    def _tensor(self) -> tuple[int, ...]:
        self._name()
        dimensions = self._number("I")
        if dimensions > _DIMENSIONS:
            raise ValueError(f"a tensor has {dimensions:,} dimensions")
        sizes = tuple(self._number("Q") for _ in range(dimensions))
        self._number("I")
        values = 1
        for size in sizes:
            values *= size
        if self._number("Q") > len(self.data) or values > 8 * len(self.data):  # no format has less than a bit for one
            raise ValueError(f"a tensor of {' x '.join(map(str, sizes))} values is larger than the file")
        return sizes

    def _name(self) -> str:
        length = self._number("Q")
        if length > _NAME:
            raise ValueError(f"a name has {length:,} bytes")
        return self._taken(length).decode()

    def _number(self, code: str) -> int:
        (value,) = struct.unpack(self.order + code, self._taken(struct.calcsize("=" + code)))
        return int(value)

    def _taken(self, count: int) -> bytes:
        """The next bytes; of many only the last, as those are gone past and not read."""
        end = self.at + count
        if end > len(self.data):
            raise ValueError("it is truncated, or has an invalid length")
        start, self.at = self.at, end
        return self.data[max(start, end - _NAME) : end]
