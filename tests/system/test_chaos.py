"""Short forms of `make chaos` and `make soak`."""

from pathlib import Path

import pytest

from tests.chaos.soak import soak
from tests.chaos.storm import Weather, storm

SHORT_SOAK_CALLS = 6000
SHORT_SOAK_GROWTH = 0.15
"""Caches and rolling windows still fill during so few calls; `make soak` holds a longer run to 5 %."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "weather",
    [
        pytest.param(Weather(calls=250, seed=11, at_once=48), id="providers misbehave"),
        pytest.param(Weather(calls=250, seed=12, at_once=48, cancel_share=0.2, kills=5), id="workers are killed"),
    ],
)
async def test_every_call_has_one_outcome_and_every_attempt_is_accounted_for(tmp_path: Path, weather: Weather) -> None:
    """Random faults: no broken promise, whatever the providers, the workers and the callers do."""
    report = await storm(tmp_path, weather)
    assert report.broken == []
    assert report.outcomes["answered"] > weather.calls / 2


@pytest.mark.slow
async def test_memory_stays_flat(tmp_path: Path) -> None:
    """Short calls, a fifth cancelled: neither router nor workers grow."""
    report = await soak(tmp_path, SHORT_SOAK_CALLS, lambda line: None, SHORT_SOAK_GROWTH)
    assert report.broken == []
