"""Chapter 7: measure the query, build the chapter's two indexes, measure it again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from dsqlkit import accounts7, indexes, queries
from dsqlkit.advisor import consulting, trial
from dsqlkit.advisor.advise import Advice
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError, Interrupted
from dsqlkit.measurement import Measurement


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
    Interrupted, which says what became of the indexes, and what `trial.try_out` raises.
    """
    try:
        return _optimize(connections, on_step)
    except KeyboardInterrupt as error:
        raise Interrupted(f"Interrupted. {_state_of_indexes(connections)}") from error


def _state_of_indexes(connections: Connections) -> str:
    names = accounts7.INDEX_NAMES[1:]
    try:
        valid = {each.name: each.valid for each in indexes.of_table(connections, accounts7.TABLE)}
    except (DsqlkitError, KeyboardInterrupt):
        return f"Which of {' and '.join(names)} are there is not known."
    words = {None: "is not there", False: "is being built", True: "is there"}
    return f"{'; '.join(f'{name} {words[valid.get(name)]}' for name in names)}."


def _optimize(connections: Connections, on_step: Callable[[str], None] | None) -> Optimization:
    for name in accounts7.INDEX_NAMES[1:]:
        indexes.drop(connections, name)
    accounts7.analyze(connections)
    query = queries.load(accounts7.QUERY)
    consultation = consulting.consult(connections, query.sql, query.parameters, on_step)
    chapter = replace(consultation, advice=Advice(consulting.chapter_indexes(connections)))
    outcome = trial.try_out(connections, chapter, keep_all=True, say=on_step)
    return Optimization(
        before=outcome.before,
        after=outcome.after,
        indexes=accounts7.INDEX_NAMES[1:],
        speedup=outcome.speedup,
        scan_reduction=outcome.scan_reduction,
    )
