"""Transfers under load: how fast, how late, how often in conflict; and the proof that none was made
up, lost or made twice.

`Bench` runs a `BenchPlan` and answers with a `Benched`.
"""

from dsqlkit.bench.bench import Bench
from dsqlkit.bench.benched import Benched, Ledger
from dsqlkit.bench.figures import Latency, Second
from dsqlkit.bench.participants import Participants, from_accounts, from_file, read_ids
from dsqlkit.bench.plan import BenchPlan

__all__ = [
    "Bench",
    "BenchPlan",
    "Benched",
    "Latency",
    "Ledger",
    "Participants",
    "Second",
    "from_accounts",
    "from_file",
    "read_ids",
]
