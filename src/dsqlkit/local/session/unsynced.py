"""What came since the last Sync outside a transaction block: one transaction up to that Sync."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dsqlkit.local.dialect.limits import Held
from dsqlkit.local.statements.statement import BOUNDS, ENDS, UNBOUNDED, Kind, Statement


@dataclass(slots=True, eq=False)
class Unsynced:
    """Its statements, and how many rows they may change, as far as their texts say (`most`).

    `held` is what may not be mixed with others. `ends`: a COMMIT or ROLLBACK is among them, so that
    it is not always known how many rows those after it changed. `in_block`: there is a BEGIN, and
    none of these after it. `outdated` are the tables of the first of them that is to be told of a
    change of schema: whether it was, their answer says.
    """

    statements: list[Statement] = field(default_factory=list)
    most: int = 0
    held: Held = field(default_factory=Held)
    ends: bool = False
    in_block: bool = False
    outdated: frozenset[str] = frozenset()

    def add(self, statement: Statement) -> None:
        """A statement comes next."""
        self.statements.append(statement)
        self.held.add(statement.parts)
        if statement.kind in BOUNDS:
            self.in_block = statement.kind is Kind.BEGIN
        self.ends = self.ends or statement.kind in ENDS
        self.most += -UNBOUNDED * UNBOUNDED if statement.kind in BOUNDS else statement.most

    def committed(self, answered: int) -> Sequence[Statement]:
        """Those that a COMMIT among them has committed, where so many have been answered."""
        found: list[Statement] = []
        start = 0
        for number, statement in enumerate(self.statements[:answered]):
            if statement.kind in ENDS:
                if statement.kind is Kind.COMMIT:
                    found += self.statements[start:number]
                start = number + 1
        return [each for each in found if each.kind is not Kind.BEGIN]

    @property
    def uncommitted(self) -> Sequence[Statement]:
        """Those that came after the last COMMIT or ROLLBACK, without a BEGIN."""
        start = 0
        for number, statement in enumerate(self.statements):
            if statement.kind in ENDS:
                start = number + 1
        return [each for each in self.statements[start:] if each.kind is not Kind.BEGIN]
