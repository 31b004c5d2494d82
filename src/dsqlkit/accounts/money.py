"""Money: exact decimals, from the command line to the database and back."""

import re
from decimal import Decimal
from typing import Final

from dsqlkit.errors import UsageError

PLACES: Final = 6
"""Decimal places of money: `numeric` is numeric(18,6) on DSQL."""

_AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


def parse_amount(text: str, *, zero: bool = False) -> Decimal:
    """An amount of money in plain decimals: more than zero, at most 6 decimal places.

    `zero` allows 0 as well (an opening balance). Raises UsageError for anything else.
    """
    if not _AMOUNT.fullmatch(text):
        raise UsageError(
            f"{text!r} is not an amount of money.",
            hint="Write it in plain decimals, with at most 12 digits before and 6 after the "
            "point: 10 or 0.25.",
        )
    amount = Decimal(text)
    if amount == 0 and not zero:
        raise UsageError("The amount must be more than zero.")
    return amount


def plain(money: Decimal) -> str:
    """Money as it is shown everywhere: in plain decimals without trailing zeros, 90 or 0.5."""
    text = f"{money:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
