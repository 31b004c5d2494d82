"""What DSQL's form of a plan costs: EXPLAIN of chapter 7's query through the endpoint, past it."""

import statistics
import time
from dataclasses import dataclass

import psycopg

from dsqlkit.connection import KeptConnection, parameters
from dsqlkit.endpoint import ADMIN, DATABASE, Endpoint
from dsqlkit.local.state import StateFolder
from dsqlkit.token import TokenSigner
from dsqlkit.workshop import accounts7

RUNS = 200
MORE_MS = 1.0
"""So much more may one take through the endpoint."""


@dataclass(frozen=True)
class Explained:
    """Median milliseconds of one EXPLAIN through the endpoint, and past it."""

    options: str
    ours_ms: float
    theirs_ms: float


def compare_plans(endpoint: Endpoint) -> list[Explained]:
    """Measure on the running local cluster of this user, in turns."""
    with KeptConnection(endpoint) as connections:
        accounts7.set_up(connections)
    ours = parameters(endpoint, TokenSigner(endpoint))
    folder = str(StateFolder.default().server.resolve())
    query = accounts7.query()
    found = []
    with (
        psycopg.connect(**ours, autocommit=True) as through,
        psycopg.connect(host=folder, user=ADMIN, dbname=DATABASE, autocommit=True) as past,
    ):
        for options in ("(ANALYZE)", "(ANALYZE, VERBOSE)"):
            explain = f"EXPLAIN {options} {query.sql}".encode()
            taken: list[tuple[float, float]] = []
            for _ in range(RUNS):
                times = []
                for connection in (through, past):
                    started = time.perf_counter()
                    connection.execute(explain, query.parameters).fetchall()
                    times.append(time.perf_counter() - started)
                taken.append((times[0], times[1]))
            our, their = (statistics.median(side) * 1000 for side in zip(*taken, strict=True))
            found.append(Explained(options, our, their))
    return found
