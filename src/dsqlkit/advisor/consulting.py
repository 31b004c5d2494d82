"""Ask for advice on a query: measure it as it is, and propose indexes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dsqlkit import measurement
from dsqlkit.advisor.advise import Advice, advise
from dsqlkit.advisor.facts_reader import facts_of
from dsqlkit.advisor.syntax import parse
from dsqlkit.connection import Connections
from dsqlkit.measurement import Measurement
from dsqlkit.transaction import run

RUNS_A_BLOCK: Final = 7

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Consultation:
    """The advice on a query, and what was measured before anything was built."""

    sql: str
    parameters: Mapping[str, object]
    before: Measurement
    advice: Advice
    largest_rows: float


def consult(
    connections: Connections, sql: str, parameters: Mapping[str, object], say: Say | None = None
) -> Consultation:
    """Measure a query and propose indexes for it; nothing is built.

    `sql` is one statement with psycopg's parameters (`%(name)s`). One that writes is rolled back
    each time. Raises UsageError for a statement that reads no table, and what `explain` raises.
    """
    statement = parse(sql, parameters)
    if say is not None:
        say("Measuring the query as it is")
    plans = measurement.warm_runs(connections, sql, parameters, RUNS_A_BLOCK)
    facts = run(connections, lambda connection: facts_of(connection, plans[-1], statement)).value
    return Consultation(
        sql,
        parameters,
        measurement.summary(plans),
        advise(statement, plans[-1], facts),
        max((each.rows for each in facts.tables), default=0.0),
    )
