"""The local cluster: a DSQL-like endpoint on this machine, started when it is first needed.

An embedded PostgreSQL 16 behind a TLS endpoint of its own, in a process of its own. It asks for
a signed token as a real cluster does, and it checks it.

What lives in which room, and the terms that all of them use (step, turn, exchange, parked, overlay
and so on), says the page on the architecture: README.md of the package dsqlkit.
"""

from dsqlkit.local.faults import Faults
from dsqlkit.local.lifecycle.control import ensure_running, reset, set_faults, start, stop
from dsqlkit.local.lifecycle.own import OwnCluster, own_cluster
from dsqlkit.local.lifecycle.status import (
    HOW_TO_MEND,
    LocalStatus,
    address,
    log_file,
    sessions,
    status,
)
from dsqlkit.local.sessions import SessionStatus
from dsqlkit.local.trust import HOSTS_FILE, missing_hosts_line, trust_bundle

__all__ = [
    "HOSTS_FILE",
    "HOW_TO_MEND",
    "Faults",
    "LocalStatus",
    "OwnCluster",
    "SessionStatus",
    "address",
    "ensure_running",
    "log_file",
    "missing_hosts_line",
    "own_cluster",
    "reset",
    "sessions",
    "set_faults",
    "start",
    "status",
    "stop",
    "trust_bundle",
]
