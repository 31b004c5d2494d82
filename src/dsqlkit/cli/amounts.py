"""Amounts as options give them."""

from decimal import Decimal, InvalidOperation

from dsqlkit.errors import UsageError


def amount_of(option: str, text: str | None) -> Decimal | None:
    """An option's amount, 0 or more; None where it is not given. Raises UsageError."""
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise UsageError(f"{option} {text!r} is not an amount.", hint="One looks like 0.25.")
    return amount
