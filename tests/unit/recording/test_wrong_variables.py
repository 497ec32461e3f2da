"""An OpenTelemetry variable that makes no sense costs the traces, not the process."""

import logging

import pytest

from service_common.tracing import configure_tracing


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "abc"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "-1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1"),
    ],
)
def test_a_wrong_variable_ends_in_one_warning(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There are no traces, and the log says why."""
    monkeypatch.setenv(name, value)
    with caplog.at_level(logging.WARNING):
        assert configure_tracing("test", "http://127.0.0.1:1") is None
    [record] = caplog.records
    assert record.getMessage().startswith("There are no traces: ")
