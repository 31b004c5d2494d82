"""What it costs at least to ask a cluster in AWS: the minimums of its transactions.

DSQL counts at least 0.05 DPU for a transaction that writes and 0.00375 for one that reads, and
0.05 DPU for each KiB written, a row being 128 bytes at least (third parties' plans of 2025-11 to
2026-07, with what CloudWatch counted). Compute time comes on top, most of it with the first
transaction of a connection: 0.2 to 0.8 DPU were counted for one. What DDL writes nobody measured.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dsqlkit.probing.record import Probe, statements_of

_WRITE: Final = Decimal("0.05")
_READ: Final = Decimal("0.00375")
_ROW: Final = _WRITE * 128 / 1024
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
        dpu=sum(map(_dpu, texts), schemas * _WRITE + connections * _CONNECTION),
    )


def _dpu(text: str) -> Decimal:
    if _READS.match(text):
        return _READ
    many = _MANY_ROWS.match(text)
    return max(_WRITE, _ROW * int(many[1])) if many else _WRITE
