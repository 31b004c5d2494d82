"""What a cluster was asked on a day, and where it answered otherwise than on record."""

from dataclasses import dataclass
from datetime import datetime

from dsqlkit.probing.comparing import Difference


@dataclass(frozen=True, slots=True)
class Report:
    """`same` and both kinds of differences add up to `asked`. Those `with_caveat` are of probes
    whose other answers need not be a fault. `asked_at` is when the first was asked, in UTC.
    `left_schemas` were there before, of a run that was killed or is under way.
    """

    endpoint: str
    server_version: str
    asked_at: datetime
    asked: int
    same: int
    differences: tuple[Difference, ...]
    with_caveat: tuple[Difference, ...]
    left_schemas: tuple[str, ...]
