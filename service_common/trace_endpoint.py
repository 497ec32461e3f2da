"""Where spans go. Apart from `service_common.tracing`, which a process that sends none does not load."""

import os
from collections.abc import Mapping

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def trace_endpoint(configured: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Where spans go: the configuration, else the standard OTEL variables; None: nowhere."""
    if configured:
        return configured
    return next((environment[name] for name in ENDPOINT_VARIABLES if environment.get(name)), None)
