"""The ids of one transaction: made from a seed, written as lines and as PostgreSQL's binary array.

All ids are written at once, place by place: a loop over single ids in Python would take longer than
the cluster does.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, overload
from uuid import UUID

SEED_BYTES: Final = 32
ID_BYTES: Final = 16

_VERSION_PLACE, _VARIANT_PLACE = 6, 8
_VERSION: Final = bytes(0x40 | byte & 0x0F for byte in range(256))
_VARIANT: Final = bytes(0x80 | byte & 0x3F for byte in range(256))

_ELEMENT_HEAD: Final = ID_BYTES.to_bytes(4, "big")
_ELEMENT_BYTES: Final = len(_ELEMENT_HEAD) + ID_BYTES
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
        return len(self.raw) // ID_BYTES

    @overload
    def __getitem__(self, index: int) -> UUID: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[UUID]: ...
    def __getitem__(self, index: int | slice) -> UUID | Sequence[UUID]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        at = range(len(self))[index] * ID_BYTES
        return UUID(bytes=self.raw[at : at + ID_BYTES])

    def lines(self) -> str:
        """The ids as text, one a line."""
        # In fours, and then without the hyphens that an id has not, from the last to the first.
        lines = bytearray(self.raw.hex("-", 2).encode() + b"-" * bool(self.raw))
        lines[39::40] = b"\n" * len(self)
        del lines[34::40], lines[29::39], lines[4::38]
        return lines.decode()

    def array(self) -> bytes:
        """The ids as a `uuid[]` in PostgreSQL's binary format."""
        elements = bytearray((_ELEMENT_HEAD + bytes(ID_BYTES)) * len(self))
        for place in range(ID_BYTES):
            elements[len(_ELEMENT_HEAD) + place :: _ELEMENT_BYTES] = self.raw[place::ID_BYTES]
        dimensions, has_nulls, first_index = 1, 0, 1
        head = (dimensions, has_nulls, _UUID_OID, len(self), first_index)
        return b"".join(each.to_bytes(4, "big") for each in head) + elements


def make(seed: bytes, number: int, rows: int) -> Batch:
    """The batch of that number: random UUIDs (version 4) to all who do not know the seed."""
    stream = hashlib.shake_256(seed + number.to_bytes(8, "big")).digest(ID_BYTES * rows)
    raw = bytearray(stream)
    for place, table in ((_VERSION_PLACE, _VERSION), (_VARIANT_PLACE, _VARIANT)):
        raw[place::ID_BYTES] = raw[place::ID_BYTES].translate(table)
    return Batch(number, bytes(raw))
