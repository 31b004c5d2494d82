"""What has been committed, as far as open transactions may have to know."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.touched import SharedKey


class CommitHistory:
    """The commits of a cluster, numbered in their order; `commits` is the number of the last."""

    def __init__(self) -> None:
        self.commits = 0
        self._last_write: Counter[str] = Counter()
        self._last_delete: Counter[str] = Counter()
        self._shared: list[_Shared] = []

    def wrote(self, tables: Iterable[str], *, deletes: bool) -> None:
        """A change of these tables' rows was committed; some were deleted if `deletes`."""
        self.commits += 1
        for table in tables:
            self._last_write[table] = self.commits
            if deletes:
                self._last_delete[table] = self.commits

    def shared(self, keys: Iterable[SharedKey]) -> None:
        """A transaction was committed that kept these keys from being removed."""
        self.commits += 1
        self._shared += [_Shared(self.commits, key) for key in keys]

    def forget_shared(self, open_transactions: Iterable[OpenTransaction]) -> None:
        """Forget the keys that none of the open transactions will ask for."""
        if self._shared:
            eldest = min((each.began_at for each in open_transactions), default=self.commits)
            self._shared = [each for each in self._shared if each.commit > eldest]

    def committed_since(self, transaction: OpenTransaction) -> bool:
        """Whether any change was committed since the transaction began."""
        return self.commits > transaction.began_at

    def written_since(self, transaction: OpenTransaction, tables: Iterable[str]) -> bool:
        """Whether rows of one of these tables were committed since the transaction began."""
        return any(self._last_write[table] > transaction.began_at for table in tables)

    def deleted_since(self, transaction: OpenTransaction, tables: Iterable[str]) -> bool:
        """Whether rows of one of these tables were deleted since the transaction began."""
        return any(self._last_delete[table] > transaction.began_at for table in tables)

    def shared_since(self, transaction: OpenTransaction) -> list[SharedKey]:
        """The keys that others kept from being removed and committed since it began."""
        return [each.key for each in self._shared if each.commit > transaction.began_at]


@dataclass(frozen=True, slots=True)
class _Shared:
    commit: int
    key: SharedKey
