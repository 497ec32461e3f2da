"""Figures as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from trunkline.cli.rendering import formats


@pytest.mark.parametrize(
    ("nanodollars", "text"),
    [
        (0, "$0"),
        (130_000, "$0.00013"),
        (200_000, "$0.0002"),
        (5_249_000, "$0.0052"),
        (999_999_999, "$1"),
        (12_500_000_000, "$12.50"),
        (1_234_567_000_000_000, "$1,234,567.00"),
        (1, "$0.000000001"),
    ],
)
def test_money(nanodollars: int, text: str) -> None:
    """Two significant digits below a dollar, cents above."""
    assert formats.money(nanodollars) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0004, "0 ms"),
        (0.084, "84 ms"),
        (0.9996, "1.0 s"),
        (2.345, "2.3 s"),
        (9.96, "10 s"),
        (41.2, "41 s"),
        (120, "2 min"),
        (125, "2 min 5 s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    """As precise as it is useful, with its unit."""
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(None, "-"), (812, "812"), (128_000, "128k"), (1_047_576, "1.0M")])
def test_tokens(count: int | None, text: str) -> None:
    """Context windows are short to read."""
    assert formats.tokens(count) == text


def test_ago() -> None:
    """Times in the past, counted from now."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert formats.ago(None, now) == "-"
    assert formats.ago(now - timedelta(milliseconds=500), now) == "now"
    assert formats.ago(now - timedelta(seconds=3), now) == "3.0 s ago"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (4.9912, "4.99"), (0.0000788, "0.0000788"), (-12345.6, "-12346"), (float("inf"), "-")],
)
def test_figure(number: float, text: str) -> None:
    """Scorers' own figures are of any size; none is shown with an exponent."""
    assert formats.figure(number) == text
