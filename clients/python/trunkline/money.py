"""Money: nano-dollars (integers) on the wire and in sums, `Decimal` dollars for people."""

from decimal import Decimal, InvalidOperation

NANODOLLARS = 1_000_000_000
MOST_DOLLARS = (2**63 - 1) // NANODOLLARS
"""What the wire can hold."""

Dollars = Decimal | str | int | float


def to_dollars(nanodollars: int) -> Decimal:
    """Nano-dollars as exact dollars."""
    return Decimal(nanodollars) / NANODOLLARS


def to_nanodollars(dollars: Dollars) -> int:
    """Dollars as nano-dollars, to the nearest; a float counts as the shortest decimal that it prints as.

    Raises:
        ValueError: not a finite number, or more than the wire can hold.
    """
    try:
        amount = Decimal(str(dollars).removeprefix("$"))
    except InvalidOperation:
        raise ValueError(f'"{dollars}" is not an amount of dollars; write it like 0.004') from None
    if not amount.is_finite():
        raise ValueError(f'"{dollars}" is not an amount of dollars; write it like 0.004')
    if abs(amount) > MOST_DOLLARS:
        raise ValueError(f'"{dollars}" is too much; at most {MOST_DOLLARS:,} dollars')
    return round(amount * NANODOLLARS)
