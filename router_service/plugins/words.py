"""How plugins write figures for people."""

from router_service.domain.policy import Preference
from service_common.money import NANO_PER_DOLLAR


def dollars(nano: int) -> str:
    """Nano-dollars as people write them: `$0`, `$0.0042`, `$12.50`; at least two significant digits."""
    if nano == 0:
        return "$0"
    value = nano / NANO_PER_DOLLAR
    if value >= 0.1:
        return f"${value:.2f}"
    text = f"{value:.{_decimals(value)}f}"
    return f"${text}"


def dollars_above(nano: int) -> str:
    """A limit in dollars, without the sign, that is not below `nano` and has few digits."""
    value = nano / NANO_PER_DOLLAR
    decimals = 2 if value >= 0.1 else _decimals(value)
    step = 10 ** (9 - decimals)
    rounded = -(-nano // step) * step
    return f"{rounded / NANO_PER_DOLLAR:.{decimals}f}"


def seconds(value: float) -> str:
    """Seconds as people write them: `84 ms`, `2.3 s`, `41 s`."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def listed(names: tuple[str, ...], most: int = 3) -> str:
    """Names joined by commas; `and 4 more` after the first few."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def whom(preference: Preference) -> str:
    """The targets of a preference, for a person."""
    return listed(preference.targets)


def _decimals(value: float) -> int:
    decimals = 2
    while value < 0.1 and decimals < 9:
        value *= 10
        decimals += 1
    return decimals
