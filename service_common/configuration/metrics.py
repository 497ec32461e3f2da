"""Metrics in the file: where Prometheus reads them."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from service_common.configuration.scalars import parse_address
from service_common.configuration.section import Section

OFF = "off"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = "9464"
"""What OpenTelemetry's exporters for Prometheus listen on."""

EXPORTER_VARIABLE = "OTEL_METRICS_EXPORTER"
HOST_VARIABLE = "OTEL_EXPORTER_PROMETHEUS_HOST"
PORT_VARIABLE = "OTEL_EXPORTER_PROMETHEUS_PORT"


def parse_metrics_address(value: object) -> str:
    """`host:port`, `off`, or nothing.

    Raises:
        ValueError: none of these.
    """
    text = str(value).strip()
    return text if text in ("", OFF) else parse_address(text)


MetricsAddress = Annotated[str, BeforeValidator(parse_metrics_address)]
"""`host:port` (port 0: any free one), `off`, or nothing."""


class MetricsSection(Section):
    """The router's metrics for Prometheus.

    Attributes:
        listen: of the page `/metrics`; `off`: there is none; empty: what OpenTelemetry's variables say, else
            `127.0.0.1:9464`.
    """

    listen: MetricsAddress = ""


def metrics_address(configured: str, environment: Mapping[str, str]) -> str | None:
    """Where metrics are served: as configured, else as OpenTelemetry's variables say; None: nowhere.

    Raises:
        ValueError: the variables do not make an address.
    """
    if configured:
        return None if configured == OFF else configured
    if environment.get(EXPORTER_VARIABLE, "").strip().lower() == "none":
        return None
    host = environment.get(HOST_VARIABLE) or DEFAULT_HOST
    port = environment.get(PORT_VARIABLE) or DEFAULT_PORT
    try:
        return parse_address(f"{host}:{port}")
    except ValueError as error:
        raise ValueError(f"{HOST_VARIABLE} and {PORT_VARIABLE}: {error}") from None
