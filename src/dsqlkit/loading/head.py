"""The first line of a load's journal: what the load is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from dsqlkit.errors import UsageError

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Head:
    """What a load is: its own id, its seed, which cluster, which file, how many batches of how many
    rows."""

    load: UUID
    seed: bytes
    host: str
    file: str
    transactions: int
    rows: int

    def line(self) -> str:
        """It as a line, to be read by `read`."""
        return json.dumps(
            {
                "format": _FORMAT,
                "load": str(self.load),
                "seed": self.seed.hex(),
                "host": self.host,
                "file": self.file,
                "transactions": self.transactions,
                "rows": self.rows,
            }
        )

    def check_host(self, host: str) -> None:
        """Raise UsageError unless the load was begun on that cluster."""
        if host != self.host:
            raise UsageError(
                f"The load into {self.file} was begun on {self.host}, not on {host}.",
                hint=f"Resume it with `endpoint={self.host}`.",
            )

    def check_plan(self, *, transactions: int | None, rows: int | None) -> None:
        """Raise UsageError unless what is given of a plan is the load's."""
        for name, given, begun in (
            ("`transactions`", transactions, self.transactions),
            ("`rows`", rows, self.rows),
        ):
            if given not in (None, begun):
                raise UsageError(
                    f"The load into {self.file} was begun with {name} {begun}, not {given}.",
                    hint=f"Leave {name} out to resume it.",
                )


def read(line: bytes, path: Path) -> Head:
    """The head that this is the line of, in the journal at `path`. Raises UsageError where it is
    none, or that of another version."""
    try:
        known: dict[str, Any] = json.loads(line)
        if known["format"] != _FORMAT:
            raise UsageError(f"The journal {path} is of another version of dsqlkit.")
        return Head(
            UUID(known["load"]),
            bytes.fromhex(known["seed"]),
            known["host"],
            known["file"],
            known["transactions"],
            known["rows"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not the journal of a load.", hint="Remove it, and load anew."
        ) from error
