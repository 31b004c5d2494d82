"""Chapter 7: measure the query, build the chapter's two indexes, measure it again.

The two plans cannot be had at the same time, so blocks of runs alternate: without the indexes,
with them, without, with. A drift of the machine then falls on both sides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from dsqlkit import indexes, measurement
from dsqlkit.connection import Connections
from dsqlkit.measurement import Measurement
from dsqlkit.plans.model import Plan
from dsqlkit.workshop import accounts7

BLOCKS: Final = 2
RUNS_A_BLOCK: Final = 7


@dataclass(frozen=True, slots=True)
class Optimization:
    """The query before and after the chapter's indexes, with the last plan of each.

    `speedup` is None where the difference lies within the spread; `scan_reduction` compares the
    rows that were read, which does not depend on the machine.
    """

    before: Measurement
    after: Measurement
    plan_before: Plan
    plan_after: Plan
    indexes: tuple[str, ...]
    speedup: float | None
    scan_reduction: float | None


def optimize(
    connections: Connections,
    on_step: Callable[[str], None] | None = None,
    *,
    table: str = accounts7.TABLE,
) -> Optimization:
    """Run the chapter; the indexes are there at its end. It can be run again at any time.

    The table must exist (`accounts7.set_up`). `on_step` is told what is being done. Raises
    IndexBuildFailed, and what `transaction.run` raises.
    """
    say = on_step or (lambda _: None)
    query = accounts7.query(table)
    before: list[Plan] = []
    after: list[Plan] = []
    for block in range(1, BLOCKS + 1):
        say(f"Measuring without the indexes ({block} of {BLOCKS})")
        _drop_indexes(connections, table)
        accounts7.analyze(connections, table)
        before += measurement.warm_runs(connections, query.sql, query.parameters, RUNS_A_BLOCK)
        _build_indexes(connections, table, say)
        say(f"Measuring with the indexes ({block} of {BLOCKS})")
        accounts7.analyze(connections, table)
        after += measurement.warm_runs(connections, query.sql, query.parameters, RUNS_A_BLOCK)
    first, second = measurement.summary(before), measurement.summary(after)
    return Optimization(
        before=first,
        after=second,
        plan_before=before[-1],
        plan_after=after[-1],
        indexes=accounts7.index_names(table)[1:],
        speedup=measurement.speedup(first, second),
        scan_reduction=measurement.scan_reduction(first, second),
    )


def _drop_indexes(connections: Connections, table: str) -> None:
    for name in accounts7.index_names(table)[1:]:
        indexes.drop(connections, name)


def _build_indexes(connections: Connections, table: str, say: Callable[[str], None]) -> None:
    names, statements = accounts7.index_names(table)[1:], accounts7.index_statements(table)[1:]
    for name, ddl in zip(names, statements, strict=True):
        indexes.build(connections, ddl, on_status=partial(_say_status, say, name))


def _say_status(say: Callable[[str], None], name: str, job: indexes.Job) -> None:
    say(f"Building {name}: {job.status}")
