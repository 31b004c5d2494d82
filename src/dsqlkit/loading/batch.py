"""The ids of one transaction: made from a seed, written as lines and as PostgreSQL's binary array.

All ids are written at once, byte by byte of their places: a loop over single ids in Python would
take longer than the cluster does.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final, overload
from uuid import UUID

SEED_BYTES: Final = 32
_ID_BYTES: Final = 16

_VERSION_PLACE, _VARIANT_PLACE = 6, 8
_VERSION: Final = bytes(0x40 | byte & 0x0F for byte in range(256))
_VARIANT: Final = bytes(0x80 | byte & 0x3F for byte in range(256))

_LINE: Final = b"00000000-0000-0000-0000-000000000000\n"
_DIGIT_PLACES: Final = tuple(compress(range(len(_LINE)), (each == ord("0") for each in _LINE)))

_ELEMENT_HEAD: Final = _ID_BYTES.to_bytes(4, "big")
_ELEMENT_BYTES: Final = len(_ELEMENT_HEAD) + _ID_BYTES
_UUID_OID: Final = 2950


@dataclass(frozen=True, slots=True)
class Batch(Sequence[UUID]):
    """Some ids, as 16 bytes each; `number` is the transaction's in its load, from 0."""

    number: int
    raw: bytes

    @classmethod
    def of(cls, ids: Iterable[UUID]) -> "Batch":
        """A batch by itself, of ids that the caller has chosen."""
        return cls(0, b"".join(each.bytes for each in ids))

    def __len__(self) -> int:
        return len(self.raw) // _ID_BYTES

    @overload
    def __getitem__(self, index: int) -> UUID: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[UUID]: ...
    def __getitem__(self, index: int | slice) -> UUID | Sequence[UUID]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        at = range(len(self))[index] * _ID_BYTES
        return UUID(bytes=self.raw[at : at + _ID_BYTES])

    def lines(self) -> str:
        """The ids as text, one a line."""
        digits = self.raw.hex().encode()
        lines = bytearray(_LINE * len(self))
        for digit, place in enumerate(_DIGIT_PLACES):
            lines[place :: len(_LINE)] = digits[digit :: 2 * _ID_BYTES]
        return lines.decode()

    def array(self) -> bytes:
        """The ids as a `uuid[]` in PostgreSQL's binary format."""
        elements = bytearray((_ELEMENT_HEAD + bytes(_ID_BYTES)) * len(self))
        for place in range(_ID_BYTES):
            elements[len(_ELEMENT_HEAD) + place :: _ELEMENT_BYTES] = self.raw[place::_ID_BYTES]
        dimensions, has_nulls, first_index = 1, 0, 1
        head = (dimensions, has_nulls, _UUID_OID, len(self), first_index)
        return b"".join(each.to_bytes(4, "big") for each in head) + elements


def make(seed: bytes, number: int, rows: int) -> Batch:
    """The batch of that number: random UUIDs (version 4) to all who do not know the seed."""
    stream = hashlib.shake_256(seed + number.to_bytes(8, "big")).digest(_ID_BYTES * rows)
    raw = bytearray(stream)
    for place, table in ((_VERSION_PLACE, _VERSION), (_VARIANT_PLACE, _VARIANT)):
        raw[place::_ID_BYTES] = raw[place::_ID_BYTES].translate(table)
    return Batch(number, bytes(raw))
