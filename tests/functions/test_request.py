"""What a function takes as a field of its request, and what it refuses."""

import json
from decimal import Decimal
from uuid import UUID

import pytest

from dsqlkit.aws.handlers.hello import handler
from dsqlkit.aws.handlers.request import InvalidRequest, Request

ID = "0190b0a4-7a3e-4a0e-9d5c-0d9a4a3c2b1f"


def request(value: object) -> Request:
    return Request({"field": value}, ("field",))


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("10", "10"),
        ("0.000001", "0.000001"),
        ("999999999999.999999", "999999999999.999999"),
        (10, "10"),
        (Decimal("0.1"), "0.1"),
        (Decimal("1E-6"), "0.000001"),
        (Decimal("1E+3"), "1000"),
        # As Lambda's runtime hands over 0.1, 1e-06, 10.0 and 123456789.123456 in JSON.
        (0.1, "0.1"),
        (1e-06, "0.000001"),
        (10.0, "10.0"),
        (123456789.123456, "123456789.123456"),
    ],
)
def test_an_amount_is_the_decimal_that_was_sent(value: object, amount: str) -> None:
    assert str(request(value).amount("field")) == amount


@pytest.mark.parametrize(
    "value",
    [
        *("0", "-1", "0.0000001", "1e3", "NaN", "", " 1", "1000000000000"),
        *(0, -1, 10**12, True, None, [], {}),
        *(0.0, -0.5, 1e-7, 1e22, float("nan"), float("inf")),
        # Several decimals are this float: which was sent is not known.
        0.1 + 0.2,
        123456789012.123456,
        *(Decimal("-1"), Decimal("0.0000001"), Decimal("NaN"), Decimal("Infinity")),
    ],
)
def test_what_is_no_certain_amount_of_money_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^Field field\b"):
        request(value).amount("field")


@pytest.mark.parametrize("hundredths", range(1, 2000, 37))
def test_every_amount_in_hundredths_survives_json(hundredths: int) -> None:
    sent = f"{hundredths / 100:.2f}"
    assert request(json.loads(sent)).amount("field") == Decimal(sent)


@pytest.mark.parametrize("value", ["1", 1.0, True, None, [1], Decimal(1)])
def test_an_integer_is_one_in_json_too(value: object) -> None:
    assert request(-7).integer("field") == -7
    with pytest.raises(InvalidRequest, match="Field field must be an integer, not "):
        request(value).integer("field")


@pytest.mark.parametrize("value", [1, "1", "x", "", None, ID[:-1], ID + "0"])
def test_a_uuid_is_one_in_a_string(value: object) -> None:
    assert request(ID.upper()).uuid("field") == UUID(ID)
    with pytest.raises(InvalidRequest, match="Field field must be a UUID in a string, not "):
        request(value).uuid("field")


@pytest.mark.parametrize("value", ["", "  ", 1, None, ["a"]])
def test_a_text_is_a_string_with_something_in_it(value: object) -> None:
    assert request("Zoë ").text("field") == "Zoë "
    with pytest.raises(InvalidRequest, match="Field field must "):
        request(value).text("field")


@pytest.mark.parametrize("value", ["SETUP", "", 1, None, ["setup"], {}])
def test_a_choice_is_one_of_its_words(value: object) -> None:
    assert request("setup").choice("field", ("setup", "query")) == "setup"
    with pytest.raises(InvalidRequest, match="Field field must be one of setup, query, not "):
        request(value).choice("field", ("setup", "query"))


@pytest.mark.parametrize("event", [None, 1, "text", [], [{"field": 1}]])
def test_a_request_is_an_object(event: object) -> None:
    with pytest.raises(InvalidRequest, match="The request must be a JSON object, not "):
        Request(event, ("field",))


def test_a_field_that_is_unknown_or_missing_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match="Field ammount is unknown") as unknown:
        Request({"payer_id": 1, "ammount": 1}, ("payer_id", "amount"))
    assert unknown.value.hint == "The fields are: payer_id, amount."
    with pytest.raises(InvalidRequest, match="Field amount is missing"):
        Request({"payer_id": 1}, ("payer_id", "amount")).amount("amount")


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(InvalidRequest) as refused:
        request("x" * 10_000).integer("field")
    assert len(str(refused.value)) < 150


def test_a_handler_can_be_called_as_a_unit_test_of_a_function_does() -> None:
    assert handler({"name": "reinvent"}, None) == {"greeting": "hello reinvent"}
    with pytest.raises(InvalidRequest, match=r"^Field name is missing$"):
        handler({}, None)
