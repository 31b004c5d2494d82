"""Snapshot isolation where the first committer wins, as a model: what each step must answer.

Rows are key -> value. A transaction's snapshot is taken by its first statement. FOR UPDATE puts a
row into the conflict check as a write does.
"""

from dataclasses import dataclass, field

CONFLICT = "40001"
DUPLICATE = "23505"
ABORTED = "25P02"

Answer = tuple[str, tuple[tuple[int, str], ...]]
"""A command tag or a SQLSTATE, and rows."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a script. `value` is what a write writes."""

    verb: str
    key: int = 0
    value: str = ""


@dataclass(slots=True)
class _Transaction:
    snapshot: dict[int, str] | None = None
    began: int = 0
    view: dict[int, str] = field(default_factory=dict)
    claimed: set[int] = field(default_factory=set)
    inserted: set[int] = field(default_factory=set)
    aborted: bool = False


class Model:
    """The database and its sessions, numbered from 0."""

    def __init__(self, rows: dict[int, str]) -> None:
        self.rows = dict(rows)
        self._commits: list[set[int]] = []
        self._open: dict[int, _Transaction] = {}

    def is_open(self, session: int) -> bool:
        return session in self._open

    def inserted(self, session: int, key: int) -> bool:
        """Whether the session's transaction has inserted that key itself."""
        return session in self._open and key in self._open[session].inserted

    def run(self, session: int, operation: Operation) -> Answer:
        """What the session's next step must answer."""
        if operation.verb == "begin":
            self._open[session] = _Transaction()
            return "BEGIN", ()
        transaction = self._open.get(session)
        if transaction is None:
            return self._alone(operation)
        if operation.verb == "rollback":
            del self._open[session]
            return "ROLLBACK", ()
        if operation.verb == "commit":
            del self._open[session]
            return self._commit(transaction), ()
        if transaction.aborted:
            return ABORTED, ()
        return self._statement(transaction, operation)

    def _alone(self, operation: Operation) -> Answer:
        transaction = _Transaction()
        answer = self._statement(transaction, operation)
        if not transaction.aborted and operation.verb != "lock":
            # A row lock that ends with its statement protects nothing.
            self._commit(transaction)
        return answer

    def _statement(self, transaction: _Transaction, operation: Operation) -> Answer:
        if transaction.snapshot is None:
            transaction.snapshot = dict(self.rows)
            transaction.view = dict(self.rows)
            transaction.began = len(self._commits)
        view, key, value = transaction.view, operation.key, operation.value
        match operation.verb:
            case "read":
                found = sorted(view.items())
                return f"SELECT {len(found)}", tuple(found)
            case "lock":
                if key not in view:
                    return "SELECT 0", ()
                transaction.claimed.add(key)
                return "SELECT 1", ((key, view[key]),)
            case "update":
                if key not in view:
                    return "UPDATE 0", ()
                view[key] += value
                transaction.claimed.add(key)
                return "UPDATE 1", ((key, view[key]),)
            case "update_many":
                keys = sorted(each for each in view if each <= key)
                for each in keys:
                    view[each] += value
                transaction.claimed.update(keys)
                return f"UPDATE {len(keys)}", tuple((each, view[each]) for each in keys)
            case "delete":
                if key not in view:
                    return "DELETE 0", ()
                gone = view.pop(key)
                transaction.claimed.add(key)
                return "DELETE 1", ((key, gone),)
            case "insert":
                if key in view:
                    transaction.aborted = True
                    return DUPLICATE, ()
                view[key] = value
                transaction.claimed.add(key)
                transaction.inserted.add(key)
                return "INSERT 0 1", ((key, value),)
        raise AssertionError(operation.verb)

    def _commit(self, transaction: _Transaction) -> str:
        if transaction.aborted:
            return "ROLLBACK"
        if transaction.snapshot is None:
            return "COMMIT"
        later = self._commits[transaction.began :]
        if any(transaction.claimed & claimed for claimed in later):
            return CONFLICT
        for key in transaction.claimed:
            if key in transaction.view:
                self.rows[key] = transaction.view[key]
            else:
                self.rows.pop(key, None)
        self._commits.append(set(transaction.claimed))
        return "COMMIT"
