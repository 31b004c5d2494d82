"""Reading a request: each field by its name and type, and an error that names the field.

Money comes as a string, or as a number of JSON. Lambda's Python runtime hands a number with a
fraction over as a float. A float stands for the decimal that was sent only while that has at most
15 significant digits; then its shortest form is that decimal. So floats are read by their shortest
form, and refused where it is longer.
"""

import json
import sys
from collections.abc import Collection
from decimal import Decimal
from typing import Final
from uuid import UUID

from dsqlkit.accounts import parse_amount, parse_id
from dsqlkit.errors import UsageError

_EXACT_DIGITS: Final = sys.float_info.dig
_SHOWN: Final = 60


class InvalidRequest(UsageError):
    """A request that no function could answer: nothing was contacted."""


class Request:
    """One request. Whoever reads it says which fields it may have; all else is refused."""

    def __init__(self, event: object, known: Collection[str]) -> None:
        """Raises InvalidRequest unless `event` is an object with none but known fields."""
        self._hint = f"The fields are: {', '.join(known)}."
        if not isinstance(event, dict):
            raise InvalidRequest(
                f"The request must be a JSON object, not {_shown(event)}.", hint=self._hint
            )
        for name in event:
            if name not in known:
                raise InvalidRequest(f"Field {name} is unknown.", hint=self._hint)
        self._event = event

    def has(self, name: str) -> bool:
        return name in self._event

    def only(self, *names: str) -> None:
        """Refuse the fields that go with another choice."""
        for name in self._event:
            if name not in names:
                raise InvalidRequest(f"Field {name} does not go with the others.")

    def text(self, name: str) -> str:
        """A string that is more than blanks."""
        value = self._value(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a string", value)
        if not value.strip():
            raise InvalidRequest(f"Field {name} must not be empty.", hint=self._hint)
        return value

    def choice(self, name: str, choices: Collection[str]) -> str:
        """One of these words."""
        value = self._value(name)
        if not (isinstance(value, str) and value in choices):
            raise self._wrong(name, f"one of {', '.join(choices)}", value)
        return value

    def integer(self, name: str) -> int:
        """An integer as JSON writes it: neither 1.0 nor "1"."""
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "an integer", value)
        return value

    def uuid(self, name: str) -> UUID:
        """A UUID in a string."""
        value = self._value(name)
        try:
            found = parse_id(value) if isinstance(value, str) else None
        except UsageError:
            found = None
        if not isinstance(found, UUID):
            raise self._wrong(name, "a UUID in a string", value)
        return found

    def amount(self, name: str) -> Decimal:
        """An amount of money: more than zero, at most 6 decimal places."""
        value = self._value(name)
        text = _decimal_text(value)
        if text is None:
            raise self._wrong(name, 'a decimal in a string, such as "10.25"', value)
        try:
            return parse_amount(text)
        except UsageError as error:
            raise InvalidRequest(f"Field {name}: {error.message}", hint=error.hint) from error

    def _value(self, name: str) -> object:
        if name not in self._event:
            raise InvalidRequest(f"Field {name} is missing.", hint=self._hint)
        value: object = self._event[name]
        return value

    def _wrong(self, name: str, wanted: str, value: object) -> InvalidRequest:
        return InvalidRequest(f"Field {name} must be {wanted}, not {_shown(value)}.")


def _decimal_text(value: object) -> str | None:
    """The plain decimal that was sent, or None where that is not certain."""
    match value:
        case bool():
            return None
        case str():
            return value
        case int():
            return str(value)
        case float() if len(Decimal(repr(value)).as_tuple().digits) <= _EXACT_DIGITS:
            return f"{Decimal(repr(value)):f}"
        case Decimal() if value.is_finite():
            return f"{value:f}"
    return None


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
