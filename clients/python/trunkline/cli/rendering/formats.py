"""Figures as people read them."""

import math
from datetime import UTC, datetime
from decimal import Decimal

from trunkline.money import to_dollars


def money(nanodollars: int) -> str:
    """Two significant digits below a dollar, cents above: `$0.00013`, `$0`, `$12.50`."""
    return dollars(to_dollars(nanodollars))


def dollars(amount: Decimal) -> str:
    """As `money`, for dollars."""
    if amount == 0:
        return "$0"
    if abs(amount) >= 1:
        return f"${amount:,.2f}"
    rounded = round(amount, 1 - amount.adjusted())
    return f"${rounded.normalize():f}"


def amount(figure: float | str) -> Decimal:
    """A figure of dollars that came as a number or as text."""
    return Decimal(str(figure))


def price(nanodollars_per_million: int | None) -> str:
    """Dollars per 1,000,000 tokens, with cents; a dash where it is not known."""
    if nanodollars_per_million is None:
        return "-"
    amount = to_dollars(nanodollars_per_million)
    return f"${amount:,.2f}" if amount >= Decimal("0.01") else dollars(amount)


def duration(seconds: float | None) -> str:
    """`84 ms`, `2.3 s`, `41 s`, `2 min 5 s`; a dash where it is not known."""
    if seconds is None:
        return "-"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def local_time(moment: datetime | None = None) -> str:
    """As clocks here show it, to the second: `2026-05-04 17:31:02`; now where no moment is given."""
    return f"{(moment or datetime.now(UTC)).astimezone():%Y-%m-%d %H:%M:%S}"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago; a dash where it never was."""
    if moment is None:
        return "-"
    passed = ((now or datetime.now(UTC)) - moment).total_seconds()
    return "now" if passed < 1 else f"{duration(passed)} ago"


def ahead(moment: datetime, now: datetime | None = None) -> str:
    """How soon: `in 12 s`, `now`."""
    left = (moment - (now or datetime.now(UTC))).total_seconds()
    return "now" if left <= 0 else f"in {duration(left)}"


def figure(number: float) -> str:
    """Three significant digits, never with an exponent; a dash for an endless one."""
    if not math.isfinite(number):
        return "-"
    if number == 0 or abs(number) >= 1000:
        return f"{number:.0f}"
    return f"{Decimal(f'{number:.3g}'):f}"


def tokens(count: int | None) -> str:
    """A token count: `128k`, `1.0M`, `812`; a dash where it is not known."""
    if count is None:
        return "-"
    if count >= 1_000_000:
        return f"{count / 1_000_000:.1f}M"
    if count >= 10_000:
        return f"{count / 1000:.0f}k"
    return str(count)


def rate(tokens_per_second: float) -> str:
    """Tokens a second as `tokens`; a dash for 0, which stands for an unknown one."""
    return tokens(round(tokens_per_second)) if tokens_per_second else "-"


def plural(count: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
