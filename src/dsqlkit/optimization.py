"""Chapter 7: measure the query, build the chapter's two indexes, measure it again.

The two plans cannot be had at the same time, so blocks of runs alternate: without the indexes,
with them, without, with. A drift of the machine then falls on both sides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from dsqlkit import accounts7, indexes, measurement, queries
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError, Interrupted
from dsqlkit.measurement import Measurement
from dsqlkit.plans.model import Plan

BLOCKS: Final = 2
RUNS_A_BLOCK: Final = 7


@dataclass(frozen=True, slots=True)
class Optimization:
    """The query before and after the chapter's indexes.

    `speedup` is None where the difference lies within the spread; `scan_reduction` compares the
    rows that were read, which does not depend on the machine.
    """

    before: Measurement
    after: Measurement
    indexes: tuple[str, ...]
    speedup: float | None
    scan_reduction: float | None


def optimize(
    connections: Connections, on_step: Callable[[str], None] | None = None
) -> Optimization:
    """Run the chapter; the indexes are there at its end. It can be run again at any time.

    The table must exist (`accounts7.set_up`). `on_step` is told what is being done. Raises
    IndexBuildFailed, Interrupted, which says which indexes are there, and what `transaction.run`
    raises.
    """
    try:
        return _optimize(connections, on_step or (lambda _: None))
    except KeyboardInterrupt as error:
        raise Interrupted(f"Interrupted. {_state_of_indexes(connections)}") from error


def _optimize(connections: Connections, say: Callable[[str], None]) -> Optimization:
    query = queries.load(accounts7.QUERY)
    before: list[Plan] = []
    after: list[Plan] = []
    for block in range(1, BLOCKS + 1):
        say(f"Measuring without the indexes ({block} of {BLOCKS})")
        _drop_indexes(connections)
        accounts7.analyze(connections)
        before += measurement.warm_runs(connections, query.sql, query.parameters, RUNS_A_BLOCK)
        _build_indexes(connections, say)
        say(f"Measuring with the indexes ({block} of {BLOCKS})")
        accounts7.analyze(connections)
        after += measurement.warm_runs(connections, query.sql, query.parameters, RUNS_A_BLOCK)
    first, second = measurement.summary(before), measurement.summary(after)
    return Optimization(
        before=first,
        after=second,
        indexes=accounts7.INDEX_NAMES[1:],
        speedup=measurement.speedup(first, second),
        scan_reduction=measurement.scan_reduction(first, second),
    )


def _state_of_indexes(connections: Connections) -> str:
    names = accounts7.INDEX_NAMES[1:]
    try:
        valid = {each.name: each.valid for each in indexes.of_table(connections, accounts7.TABLE)}
    except (DsqlkitError, KeyboardInterrupt):
        return f"Which of {' and '.join(names)} are there is not known."
    words = {None: "is not there", False: "is being built", True: "is there"}
    return f"{'; '.join(f'{name} {words[valid.get(name)]}' for name in names)}."


def _drop_indexes(connections: Connections) -> None:
    for name in accounts7.INDEX_NAMES[1:]:
        indexes.drop(connections, name)


def _build_indexes(connections: Connections, say: Callable[[str], None]) -> None:
    for name, ddl in zip(accounts7.INDEX_NAMES[1:], accounts7.index_statements()[1:], strict=True):
        indexes.build(connections, ddl, on_status=partial(_say_status, say, name))


def _say_status(say: Callable[[str], None], name: str, job: indexes.Job) -> None:
    say(f"Building {name}: {job.status}")
