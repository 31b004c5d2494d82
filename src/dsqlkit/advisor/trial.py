"""Build the indexes that were proposed for a query, and keep what the measurement proves.

The plan without an index cannot be had while the index is there, so blocks of runs alternate:
without, with, without, with; a drift of the machine then falls on both sides. Every return to
"without" costs a build, which on DSQL takes minutes for millions of rows (11 million took 12, an
experiment guide, E008). So on tables of more than `SMALL_ROWS` each set of indexes is built once:
a block without indexes is run before each build, and the set that is expected to be the best
comes last, so that it need not be built again. Smaller tables go through it twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dsqlkit import indexes, interruption, measurement
from dsqlkit.advisor.advise import Advice
from dsqlkit.advisor.choosing import Trial, best_of
from dsqlkit.advisor.consulting import RUNS_A_BLOCK, Consultation, Say
from dsqlkit.advisor.proposal import Proposal
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError, Interrupted, SqlError
from dsqlkit.measurement import Measurement
from dsqlkit.plans.model import Plan
from dsqlkit.trial_record import TrialRecord

SMALL_ROWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the trials showed. `after` is the query with the indexes that are there now: the same
    as `before` if none helped.

    `kept` are the indexes that were built and are there, `dropped` those that did not help.
    `speedup` is None where the difference lies within the spread.
    """

    before: Measurement
    after: Measurement
    trials: tuple[Trial, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    speedup: float | None
    scan_reduction: float | None


def try_out(
    connections: Connections,
    consultation: Consultation,
    *,
    rivals: Sequence[Proposal] = (),
    keep_all: bool = False,
    say: Say | None = None,
) -> Outcome:
    """Build each set of proposed indexes, measure with it, and keep the best; build nothing where
    nothing is proposed.

    `rivals` are indexes to compare with, each by itself. `keep_all` keeps all that was built. What
    was built and is not kept is dropped, also when the work fails or is interrupted: Interrupted
    then names it. What cannot be dropped is named with its DROP, in the error and, by
    `trial_record.left_behind`, later. Raises IndexBuildFailed, and what `consult` raises.
    """
    if not consultation.advice.proposals:
        return Outcome(consultation.before, consultation.before, (), (), (), None, 1.0)
    record = TrialRecord(connections)
    workbench = _Workbench(connections, consultation, say or _silent, record)
    try:
        with interruption.interruptible():
            outcome = _try_out(workbench, _sets(consultation.advice, rivals), keep_all=keep_all)
        workbench.keep()
        return outcome
    except KeyboardInterrupt as error:
        said = workbench.clear()
        raise Interrupted(f"Interrupted. {said}", hint=workbench.drop_statements()) from error
    except DsqlkitError as error:
        said = workbench.clear()
        if statements := workbench.drop_statements():
            error.message = f"{error.message} {said}"
            error.hint = statements
        raise
    finally:
        record.close()


class _Workbench:
    """The indexes that were built for trials and are there now."""

    def __init__(
        self, connections: Connections, consultation: Consultation, say: Say, record: TrialRecord
    ) -> None:
        self.consultation = consultation
        self.say = say
        self._connections = connections
        self._record = record
        self._there: dict[str, Proposal] = {}

    def have(self, wanted: Sequence[Proposal]) -> None:
        """Have just these trial indexes: drop the others, build what is missing."""
        names = {each.name for each in wanted}
        for each in [each for name, each in self._there.items() if name not in names]:
            self.drop(each)
        for each in wanted:
            if each.name not in self._there:
                self._build(each)

    def drop(self, index: Proposal) -> None:
        self.say(f"Dropping {index.name}")
        indexes.drop(self._connections, index.name, index.schema)
        self._forget(index)

    def run(self, what: str) -> tuple[Plan, ...]:
        """A block of measured runs."""
        self.say(f"Measuring {what}")
        query = self.consultation
        return measurement.warm_runs(self._connections, query.sql, query.parameters, RUNS_A_BLOCK)

    def clear(self) -> str:
        """Drop all that is there, and say what became of it."""
        names = list(self._there)
        try:
            self.have(())
        except (DsqlkitError, KeyboardInterrupt) as error:
            left = ", ".join(self._there)
            why = f" ({error})" if isinstance(error, DsqlkitError) else ""
            return f"These indexes were not dropped, and may still be there: {left}{why}."
        if not names:
            return "No index is left from it."
        return f"Dropped what was built and not kept: {', '.join(names)}."

    def drop_statements(self) -> str | None:
        """What drops the indexes that are there, for a person to run."""
        return "\n".join(map(_drop_statement, self._there.values())) or None

    def keep(self) -> None:
        """Leave what is there for good."""
        for each in list(self._there.values()):
            self._forget(each)

    def _forget(self, index: Proposal) -> None:
        del self._there[index.name]
        self._record.ended(index.schema, index.name)

    def _build(self, index: Proposal) -> None:
        # What is not ours must never be dropped, not even when a name is taken meanwhile.
        if indexes.name_is_taken(self._connections, index.name, index.schema):
            raise indexes.IndexBuildFailed(
                f"Something else is named {index.name} by now.", hint="Run the command again."
            )
        self.say(f"Building {index.name}")
        self._record.begun(index.schema, index.name)
        self._there[index.name] = index
        try:
            job_id = indexes.start(self._connections, index.ddl)
        except SqlError:
            self._forget(index)
            raise
        indexes.wait(
            self._connections,
            job_id,
            on_status=lambda job: self.say(f"Building {index.name}: {job.status}"),
        )


def _try_out(workbench: _Workbench, sets: list[tuple[Proposal, ...]], *, keep_all: bool) -> Outcome:
    before: list[Plan] = []
    plans: dict[tuple[Proposal, ...], list[Plan]] = {each: [] for each in sets}
    rounds = 1 if workbench.consultation.largest_rows > SMALL_ROWS else 2
    for _ in range(rounds):
        for each in sets:
            workbench.have(())
            before += workbench.run("without new indexes")
            workbench.have(each)
            plans[each] += workbench.run(f"with {', '.join(index.name for index in each)}")
    first = measurement.summary(before)
    # The expected best was measured last; it goes first here, and wins a draw of equal cost.
    trials = [Trial(each, measurement.summary(plans[each])) for each in reversed(sets)]
    best = best_of(trials, first)
    built = {index.name: index for each in sets for index in each}
    if keep_all:
        kept = tuple(built.values())
    else:
        used = best.measured.indexes if best else ()
        kept = tuple(each for each in best.indexes if each.name in used) if best else ()
    workbench.have(kept)
    names = tuple(each.name for each in kept)
    after = best.measured if best else first
    if keep_all and len(sets) == 1:
        after = trials[0].measured
    elif keep_all:
        after = measurement.summary(workbench.run("with all of them"))
    return Outcome(
        before=first,
        after=after,
        trials=tuple(trials),
        kept=names,
        dropped=tuple(name for name in built if name not in names),
        speedup=measurement.speedup(first, after),
        scan_reduction=measurement.scan_reduction(first, after),
    )


def _sets(advice: Advice, rivals: Sequence[Proposal]) -> list[tuple[Proposal, ...]]:
    """What is tried, the expected best last."""
    sets: list[tuple[Proposal, ...]] = [(each,) for each in rivals]
    for other in reversed(advice.alternatives):
        sets.append(tuple(other if _same_table(other, each) else each for each in advice.proposals))
    return [*sets, advice.proposals]


def _same_table(one: Proposal, other: Proposal) -> bool:
    return (one.schema, one.table) == (other.schema, other.table)


def _drop_statement(index: Proposal) -> str:
    return f"{indexes.drop_statement(index.name, index.schema)};"


def _silent(_: str) -> None:
    pass
