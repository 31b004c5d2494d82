"""Accounts' ids, which tell their table: integers in `accounts`, UUIDs in `accounts2`."""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias
from uuid import UUID

from dsqlkit.errors import UsageError

AccountId: TypeAlias = int | UUID

HOW_TO_MAKE: Final[Mapping[str, str]] = {
    "accounts": "`dsqlkit init-accounts` makes accounts 1 to 1000.",
    "accounts2": "`dsqlkit load` makes accounts with UUIDs, and a file of them.",
}
"""What to do where a table of accounts, or an account, is missing."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_INTEGERS: Final = range(-(2**63), 2**63)
"""What bigint holds: a table of a user's own may have such ids."""
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def parse_id(text: str) -> AccountId:
    """An account's id: an integer or a UUID. Raises UsageError for anything else."""
    if _INTEGER.fullmatch(text) and int(text) in _INTEGERS:
        return int(text)
    if _UUID.fullmatch(text):
        return UUID(text)
    raise UsageError(
        f"{text!r} is not an account's id.",
        hint="Give an integer of up to 64 bits (table accounts) or a UUID (table accounts2).",
    )


def parse_key(text: str) -> UUID:
    """The key of a transfer. Raises UsageError unless it is a UUID."""
    if not _UUID.fullmatch(text):
        raise UsageError(
            f"{text!r} is not a key.",
            hint="A key is a UUID, such as 6f9619ff-8b86-4011-b42d-00c04fc964ff.",
        )
    return UUID(text)


def table_of(account: AccountId) -> str:
    """The table that holds ids of this kind."""
    return "accounts2" if isinstance(account, UUID) else "accounts"


def check_pair(payer: AccountId, payee: AccountId) -> None:
    """Raise UsageError unless the two are different accounts of one table."""
    if table_of(payer) != table_of(payee):
        raise UsageError(
            "Payer and payee must be ids of one kind: two integers or two UUIDs.",
            hint="Integers are in table accounts, UUIDs in accounts2; a transfer stays in one.",
        )
    if payer == payee:
        raise UsageError("Payer and payee must be different accounts.")
