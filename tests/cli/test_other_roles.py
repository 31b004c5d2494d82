"""Commands as another role than admin: let in when it is mapped, held to what it was granted."""

from collections.abc import Iterator

import pytest

from dsqlkit.connection import KeptConnection
from tests.support.commands import Command

ARN = "arn:aws:iam::123456789012:role/teller"


@pytest.fixture
def teller(bank: KeptConnection) -> Iterator[KeptConnection]:
    """A role with LOGIN, before anything was granted to it; the connection is admin's."""
    with bank.connection() as admin:
        admin.execute("CREATE ROLE teller WITH LOGIN")
    yield bank
    with bank.connection() as admin:
        admin.execute(f"AWS IAM REVOKE teller FROM '{ARN}'".encode())
        admin.execute("REVOKE ALL ON accounts FROM teller")
        admin.execute("DROP ROLE teller")


def test_a_role_connects_once_it_is_mapped(dsqlkit: Command, teller: KeptConnection) -> None:
    refused = dsqlkit("connect", "--user", "teller", "--json")
    assert (refused.code, refused.error["code"]) == (3, "no_connection")
    with teller.connection() as admin:
        admin.execute(f"AWS IAM GRANT teller TO '{ARN}'".encode())
    assert dsqlkit("connect", "--user", "teller", "--json").document["user"] == "teller"
    assert dsqlkit("connect", "--json").document["user"] == "admin"


def test_a_role_reads_and_moves_money_as_far_as_it_may(
    dsqlkit: Command, teller: KeptConnection
) -> None:
    transfer = ("transfer", "--payer", "1", "--payee", "2", "--amount", "1", "--user", "teller")
    balance = ("balance", "--id", "1", "--user", "teller", "--json")
    with teller.connection() as admin:
        admin.execute(f"AWS IAM GRANT teller TO '{ARN}'".encode())
    denied = dsqlkit(*balance)
    assert (denied.code, denied.error["sqlstate"]) == (1, "42501")
    with teller.connection() as admin:
        admin.execute("GRANT SELECT ON accounts TO teller")
    assert dsqlkit(*balance).document["balance"] == "100"
    assert dsqlkit(*transfer, "--json").error["sqlstate"] == "42501"
    with teller.connection() as admin:
        admin.execute("GRANT UPDATE ON accounts TO teller")
    assert dsqlkit(*transfer, "--json").document["payer_balance"] == "99"
