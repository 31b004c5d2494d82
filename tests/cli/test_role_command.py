"""`role create`: a role of the least privilege, made at once or completed later."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from dsqlkit import tables
from dsqlkit.connection import KeptConnection
from tests.support.commands import Command

ARN = "arn:aws:iam::123456789012:role/team/teller"
OTHER_ARN = "arn:aws:iam::123456789012:user/someone@example.com"
STRANGE = 'Tell"er ;--'
ON_ACCOUNTS = {"table": "accounts", "privileges": ["SELECT", "UPDATE"]}
ON_ACCOUNTS2 = {"table": "accounts2", "privileges": ["SELECT", "UPDATE"]}
ON_TRANSFERS = {"table": "transfers", "privileges": ["SELECT", "INSERT"]}
ON_ACCOUNTS7 = {"table": "accounts7", "privileges": ["SELECT"]}


@pytest.fixture
def admin(bank: KeptConnection) -> Iterator[KeptConnection]:
    """Admin's connection, on a cluster with table accounts alone and no role but admin."""
    for table in ("accounts2", "accounts7", "transfers"):
        tables.drop(bank, table)
    yield bank
    with bank.connection() as connection:
        rows = connection.execute("SELECT pg_role_name, arn FROM sys.iam_pg_role_mappings")
        for name, arn in rows.fetchall():
            revoke = sql.SQL("AWS IAM REVOKE {} FROM {}")
            connection.execute(revoke.format(sql.Identifier(name), sql.Literal(arn)))
        for name in ("teller", STRANGE):
            found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
            if not found.fetchone():
                continue
            for table in ("accounts", "accounts2", "accounts7", "transfers"):
                if tables.exists(bank, table):
                    revoke = sql.SQL("REVOKE ALL ON {} FROM {}")
                    connection.execute(revoke.format(sql.Identifier(table), sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def make(
    dsqlkit: Command, *options: str, name: str = "teller", arn: str = ARN
) -> dict[str, object]:
    made = dsqlkit("role", "create", name, "--arn", arn, "--json", *options)
    assert made.code == 0, made.out
    return made.document


def test_a_role_may_move_money_and_nothing_else(
    dsqlkit: Command, admin: KeptConnection, tmp_path: Path
) -> None:
    assert make(dsqlkit) == {"role": "teller", "arn": ARN, "grants": [ON_ACCOUNTS]}
    me = ("--user", "teller", "--json")
    assert dsqlkit("connect", *me).document["user"] == "teller"
    moved = dsqlkit("transfer", "--payer", "1", "--payee", "2", "--amount", "1", *me)
    assert moved.document["payer_balance"] == "99"
    assert dsqlkit("balance", "--id", "2", *me).document["balance"] == "101"
    for refused in (
        ("init-accounts", "--count", "10", "--yes"),
        ("load", "--transactions", "1", "--rows", "1", "--yes", "--output", str(tmp_path / "ids")),
        ("explain", "DELETE FROM accounts"),
        ("explain", "INSERT INTO accounts VALUES (0, 1)"),
    ):
        ended = dsqlkit(*refused, *me)
        assert (ended.code, ended.error["sqlstate"]) == (1, "42501"), refused
    assert dsqlkit("role", "create", "more", "--arn", ARN, *me).code == 2


def test_the_role_that_was_made_gets_in_and_no_other(
    dsqlkit: Command, admin: KeptConnection
) -> None:
    assert dsqlkit("connect", "--user", "teller").code == 3
    make(dsqlkit)
    assert dsqlkit("connect", "--user", "teller").code == 0
    assert dsqlkit("connect", "--user", "Teller").code == 3


def test_running_it_again_changes_nothing(dsqlkit: Command, admin: KeptConnection) -> None:
    first = dsqlkit("role", "create", "teller", "--arn", ARN)
    assert [line.partition(" ")[0] for line in first.err.splitlines()[:3]] == [
        "CREATE",
        "AWS",
        "GRANT",
    ]
    assert first.err.endswith("\nNext: dsqlkit connect --user teller\n")
    again = dsqlkit("role", "create", "teller", "--arn", ARN)
    assert (again.code, again.out) == (0, first.out)
    assert again.err.startswith("Role teller was there already; nothing was missing.\n")


def test_running_it_again_completes_what_is_missing(
    dsqlkit: Command, admin: KeptConnection
) -> None:
    with admin.connection() as connection:
        connection.execute("CREATE ROLE teller")  # without LOGIN, unmapped, granted nothing
    assert make(dsqlkit)["grants"] == [ON_ACCOUNTS]
    assert dsqlkit("balance", "--id", "1", "--user", "teller").code == 0

    for table in ("accounts2", "accounts7", "transfers"):
        tables.create(admin, table)
    more = dsqlkit("role", "create", "teller", "--arn", OTHER_ARN)
    assert re.findall(r"^(?:AWS|GRANT).*$", more.err, re.MULTILINE) == [
        f"AWS IAM GRANT \"teller\" TO '{OTHER_ARN}'",
        'GRANT SELECT, UPDATE ON "accounts2" TO "teller"',
        'GRANT SELECT, INSERT ON "transfers" TO "teller"',
        'GRANT SELECT ON "accounts7" TO "teller"',
    ]
    assert "was there already; what was missing was added" in more.err
    assert make(dsqlkit)["grants"] == [ON_ACCOUNTS, ON_ACCOUNTS2, ON_TRANSFERS, ON_ACCOUNTS7]
    with admin.connection() as connection:
        mapped = connection.execute("SELECT arn FROM sys.iam_pg_role_mappings ORDER BY arn")
        assert mapped.fetchall() == [(ARN,), (OTHER_ARN,)]


def test_a_name_is_quoted_wherever_it_stands(dsqlkit: Command, admin: KeptConnection) -> None:
    assert make(dsqlkit, name=STRANGE)["role"] == STRANGE
    assert dsqlkit("balance", "--id", "1", "--user", STRANGE).code == 0


def test_several_at_once_make_one_role(admin: KeptConnection, local_cluster: object) -> None:
    program = Path(sys.executable).with_name("dsqlkit")
    command = [str(program), "role", "create", "teller", "--arn", ARN, "--json"]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(*each.communicate(timeout=60), each.returncode) for each in running]
    assert [code for _, _, code in ended] == [0, 0, 0], ended
    with admin.connection() as connection:
        mapped = connection.execute("SELECT count(*) FROM sys.iam_pg_role_mappings")
        assert mapped.fetchone() == (1,)


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("", ARN),
        ("admin", ARN),
        ("PUBLIC", ARN),
        ("pg_teller", ARN),
        ("x" * 64, ARN),
        ("tel\nler", ARN),
        ("teller", "teller"),
        ("teller", "arn:aws:iam::12345:role/teller"),
        ("teller", "arn:aws:iam::123456789012:group/tellers"),
        ("teller", "arn:aws:iam::123456789012:role/"),
        ("teller", ARN + "'; DROP TABLE accounts; --"),
        ("teller", ARN + "\n"),
    ],
)
def test_a_bad_name_or_arn_is_found_before_anything_is_contacted(
    dsqlkit: Command, name: str, arn: str
) -> None:
    # Nothing listens at that address.
    nowhere = ("--endpoint", "127.0.0.1:1", "--region", "us-east-1")
    ended = dsqlkit("role", "create", "--json", *nowhere, "--arn", arn, "--", name)
    assert (ended.code, ended.document["error"]["code"]) == (2, "usage")


def test_a_sessions_arn_is_told_from_its_roles(dsqlkit: Command) -> None:
    session = "arn:aws:sts::123456789012:assumed-role/teller/someone"
    ended = dsqlkit("role", "create", "teller", "--arn", session, "--json")
    assert ended.code == 2
    assert ended.error["hint"] == "Give its role's: arn:aws:iam::123456789012:role/teller."
