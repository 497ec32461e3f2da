"""What a process loads when it starts: libraries that it may never need would make everybody wait, and cost memory."""

import subprocess
import sys

import pytest

RARE = {
    "router_service.__main__": {"alembic", "opentelemetry.sdk", "opentelemetry.exporter", "trunkline.client"},
    "router_service.config.__main__": {"grpc", "sqlalchemy", "opentelemetry", "trunkline"},
    "provider_workers.__main__": {
        "litellm",
        "opentelemetry.sdk",
        "prometheus_client",
        "sqlalchemy",
        "trunkline.client",
    },
    "trunkline.cli.program": {"grpc", "google.protobuf", "trunkline.client", "trunkline.async_client"},
}
"""By program: what only a migration, a collector, an open page of metrics, or a call needs."""


@pytest.mark.parametrize("program", RARE)
def test_what_is_rarely_needed_is_not_loaded(program: str) -> None:
    """A module that imports one of these at its top undoes what `trunkline up` gained."""
    code = f"import sys, {program}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert RARE[program].isdisjoint(loaded.stdout.split())
