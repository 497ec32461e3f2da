"""Statistics on the wire."""

from collections.abc import Iterable

from router_service.domain.statistics import Summary, TargetStatistics
from router_service.server.wire import optional_duration
from trunkline.admin.v1 import admin_service_pb2 as pb


def statistics_response(statistics: Iterable[TargetStatistics]) -> pb.GetStatisticsResponse:
    """One message per target."""
    return pb.GetStatisticsResponse(targets=[_target(each) for each in statistics])


def _target(statistics: TargetStatistics) -> pb.TargetStatistics:
    return pb.TargetStatistics(
        target=statistics.target,
        attempts=statistics.attempts,
        successes=statistics.successes,
        failures={failure_class.label: count for failure_class, count in statistics.failures.items()},
        latency=_summary(statistics.latency),
        first_token=_summary(statistics.first_token),
        tokens_per_second=statistics.tokens_per_second or 0.0,
        spent_nanodollars=statistics.spent,
        input_tokens=statistics.input_tokens,
        output_tokens=statistics.output_tokens,
        reported_quality=statistics.reported_quality,
    )


def _summary(summary: Summary) -> pb.LatencySummary:
    return pb.LatencySummary(
        samples=summary.samples,
        mean=optional_duration(summary.mean),
        p50=optional_duration(summary.p50),
        p95=optional_duration(summary.p95),
    )
