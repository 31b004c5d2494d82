"""Amounts are exact decimals, ids are integers or UUIDs, and nothing else gets in."""

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqlkit.accounts import check_count, check_pair, parse_amount, parse_id, plain, table_of
from dsqlkit.errors import UsageError

ONE = UUID("6f9619ff-8b86-4011-b42d-00c04fc964ff")
TWO = UUID("7d444840-9dc0-41d1-b245-5ffdce74fad2")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10", "10"),
        ("0.25", "0.25"),
        ("0.000001", "0.000001"),
        ("999999999999.999999", "999999999999.999999"),
        ("007", "7"),
        ("10.10", "10.10"),
    ],
)
def test_an_amount_is_read_exactly(text: str, amount: str) -> None:
    assert parse_amount(text) == Decimal(amount)


BAD_AMOUNTS = [
    "",
    " ",
    "-1",
    "+1",
    "NaN",
    "nan",
    "sNaN",
    "Infinity",
    "-Infinity",
    "inf",
    "1e400",
    "1e3",
    "1E+2",
    "0.0000001",
    "1234567890123",
    "1,000",
    "1_000",
    "1.",
    ".5",
    "0x10",
    "10\n",
    " 10",
    "\u0661\u0660",
    "ten",
    "1; DROP TABLE accounts",
]


@pytest.mark.parametrize("text", BAD_AMOUNTS)
@pytest.mark.parametrize("zero", [False, True])
def test_what_is_no_amount_of_money_is_a_usage_error_that_quotes_it(text: str, zero: bool) -> None:
    with pytest.raises(UsageError) as caught:
        parse_amount(text, zero=zero)
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("text", ["0", "0.0", "000", "0.000000"])
def test_zero_is_an_opening_balance_but_no_transfer(text: str) -> None:
    with pytest.raises(UsageError, match="more than zero"):
        parse_amount(text)
    assert parse_amount(text, zero=True) == 0


@given(st.decimals("0.000001", "999999999999.999999", places=6))
def test_any_amount_that_the_column_holds_survives_being_read_and_shown(amount: Decimal) -> None:
    assert parse_amount(plain(amount)) == amount


@pytest.mark.parametrize(
    ("money", "text"),
    [
        ("90.000000", "90"),
        ("100", "100"),
        ("0.500000", "0.5"),
        ("0", "0"),
        ("0.000000", "0"),
        ("-5.000000", "-5"),
        ("1E+3", "1000"),
        ("0.000001", "0.000001"),
    ],
)
def test_money_is_shown_without_trailing_zeros_or_exponents(money: str, text: str) -> None:
    assert plain(Decimal(money)) == text


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("1", 1),
        ("-7", -7),
        ("0", 0),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(ONE), ONE),
        (str(ONE).upper(), ONE),
        (ONE.hex, ONE),
    ],
)
def test_an_id_is_an_integer_or_a_uuid(text: str, account: int | UUID) -> None:
    assert parse_id(text) == account


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "one",
        "1.0",
        "+1",
        "1 ",
        "0x1",
        str(2**63),
        "9" * 5000,
        f"{{{ONE}}}",
        str(ONE)[:-1],
        "1;2",
    ],
)
def test_what_is_no_id_is_a_usage_error_that_quotes_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_id(text)
    assert repr(text) in caught.value.message


def test_integers_live_in_accounts_and_uuids_in_accounts2() -> None:
    assert table_of(1) == "accounts"
    assert table_of(ONE) == "accounts2"


def test_a_transfer_is_between_two_ids_of_one_kind() -> None:
    check_pair(1, 2)
    check_pair(ONE, TWO)
    for payer, payee in ((1, ONE), (ONE, 1)):
        with pytest.raises(UsageError, match="ids of one kind"):
            check_pair(payer, payee)
    for same in (1, ONE):
        with pytest.raises(UsageError, match="must be different"):
            check_pair(same, same)


@pytest.mark.parametrize("count", [0, -1, 1_000_001])
def test_a_bank_has_from_one_to_a_million_accounts(count: int) -> None:
    check_count(1)
    check_count(1_000_000)
    with pytest.raises(UsageError, match="from 1 to 1,000,000"):
        check_count(count)
