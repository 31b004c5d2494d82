"""The local cluster: a DSQL-like endpoint on this machine, started when it is first needed.

An embedded PostgreSQL 16 behind a TLS endpoint of its own, in a process of its own. It asks for
a signed token as a real cluster does, and it checks it.
"""

from dsqlkit.local.faults import Faults
from dsqlkit.local.lifecycle import (
    HOW_TO_MEND,
    LocalStatus,
    address,
    ensure_running,
    log_file,
    reset,
    set_faults,
    start,
    status,
    stop,
)

__all__ = [
    "HOW_TO_MEND",
    "Faults",
    "LocalStatus",
    "address",
    "ensure_running",
    "log_file",
    "reset",
    "set_faults",
    "start",
    "status",
    "stop",
]
