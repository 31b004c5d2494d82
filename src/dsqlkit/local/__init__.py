"""The local cluster: a DSQL-like endpoint on this machine, started when it is first needed.

An embedded PostgreSQL 16 behind a TLS endpoint of its own, in a process of its own. It asks for
a signed token as a real cluster does, and it checks it.

What the rooms in here talk about:

- step: one executed statement of the client's with its frames, sent to PostgreSQL in one go.
- turn: what is done with a step when the steps before it are done with (session/turns.py).
- exchange: a step, or a question of ours, on its way to PostgreSQL and back.
- verdict: what an exchange came to: its error or tag, the rows it changed, the transaction's state.
- held: of an answer, kept here until it is known that the step met no conflict.
- group: writes of a transaction that a client sent at once, sent on in one exchange. Where
  one of them meets a conflict, all are taken back and go singly (session/together.py).
- guard: a hidden savepoint before a step, to take back that step alone.
- refusal: DSQL's answer to what it does not run.
- contender: whoever takes part in conflicts: a session, or (a bystander) a build of an index.
- rivals: two transactions that met over a row. Whoever commits first, the other has lost.
- parked: of a transaction that another waits for: what it did was undone, to be done once more
  when it goes on. It keeps its snapshot, and no lock.
- lost: of a transaction: its COMMIT will fail with 40001, and until then nothing shows it.
- overlay: of a table: a view with what one transaction changed in it. A transaction goes on at
  overlays when it was set aside or has lost (occ/overlays.py).
- phase: where an open transaction stands: open, parked, at overlays, failed, and so on
  (occ/open_transaction.py).
- fault: a failure that was asked for, to try out retries.
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
