"""An index that a query could gain from, with what it is expected to read."""

from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.statistics import TableFacts
from dsqlkit.plans.headroom import WORTH_ROWS

WORTH_PART: Final = 1 / 2
"""An index reads at most this part of the rows that are read without it, or it is not proposed."""
_LOOKUP: Final = 2.0
"""A row that the index finds and the table completes counts twice: it is read twice."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that would serve one use of a table.

    `points` are the columns compared with single values, `then` the range or the order behind
    them; the key is both. `reads` are the rows expected to be read with it, `reads_now` those that
    were read, and `lookups_now` those of them that the table completed (on DSQL). `covers` says
    that the table itself need not be read. `condition` is that of a partial index, which holds
    the `part` of the rows.
    """

    facts: TableFacts
    points: tuple[str, ...]
    then: tuple[str, ...]
    included: tuple[str, ...]
    covers: bool
    reads: float
    reads_now: float
    lookups_now: float
    reason: str
    condition: str = ""
    part: float = 1.0

    @property
    def key(self) -> tuple[str, ...]:
        return (*self.points, *self.then)

    @property
    def weight(self) -> float:
        """The rows it reads, those of the table too: the lower the better."""
        return self.reads * (1.0 if self.covers else _LOOKUP)

    @property
    def is_worth_it(self) -> bool:
        """Whether it is expected to save enough."""
        saved = self.reads_now - self.reads
        if saved >= WORTH_ROWS and self.weight <= self.reads_now * WORTH_PART:
            return True
        return self.saves_lookups

    @property
    def saves_lookups(self) -> bool:
        """Whether what it saves is reading the rows in the table as well."""
        return (
            self.covers
            and self.lookups_now >= WORTH_ROWS
            and self.reads <= self.reads_now * (1 + WORTH_PART)
        )


def counted(rows: float) -> str:
    """A number of rows in words, at least one."""
    number = max(round(rows), 1)
    return f"{number:,} row{'' if number == 1 else 's'}"
