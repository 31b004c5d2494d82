"""What a plan shows that is worth a person's time, in words."""

import textwrap
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from dsqlkit.plans.conditions import readable
from dsqlkit.plans.node import MOST_EXACT, PlanNode

FEW_ROWS = 100
"""Below this many rows nothing is urgent: most of the time is spent on other things than rows."""
OFF = 5.0
"""An estimate that is so many times too small or too large is off."""
FAR_OFF = 50.0
"""An estimate that is so many times too small or too large is far off."""


class Severity(StrEnum):
    """How much of what the statement reads a finding is about."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @classmethod
    def of(cls, share: float | None, rows: float) -> "Severity":
        """The severity of something that is about this share (0 to 1) of the rows that the
        statement reads, and about that many rows. Rows do not change from run to run as times do.
        Without a share, as when the plan does not say what is read, it is medium.
        """
        if rows < FEW_ROWS:
            return cls.LOW
        if share is None:
            return cls.MEDIUM
        if share >= 0.5:
            return cls.HIGH
        return cls.MEDIUM if share >= 0.1 else cls.LOW


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: what was observed at `node`, why it matters on DSQL, what to do.

    `code` is a stable word for scripts.
    """

    code: str
    severity: Severity
    node: PlanNode
    observed: str
    why: str
    advice: str


_ORDER = {severity: place for place, severity in enumerate(Severity)}


def weightiest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The most severe first, else in their order."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))


def count(rows: float, noun: str = "row") -> str:
    """Rows for people: `1 row`, `4,820 rows`, `1e+24 rows`."""
    if rows >= MOST_EXACT:
        return f"{rows:.3g} {noun}s"
    whole = round(rows)
    return f"{whole:,} {noun}" if whole == 1 else f"{whole:,} {noun}s"


def percent(part: float, whole: float) -> str:
    """A share for people, with a decimal where it is small: `3.6%`, `96%`, `under 0.1%`."""
    value = 100 * part / whole if whole else 0.0
    if 0 < value < 0.1:
        return "under 0.1%"
    return f"{value:.1f}%" if value < 10 else f"{value:.0f}%"


def shortened(
    condition: str, width: int = 100, own: str | None = None, strings: Collection[str] = ()
) -> str:
    """A condition for people (see `readable`), cut after a word where it is long."""
    return textwrap.shorten(readable(condition, own, strings), width, placeholder=" ...")


def sentence(text: str) -> str:
    """The text with its full stop, which one that was cut does not need."""
    return text if text.endswith("...") else text + "."
