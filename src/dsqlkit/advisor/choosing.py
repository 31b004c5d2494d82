"""Which set of indexes a trial has shown to be the best. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dsqlkit import measurement
from dsqlkit.advisor.proposal import Proposal
from dsqlkit.measurement import Measurement

_NOTICEABLE: Final = 0.05
"""A difference in rows or DPU below this part is none."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A set of indexes that was built, and the query measured with it."""

    indexes: tuple[Proposal, ...]
    measured: Measurement

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.indexes)

    @property
    def bytes_a_row(self) -> float:
        """What a write pays; infinite where it is not known, so that it wins no draw."""
        known = [each.bytes_a_row for each in self.indexes]
        return sum(float("inf") if each is None else each for each in known)


def best_of(trials: Sequence[Trial], before: Measurement) -> Trial | None:
    """The trial that no other beats, and that beats doing nothing; a draw goes to the one that
    costs less at each write.
    """
    best: Trial | None = None
    for each in trials:
        if better(each.measured, before) and (best is None or _preferred(each, best)):
            best = each
    return best


def _preferred(one: Trial, other: Trial) -> bool:
    if better(one.measured, other.measured):
        return True
    return not better(other.measured, one.measured) and one.bytes_a_row < other.bytes_a_row


def better(one: Measurement, other: Measurement) -> bool:
    """Whether one measurement is better than another: by the DPU that storage costs, then by the
    rows that were read, by those completed from the table, and by time, where each differs
    noticeably. Compute is not compared: it tells of the moment, as time does.
    """
    known = one.storage_dpu is not None and other.storage_dpu is not None
    figures = [
        (float(one.storage_dpu or 0), float(other.storage_dpu or 0)) if known else (0.0, 0.0),
        (one.rows_scanned, other.rows_scanned),
        (one.rows_completed, other.rows_completed),
    ]
    for mine, others in figures:
        if abs(mine - others) > _NOTICEABLE * max(mine, others):
            return mine < others
    faster = measurement.speedup(other, one)
    return faster is not None and faster > 1
