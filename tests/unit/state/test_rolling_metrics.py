"""Rolling figures of a target."""

import json
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_service.domain.target import Priors, TargetMetrics
from router_service.state.rolling_metrics import RollingMetrics, Sample, SortedWindow

PRIORS = Priors(first_token=0.5, tokens_per_second=50.0, success_rate=0.98)


def good(latency: float = 2.0, first_token: float = 1.0, output_tokens: int = 100, cost: int = 10) -> Sample:
    """A success."""
    return Sample(True, latency, first_token, output_tokens, cost)


BAD = Sample(False, 1.0)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0.01, 1))
def test_percentiles_are_those_of_the_last_samples(samples: list[float], share: float) -> None:
    """As sorting the last 20 would give, by nearest rank."""
    window = SortedWindow(20)
    for sample in samples:
        window.add(sample)
    last = sorted(samples[-20:])
    assert window.percentile(share) == last[ceil(share * len(last)) - 1]
    assert window.mean == pytest.approx(sum(last) / len(last), rel=1e-6, abs=1e-3)


def test_nothing_is_known_before_the_first_sample() -> None:
    """Figures are None, so that priors stand in for them; availability and health are whole."""
    assert RollingMetrics().view(0, PRIORS) == TargetMetrics()


def test_moving_averages_keep_nine_tenths() -> None:
    """The first sample counts whole, each later one a tenth."""
    metrics = RollingMetrics()
    metrics.add(good(latency=2.0, first_token=1.0), 0)
    metrics.add(good(latency=4.0, first_token=2.0, cost=20), 0)
    view = metrics.view(0, PRIORS)
    assert view.latency == pytest.approx(2.2)
    assert view.first_token == pytest.approx(1.1)
    assert view.tokens_per_second == pytest.approx(0.9 * 100 + 0.1 * 50)
    assert view.latency_p95 == 4.0
    windows = metrics.windows()
    assert windows.cost == pytest.approx(11)
    assert (windows.latency.p50, windows.latency.p95) == (2.0, 4.0)


@given(st.lists(st.tuples(st.sampled_from(("good", "bad", "told", "nothing")), st.floats(0, 400)), max_size=20))
def test_looking_changes_nothing(events: list[tuple[str, float]]) -> None:
    """Figures looked at after every event are those of a target that nobody has looked at before."""
    watched, alone = RollingMetrics(), RollingMetrics()
    now = 0.0
    for what, later in events:
        now += later
        for metrics in (watched, alone):
            if what in ("good", "bad"):
                metrics.add(good() if what == "good" else BAD, now)
            elif what == "told":
                metrics.report_quality(0.5, "default")
        watched.view(now, PRIORS)
        watched.view(now + 30.0, PRIORS)
    now += 31.0
    other = Priors(first_token=2.0, tokens_per_second=10.0, success_rate=0.5)
    assert watched.view(now, PRIORS) == alone.view(now, PRIORS)
    assert watched.view(now, other) == alone.view(now, other)


def test_it_is_known_how_much_is_assumed() -> None:
    """All before the first sample, nothing for a minute after it, half ten minutes later, nearly all in the end."""
    metrics = RollingMetrics()
    assert metrics.view(0, PRIORS).assumed_share == 1
    metrics.add(good(latency=2.0, first_token=1.0), 0)
    shares = [metrics.view(now, PRIORS).assumed_share for now in (0, 60, 660, 10_000)]
    assert shares == [0, 0, pytest.approx(0.5), pytest.approx(1, abs=1e-4)]


def test_the_success_rate_is_that_of_the_last_thousand() -> None:
    """Older outcomes do not count any more."""
    metrics = RollingMetrics()
    for _ in range(500):
        metrics.add(BAD, 0)
    for _ in range(750):
        metrics.add(good(), 0)
    assert metrics.view(0, PRIORS).success_rate == pytest.approx(0.75)
    assert metrics.view(0, PRIORS).samples == 1250


def test_health_is_the_published_formula() -> None:
    """0.7 success rate + 0.3 max(0, 1 - mean latency / 5 s)."""
    metrics = RollingMetrics()
    metrics.add(good(latency=2.0), 0)
    metrics.add(BAD, 0)
    assert metrics.view(0, PRIORS).health == pytest.approx(0.7 * 0.5 + 0.3 * (1 - 2 / 5))
    for _ in range(998):
        metrics.add(good(latency=60.0), 0)
    assert metrics.view(0, PRIORS).health == pytest.approx(0.7 * 0.999)


def test_availability_falls_rises_and_drifts_back() -> None:
    """Times 0.95 on an error, times 1.01 on a success up to 1; half of what is missing comes back in ten seconds."""
    metrics = RollingMetrics()
    metrics.add(BAD, 0)
    assert metrics.view(0, PRIORS).availability == pytest.approx(0.95)
    assert metrics.view(10, PRIORS).availability == pytest.approx(0.975)
    metrics.add(good(), 0)
    assert metrics.view(0, PRIORS).availability == pytest.approx(0.9595)
    for _ in range(10):
        metrics.add(good(), 0)
    assert metrics.view(0, PRIORS).availability == 1.0


def test_a_measurement_stands_for_a_minute_and_then_fades() -> None:
    """Its distance from the prior halves every ten minutes: no target is out for good because of one bad hour."""
    metrics = RollingMetrics()
    metrics.add(BAD, 0)
    assert metrics.view(60, PRIORS).success_rate == 0.0
    assert metrics.view(660, PRIORS).success_rate == pytest.approx(0.49)
    assert metrics.view(86_400, PRIORS).success_rate == pytest.approx(0.98)
    assert metrics.changes_with_time(600)
    assert not metrics.changes_with_time(86_400)


def test_reported_quality_is_kept_by_task() -> None:
    """A moving average over all, and one per task with its number of reports."""
    metrics = RollingMetrics()
    metrics.report_quality(1.0, "analysis")
    metrics.report_quality(0.0, "creative")
    metrics.report_quality(0.0, "analysis")
    view = metrics.view(0, PRIORS)
    assert view.reported_quality == pytest.approx(0.81)
    assert view.quality_by_task == {"analysis": (pytest.approx(0.9), 2), "creative": (0.0, 1)}


@given(st.lists(st.one_of(st.just(BAD), st.builds(good, st.floats(1, 50), st.floats(0, 0.9))), min_size=1, max_size=50))
def test_what_is_exported_is_restored(samples: list[Sample]) -> None:
    """Through JSON and another process's clock, the figures are the same at the same age."""
    metrics = RollingMetrics()
    for sample in samples:
        metrics.add(sample, 100)
    metrics.report_quality(0.5, "analysis")
    saved = json.loads(json.dumps(metrics.export(130)))
    restored = RollingMetrics.restore(saved, 7_000)
    before, after = metrics.view(200, PRIORS), restored.view(7_070, PRIORS)
    assert after.samples == before.samples
    assert after.success_rate == pytest.approx(before.success_rate)
    assert after.latency_p95 == before.latency_p95
    assert after.latency == pytest.approx(before.latency) if before.latency else after.latency is None
    assert after.availability == pytest.approx(before.availability)
    assert after.quality_by_task == before.quality_by_task
