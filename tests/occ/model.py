"""Snapshot isolation where the first committer wins, as a model: what each step must answer.

Parents are key -> value; children are key -> key of their parent. A transaction's snapshot is taken
by its first statement. FOR UPDATE puts a row into the conflict check as a write does; FOR KEY SHARE
and the insert of a child keep others from deleting the row, and from nothing else.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

CONFLICT = "40001"
DUPLICATE = "23505"
NO_PARENT_OR_STILL_CHILDREN = "23503"
NO_CURSOR = "34000"
CURSOR_EXISTS = "42P03"
ABORTED = "25P02"

Row = tuple[int, object]
Answer = tuple[str, tuple[Row, ...]]
"""A command tag or a SQLSTATE, and rows."""


class Claim(Enum):
    """What a transaction does to a row, as far as others mind."""

    SHARE = auto()
    CHANGE = auto()
    KEY = auto()

    def conflicts(self, other: "Claim") -> bool:
        if Claim.SHARE in (self, other):
            return Claim.KEY in (self, other)
        return True


Claims = set[tuple[str, int, Claim]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a script. `value` is what a write writes."""

    verb: str
    key: int = 0
    value: str = ""


@dataclass(slots=True)
class State:
    """The rows that the database has, or that a transaction sees."""

    parents: dict[int, str]
    children: dict[int, int]

    def copy(self) -> "State":
        return State(dict(self.parents), dict(self.children))

    def children_of(self, key: int) -> list[int]:
        return sorted(child for child, parent in self.children.items() if parent == key)


@dataclass(slots=True)
class _Transaction:
    snapshot: State | None = None
    began: int = 0
    view: State = field(default_factory=lambda: State({}, {}))
    claims: Claims = field(default_factory=set)
    inserted: set[int] = field(default_factory=set)
    cursor: list[Row] | None = None
    aborted: bool = False

    def claim(self, key: int, claim: Claim, table: str = "parent") -> None:
        self.claims.add((table, key, claim))


class Refusal(Exception):
    """A statement fails, and its transaction with it."""


class Model:
    """The database and its sessions, numbered from 0."""

    def __init__(self, parents: dict[int, str], children: dict[int, int]) -> None:
        self.state = State(dict(parents), dict(children))
        self._commits: list[Claims] = []
        self._open: dict[int, _Transaction] = {}

    def is_open(self, session: int) -> bool:
        return session in self._open

    def is_recorded(self, session: int, operation: Operation) -> bool:
        """Whether it is known what a real cluster answers, in the situation of this session."""
        transaction = self._open.get(session)
        if transaction is None:
            return operation.verb not in ("declare", "fetch")
        if operation.verb == "delete":
            # Does a row made and gone again conflict? Does a child count that another deleted?
            snapshot = self.state if transaction.snapshot is None else transaction.snapshot
            gone = set(snapshot.children_of(operation.key)) - set(
                self.state.children_of(operation.key)
            )
            return operation.key not in transaction.inserted and not gone
        return True

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
        if not transaction.aborted and operation.verb not in ("lock", "share"):
            # A row lock that ends with its statement protects nothing.
            self._commit(transaction)
        return answer

    def _statement(self, transaction: _Transaction, operation: Operation) -> Answer:
        if transaction.snapshot is None:
            transaction.snapshot = self.state.copy()
            transaction.view = self.state.copy()
            transaction.began = len(self._commits)
        try:
            return self._answer(transaction, operation)
        except Refusal as refusal:
            transaction.aborted = True
            return str(refusal), ()

    def _answer(self, transaction: _Transaction, operation: Operation) -> Answer:
        key, value = operation.key, operation.value
        rows = transaction.view.parents
        match operation.verb:
            case "read":
                return _selected(sorted(rows.items()))
            case "read_children":
                return _selected(sorted(transaction.view.children.items()))
            case "lock" | "share":
                if key not in rows:
                    return "SELECT 0", ()
                transaction.claim(key, Claim.CHANGE if operation.verb == "lock" else Claim.SHARE)
                return _selected([(key, rows[key])])
            case "update":
                return self._update(transaction, [key] if key in rows else [], value)
            case "update_many":
                return self._update(
                    transaction, sorted(each for each in rows if each <= key), value
                )
            case "upsert" if key in rows:
                self._update(transaction, [key], value)
                return "INSERT 0 1", ((key, rows[key]),)
            case "insert_missing" if key in rows:
                return "INSERT 0 0", ()
            case "insert" | "insert_missing" | "copy" | "upsert":
                made = self._insert(transaction, [key], value)
                return ("COPY 1", ()) if operation.verb == "copy" else ("INSERT 0 1", made)
            case "insert_many":
                return "INSERT 0 2", self._insert(transaction, [key, key + 1], value)
            case "delete":
                return self._delete(transaction, key)
            case "adopt":
                return self._adopt(transaction, key, int(value))
            case "disown":
                gone = transaction.view.children_of(key)
                for child in gone:
                    del transaction.view.children[child]
                    transaction.claim(child, Claim.KEY, "child")
                return f"DELETE {len(gone)}", tuple((child, key) for child in gone)
            case "declare":
                if transaction.cursor is not None:
                    raise Refusal(CURSOR_EXISTS)
                transaction.cursor = sorted(rows.items())
                return "DECLARE CURSOR", ()
            case "fetch":
                if transaction.cursor is None:
                    raise Refusal(NO_CURSOR)
                found, transaction.cursor = transaction.cursor[:2], transaction.cursor[2:]
                return f"FETCH {len(found)}", tuple(found)
        raise AssertionError(operation.verb)

    def _update(self, transaction: _Transaction, keys: list[int], value: str) -> Answer:
        rows = transaction.view.parents
        for key in keys:
            rows[key] += value
            transaction.claim(key, Claim.CHANGE)
        return f"UPDATE {len(keys)}", tuple((key, rows[key]) for key in keys)

    def _insert(self, transaction: _Transaction, keys: list[int], value: str) -> tuple[Row, ...]:
        rows = transaction.view.parents
        if any(key in rows for key in keys):
            raise Refusal(DUPLICATE)
        for key in keys:
            rows[key] = value
            transaction.claim(key, Claim.KEY)
            transaction.inserted.add(key)
        return tuple((key, value) for key in keys)

    def _delete(self, transaction: _Transaction, key: int) -> Answer:
        if key not in transaction.view.parents:
            return "DELETE 0", ()
        if transaction.view.children_of(key):
            raise Refusal(NO_PARENT_OR_STILL_CHILDREN)
        transaction.claim(key, Claim.KEY)
        return "DELETE 1", ((key, transaction.view.parents.pop(key)),)

    def _adopt(self, transaction: _Transaction, parent: int, child: int) -> Answer:
        if parent not in transaction.view.parents:
            raise Refusal(NO_PARENT_OR_STILL_CHILDREN)
        transaction.view.children[child] = parent
        transaction.claim(child, Claim.KEY, "child")
        transaction.claim(parent, Claim.SHARE)
        return "INSERT 0 1", ((child, parent),)

    def _commit(self, transaction: _Transaction) -> str:
        if transaction.aborted:
            return "ROLLBACK"
        if transaction.snapshot is None:
            return "COMMIT"
        for later in self._commits[transaction.began :]:
            for table, key, claim in later:
                if any(
                    (table, key, own) in transaction.claims and own.conflicts(claim)
                    for own in Claim
                ):
                    return CONFLICT
        for table, key, claim in transaction.claims:
            if claim is Claim.SHARE:
                continue
            if table == "parent":
                _take_over(key, transaction.view.parents, self.state.parents)
            else:
                _take_over(key, transaction.view.children, self.state.children)
        self._commits.append(transaction.claims)
        return "COMMIT"


def _take_over(key: int, mine: dict[int, Any], theirs: dict[int, Any]) -> None:
    if key in mine:
        theirs[key] = mine[key]
    else:
        theirs.pop(key, None)


def _selected(rows: list[Row]) -> Answer:
    return f"SELECT {len(rows)}", tuple(rows)
