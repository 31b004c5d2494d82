"""A whole load of `accounts2`: its claim, its table, its journal, its file of ids."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from dsqlkit import tables
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError
from dsqlkit.loading.batch import Batch
from dsqlkit.loading.journal import Journal, JournalFailed
from dsqlkit.loading.lease import Lease, holder_of
from dsqlkit.loading.loader import Loaded, Loader
from dsqlkit.loading.plan import LoadPlan
from dsqlkit.queries import statement
from dsqlkit.transaction import read_alone
from dsqlkit.whole_file import followed, whole_file

TABLE: Final = "accounts2"


class OtherTable(DsqlkitError):
    """The table is not the one that a load was begun with."""

    code = "other_table"


class TableLoad:
    """One load of the table, made anew or resumed. `run` does it, `stop` ends it early.

    With a journal the ids go to its file, which appears whole when `run` ends, by an error too;
    without one they are only handed over, as they are committed. Connections must be enough for
    the plan's threads and one more.
    """

    def __init__(
        self,
        connections: Connections,
        plan: LoadPlan,
        *,
        file: Path | None,
        journal: Journal | None,
    ) -> None:
        self._connections = connections
        self._plan = plan
        self._file = file
        self._journal = journal
        self._loader: Loader | None = None
        self._is_stopped = False

    def stop(self) -> None:
        """Let each worker finish the transaction it is in, and start no other."""
        self._is_stopped = True
        if self._loader is not None:
            self._loader.stop()

    @property
    def accounts(self) -> int:
        """How many accounts are known to be in the table, those of earlier runs included."""
        if self._journal is not None:
            return self._journal.done * self._plan.rows
        return 0 if self._loader is None else self._loader.accounts

    @property
    def transactions(self) -> int:
        """How many transactions those are."""
        return self.accounts // self._plan.rows

    @property
    def total(self) -> int:
        """How many accounts there are to be."""
        return self._plan.accounts

    @property
    def has_begun(self) -> bool:
        """Whether the table is there that is to be filled."""
        return self._loader is not None

    @property
    def in_doubt(self) -> int:
        """How many transactions were sent and not answered."""
        return 0 if self._loader is None else self._loader.in_doubt

    def run(self, on_batch: Callable[[Batch], None], say: Callable[[str], None]) -> Loaded:
        """Load until done or stopped; what this run has committed. `on_batch` gets each batch after
        its COMMIT, `say` what is waited for.

        Raises LoadRuns while another load fills the table, OtherTable when a resumed load's table
        is not there any more, WrongShape when the table is somebody else's, LeaseLost,
        JournalFailed, and what `Loader.run` raises. When all is done the journal is gone.
        """
        journal, connections = self._journal, self._connections
        load = uuid4() if journal is None else journal.head.load
        if journal is not None and journal.table_id is not None:
            _check_table(connections, journal)
        with Lease(connections, TABLE, load, on_lost=self.stop, say=say) as lease:
            self._loader = Loader(
                connections,
                self._plan,
                seed=None if journal is None else journal.head.seed,
                numbers=None if journal is None else journal.open_numbers(),
                table_id=self._table_id(),
                resumed=journal is not None and journal.is_resumed,
            )
            if self._is_stopped:
                self._loader.stop()
            try:
                loaded = self._loader.run(partial(self._keep, on_batch))
                lease.check()
            finally:
                self._write_file()
        if journal is not None and loaded.complete:
            journal.remove()
        return loaded

    def _table_id(self) -> int:
        """The table to fill: the one that a resumed load has made, else a new one."""
        journal = self._journal
        if journal is not None and journal.table_id is not None:
            return journal.table_id
        if tables.is_there(self._connections, TABLE):
            tables.drop(self._connections, TABLE)
        if self._file is not None:
            _remove(self._file)
        tables.create(self._connections, TABLE)
        table_id = _id_of_table(self._connections)
        if table_id is None:
            raise OtherTable(f"Table {TABLE} was dropped while it was being made.")
        if journal is not None:
            journal.begin(table_id)
        return table_id

    def _keep(self, on_batch: Callable[[Batch], None], batch: Batch) -> None:
        try:
            if self._journal is not None:
                self._journal.commit(batch.number)
        finally:
            on_batch(batch)

    def _write_file(self) -> None:
        if self._file is None or self._journal is None:
            return
        try:
            with whole_file(self._file) as file:
                for batch in self._journal.batches():
                    file.write(batch.lines())
        except OSError as error:
            raise JournalFailed(
                f"The file of ids {self._file} could not be written: {error.strerror}.",
                hint="The journal beside it is enough to make it. Make room.",
            ) from error


def _remove(file: Path) -> None:
    """Remove a file of ids that are not true any more."""
    try:
        followed(file).unlink(missing_ok=True)
    except OSError as error:
        raise JournalFailed(
            f"The file of ids {file} cannot be removed: {error.strerror}. "
            f"Table {TABLE}, which it was of, is gone.",
            hint="Load into another `file`.",
        ) from error


def _check_table(connections: Connections, journal: Journal) -> None:
    """Raise OtherTable unless the load's own table is there."""
    holder = holder_of(connections, TABLE)
    by_another = holder is not None and holder.load != journal.head.load
    if holder is None or by_another or _id_of_table(connections) != journal.table_id:
        raise OtherTable(
            f"Table {TABLE} is not the one that this load was filling: that one is gone.",
            hint="Load anew, without `resume`. Nothing was changed.",
        )


def _id_of_table(connections: Connections) -> int | None:
    query = statement("catalog/table_id.sql")
    row = read_alone(connections, lambda c: c.execute(query, {"table": TABLE}).fetchone())
    return None if row is None else int(row[0])
