"""What one transaction may hold on DSQL: one DDL statement, or DML that changes at most 3,000 rows,
within 300 seconds. How much it may write is server/sql/limits.sql's.

DDL and rows were recorded of a real cluster (conformance record, groups transaction and
multi_statement); the words about age by a third party.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dsqlkit.errors import FAULTS_OFF
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.statements.statement import ENDS, Kind
from dsqlkit.quotas import MAX_TRANSACTION_AGE_S

TOO_MANY_ROWS: Final = Refusal("54000", "transaction row limit exceeded")

_SECOND_DDL: Final = not_supported("multiple ddl statements not supported in a transaction")
_MIXED: Final = not_supported("ddl and dml are not supported in the same transaction")
_ANALYZE: Final = Refusal("25001", "ANALYZE cannot run inside a transaction block")
"""PostgreSQL's words for VACUUM; that DSQL refuses it there is documented, its words are not."""
_ALONE: Final = {
    Kind.ANALYZE: _ANALYZE,
    # In the source of AWS's plug-in for Flyway; the SQLSTATE was not recorded.
    Kind.WAIT: Refusal("25001", "sys.wait_for_job cannot run inside a transaction block"),
}
"""What may not join others in a transaction."""
_DML: Final = (Kind.WRITE, Kind.COPY_IN)
_SCHEMA: Final = Kind.SCHEMA  # looked up once: every step is compared
"""A BEGIN in a transaction is none of them: what came before is in the same one."""


def mixture(ddl: bool, dml: bool, parts: Iterable[Kind]) -> tuple[bool, bool, Refusal | None]:
    """Whether a transaction has DDL and DML after statements of these kinds, given what it had
    before, and why the first that may not join it is refused."""
    for kind in parts:
        if kind is _SCHEMA:
            if ddl or dml:
                return ddl, dml, _SECOND_DDL if ddl else _MIXED
            ddl = True
        elif kind in _DML:
            if ddl:
                return ddl, dml, _MIXED
            dml = True
        elif kind in ENDS:
            ddl = dml = False
    return ddl, dml, None


@dataclass(slots=True, eq=False)
class Held:
    """What the transaction of a pipeline in autocommit holds so far: all that came since the last
    Sync, or the last COMMIT or ROLLBACK. `begun`: something did that may join others.

    That a cluster refuses there what it refuses in one Query is an inference: what was recorded are
    Queries and blocks. To PostgreSQL it is one transaction, all of which an error undoes.
    """

    ddl: bool = False
    dml: bool = False
    begun: bool = False

    def add(self, parts: Sequence[Kind]) -> None:
        """Statements of these kinds come next."""
        self.ddl, self.dml, _ = mixture(self.ddl, self.dml, parts)
        for kind in parts:
            self.begun = kind not in ENDS and (self.begun or kind not in _ALONE)

    def refusal(self, parts: Sequence[Kind]) -> Refusal | None:
        """Why these statements may not come next. What may not join others may come first, as
        PostgreSQL has it of VACUUM, which then commits at once."""
        if not self.begun and len(parts) == 1 and parts[0] in _ALONE:
            return None
        return refusal_inside(self.ddl, self.dml, parts)


def too_old(age_s: float, limit_s: float) -> Refusal | None:
    """Why a transaction of this age, in seconds, goes no further."""
    if age_s <= limit_s:
        return None
    return Refusal(
        "54000",
        f"transaction age limit of {limit_s:g}s exceeded",
        f"Current transaction age {age_s:.3g}s exceeds {limit_s:g}s",
        None
        if limit_s >= MAX_TRANSACTION_AGE_S
        else f"The limit is shorter than DSQL's on purpose, as a fault is on: {FAULTS_OFF}",
    )


def refusal_inside(ddl: bool, dml: bool, parts: Sequence[Kind]) -> Refusal | None:
    """Why these statements may not join a transaction with what it had before."""
    if not _ALONE.keys().isdisjoint(parts):
        return next(_ALONE[kind] for kind in parts if kind in _ALONE)
    return mixture(ddl, dml, parts)[2]


def refusal_outside(parts: Sequence[Kind]) -> Refusal | None:
    """Why these statements may not be a transaction of their own."""
    if len(parts) > 1:
        return refusal_inside(False, False, parts)
    return None
