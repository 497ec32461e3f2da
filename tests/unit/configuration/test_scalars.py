"""Durations, sizes and money are read exactly and written back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_common.configuration.scalars import (
    format_dollars,
    format_duration,
    format_size,
    parse_dollars,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("500ms", 0.5),
        ("5m", 300.0),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("2d", 172_800.0),
        (0, 0.0),
        ("0", 0.0),
    ],
)
def test_a_duration_is_read_in_seconds(text: object, seconds: float) -> None:
    """Every unit, and several of them in a row."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["30", 30, 0.5, "-3s", "s", "3 parsecs", "3s!", "", None, True, "1e3s"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    """A bare number has no unit, so that nobody has to guess whether it means seconds or milliseconds."""
    with pytest.raises(ValueError, match=r"write"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999999999d", "36500d1ms", "9" * 400 + "s"])
def test_a_duration_beyond_a_century_is_refused(text: str) -> None:
    """No clock and no message holds it; a call would fail on it."""
    with pytest.raises(ValueError, match=r"36500d at most"):
        parse_duration(text)
    assert parse_duration("36500d") == 36_500 * 86_400


@given(st.integers(0, 10_000_000).map(lambda milliseconds: milliseconds / 1000))
def test_a_duration_is_written_as_it_is_read(seconds: float) -> None:
    """Export and import keep every duration."""
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MiB", 67_108_864), ("500KB", 500_000), ("1 GiB", 1_073_741_824), ("12B", 12), ("4mib", 4_194_304)],
)
def test_a_size_is_read_in_bytes(text: str, size: int) -> None:
    """Binary and decimal units are told apart."""
    assert parse_size(text) == size


@given(st.integers(1, 2**40))
def test_a_size_is_written_as_it_is_read(size: int) -> None:
    """Export and import keep every size."""
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("dollars", "nano"),
    [(0.15, 150_000_000), ("0.075", 75_000_000), (3, 3_000_000_000), ("$15.00", 15_000_000_000), (1e-9, 1), (0, 0)],
)
def test_money_is_read_exactly(dollars: object, nano: int) -> None:
    """0.15 is 150,000,000 nano-dollars and nothing is lost to binary fractions."""
    assert parse_dollars(dollars) == nano


@pytest.mark.parametrize("dollars", [-0.01, "1e-10", "abc", True, None, float("inf"), "nan", 10_000_000, [1]])
def test_what_is_no_amount_is_refused(dollars: object) -> None:
    """Negative, infinite, absurd or finer than money is counted here."""
    with pytest.raises(ValueError, match=r"dollar"):
        parse_dollars(dollars)


@given(st.integers(0, 10**14))
def test_money_is_written_as_it_is_read(nano: int) -> None:
    """Export and import keep every price to the nano-dollar."""
    assert parse_dollars(format_dollars(nano)) == nano
