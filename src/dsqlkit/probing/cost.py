"""What it costs at least to ask a cluster in AWS: the minimums of its transactions.

What a transaction and a row cost at least says dsqlkit.dpu. Compute time comes on top, most of it
with the first transaction of a connection: 0.2 to 0.8 DPU were counted for one. What DDL writes
nobody measured.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dsqlkit.dpu import MIN_ENTRY_BYTES, READ_MINIMUM, WRITE_MINIMUM, write_dpu
from dsqlkit.probing.record import Probe, statements_of

_ROW: Final = write_dpu(MIN_ENTRY_BYTES)
_CONNECTION: Final = Decimal("0.2")
_READS: Final = re.compile(
    r"\s*(SELECT|SHOW|SET|BEGIN|START|COMMIT|ROLLBACK|WITH|VALUES|TABLE|EXPLAIN)\b", re.I
)
_MANY_ROWS: Final = re.compile(r"\s*INSERT .*generate_series\(1, (\d+)\)", re.I | re.S)
_SCHEMA_STATEMENTS: Final = 2
"""Those that make and remove a probe's schema."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`dpu` is the least that a cluster in AWS counts; the local cluster costs nothing."""

    probes: int
    statements: int
    connections: int
    dpu: Decimal


def cost_of(probes: Sequence[Probe]) -> Cost:
    """What asking these probes takes, each statement taken for a transaction of its own."""
    texts = [text for probe in probes for _, text in statements_of(probe)]
    schemas = sum(probe.needs_schema for probe in probes) * _SCHEMA_STATEMENTS
    connections = 1 + sum(len(probe.sessions) - 1 for probe in probes)
    return Cost(
        probes=len(probes),
        statements=len(texts) + schemas,
        connections=connections,
        dpu=sum(map(_dpu, texts), schemas * WRITE_MINIMUM + connections * _CONNECTION),
    )


def _dpu(text: str) -> Decimal:
    if _READS.match(text):
        return READ_MINIMUM
    many = _MANY_ROWS.match(text)
    return max(WRITE_MINIMUM, _ROW * int(many[1])) if many else WRITE_MINIMUM
