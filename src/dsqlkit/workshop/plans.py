"""Chapter 7: the query's plan before and after the chapter's indexes.

It runs on table accounts7, unless that would show something else: another index serves the query
already, the table is another, or somebody else builds and drops indexes at the same time. Then it
runs on a copy of its own, and says why.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from uuid import uuid4

from dsqlkit import measurement, tables
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError, Interrupted, SqlError
from dsqlkit.indexes import IndexBuildFailed
from dsqlkit.plans.model import Plan
from dsqlkit.workshop import accounts7
from dsqlkit.workshop.chapter import Shown, Stage, Statements, Text, Tree
from dsqlkit.workshop.explanation import price, why
from dsqlkit.workshop.optimization import Optimization, optimize
from dsqlkit.workshop.recording import Recorder, Sent

_OTHERS: Final = "others build and drop indexes at the same time"
_FEWEST_ROWS: Final = 100
"""The query finds 180 of the table's rows when it is new; fewer as these get older than a year."""


def play(stage: Stage) -> Shown:
    """Measure, build, measure again, and draw both plans."""
    try:
        _have_table(stage)
        why = _unfit(stage.connections)
        if why is None:
            recorder = Recorder(stage.connections)
            done = optimize(recorder, stage.say)
            why = _disturbed(done)
            if why is None:
                return _shown(stage, accounts7.TABLE, done, recorder.sent)
    except (SqlError, IndexBuildFailed) as error:
        why = f"{_OTHERS} ({error.message.rstrip('.')})"
    stage.say(f"On accounts7 {why}")
    note = f"On accounts7 {why}. So the chapter ran on a copy, which it dropped at its end."
    with _own_table(stage) as table:
        recorder = Recorder(stage.connections)
        return _shown(stage, table, optimize(recorder, stage.say, table=table), recorder.sent, note)


def _have_table(stage: Stage) -> None:
    if tables.is_there(stage.connections, accounts7.TABLE):
        return
    stage.say("Making accounts7, its 5,000 rows and its first index")
    accounts7.make(stage.connections)


def _unfit(connections: Connections) -> str | None:
    """Why accounts7 would not show what the chapter is about, or None."""
    query = accounts7.query()
    plan = measurement.warm_runs(connections, query.sql, query.parameters, 1)[-1]
    if (other := _others_index(plan)) is not None:
        return _served_by(other)
    return _too_few(round(plan.root.rows_total or 0))


def _disturbed(done: Optimization) -> str | None:
    """Why what was measured is not the chapter's two plans, or None."""
    for plan in (done.plan_before, done.plan_after):
        if (other := _others_index(plan)) is not None:
            return _served_by(other)
    new = accounts7.index_names()[1:]
    used = [measurement.index_of(done.plan_after), done.after.index]
    if done.before.index in new or not set(used) <= set(new):
        return _OTHERS
    return _too_few(done.after.rows)


def _others_index(plan: Plan) -> str | None:
    used = measurement.index_of(plan)
    return None if used in (*accounts7.INDEX_NAMES, f"{accounts7.TABLE}_pkey", None) else used


def _served_by(index: str) -> str:
    return f"{index}, which is not one of the chapter's indexes, already serves the query"


def _too_few(rows: int) -> str | None:
    if rows >= _FEWEST_ROWS:
        return None
    return (
        f"the query finds {rows} rows, too few to see a difference "
        "(`dsqlkit optimize --setup` makes more)"
    )


@contextmanager
def _own_table(stage: Stage) -> Generator[str, None, None]:
    """A copy of accounts7 as it is when new, for the length of the block."""
    table = f"{accounts7.TABLE}_{uuid4().hex[:8]}"
    stage.say(f"Making {table}, its 5,000 rows and its first index")
    try:
        accounts7.make(stage.connections, table=table)
        yield table
    except BaseException as error:
        try:
            accounts7.drop(stage.connections, table)
        except DsqlkitError:
            if isinstance(error, KeyboardInterrupt | Interrupted):
                raise Interrupted(f"Interrupted. Table {table} is left.") from error
        raise
    accounts7.drop(stage.connections, table)


def _shown(
    stage: Stage, table: str, done: Optimization, sent: Sequence[Sent], note: str | None = None
) -> Shown:
    query = next(each for each in sent if each.sql.startswith("EXPLAIN"))
    builds = [each for each in sent if each.sql.startswith("CREATE INDEX")][-2:]
    return Shown(
        parts=(
            *((Text(note),) if note else ()),
            Statements((replace(query, answer="the plan"),)),
            Text(f"With {done.before.index or 'no index'}, as it was:"),
            Tree(done.plan_before),
            Text(
                "Two indexes are built beside other work, each by a job that is waited for. The "
                "second covers the query: INCLUDE holds what it filters and returns."
            ),
            Statements(tuple(builds)),
            Text(f"With {done.after.index or 'no index'}:"),
            Tree(done.plan_after),
            Text(_comparison(done)),
            *(Text(words) for words in (why(done), price(done, stage.endpoint)) if words),
        ),
        facts={
            "table": table,
            "note": note,
            "rows": done.after.rows,
            "rows_scanned_before": done.before.rows_scanned,
            "rows_scanned_after": done.after.rows_scanned,
            "execution_ms_before": round(done.before.execution_ms, 3),
            "execution_ms_after": round(done.after.execution_ms, 3),
            "speedup": None if done.speedup is None else round(done.speedup, 2),
            "dpu_before": done.before.storage_dpu,
            "dpu_after": done.after.storage_dpu,
            "insert_dpu_before": done.insert_before,
            "insert_dpu_after": done.insert_after,
            "index_before": done.before.index,
            "index_after": done.after.index,
        },
    )


def _comparison(done: Optimization) -> str:
    before, after = done.before, done.after
    times = f"{before.execution_ms:.3f} ms before, {after.execution_ms:.3f} ms after"
    if done.speedup is None:
        change = f"No difference in time beyond the spread of the runs ({times}"
    elif done.speedup >= 1:
        change = f"{done.speedup:.1f} times faster ({times}"
    else:
        change = f"{1 / done.speedup:.1f} times slower ({times}"
    return (
        f"For the same {after.rows} rows the query reads {after.rows_scanned:,} instead of "
        f"{before.rows_scanned:,}. {change}: medians of {after.runs} warm runs each, in turns)."
    )
