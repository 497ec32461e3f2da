"""Where metrics are served: by the file, by OpenTelemetry's variables, by default."""

from pathlib import Path

import pytest

from provider_workers.arguments import UsageError, parse
from service_common.configuration import ConfigurationErrors, parse_configuration
from service_common.configuration.metrics import metrics_address

BACKEND = "backends: {openai: {kind: openai_wire}}\nmodels: {openai/gpt-4o: {}}\n"


@pytest.mark.parametrize(
    ("configured", "environment", "address"),
    [
        ("", {}, "127.0.0.1:9464"),
        ("0.0.0.0:9000", {}, "0.0.0.0:9000"),
        ("off", {}, None),
        ("", {"OTEL_METRICS_EXPORTER": "none"}, None),
        ("", {"OTEL_METRICS_EXPORTER": "prometheus"}, "127.0.0.1:9464"),
        ("127.0.0.1:1", {"OTEL_METRICS_EXPORTER": "none"}, "127.0.0.1:1"),
        ("", {"OTEL_EXPORTER_PROMETHEUS_HOST": "10.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT": "0"}, "10.0.0.1:0"),
        ("off", {"OTEL_EXPORTER_PROMETHEUS_PORT": "9000"}, None),
    ],
)
def test_the_file_goes_before_the_environment(
    configured: str, environment: dict[str, str], address: str | None
) -> None:
    """What the file leaves open, the standard variables say."""
    assert metrics_address(configured, environment) == address


def test_a_variable_that_is_no_port() -> None:
    """It is named, rather than ignored."""
    with pytest.raises(ValueError, match="OTEL_EXPORTER_PROMETHEUS_PORT"):
        metrics_address("", {"OTEL_EXPORTER_PROMETHEUS_PORT": "many"})


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "off", "127.0.0.1:0"])
def test_the_file(listen: str) -> None:
    """An address, or off, which YAML must not take for false."""
    found = parse_configuration(f"metrics: {{listen: {listen}}}\n{BACKEND}", Path("trunkline.yaml"), {})
    assert found.metrics.listen == listen


@pytest.mark.parametrize("listen", ["9464", "localhost", "127.0.0.1:99999", "on"])
def test_what_is_no_address(listen: str) -> None:
    """It is a mistake with its place."""
    with pytest.raises(ConfigurationErrors, match=r"metrics\.listen"):
        parse_configuration(f"metrics: {{listen: {listen}}}\n{BACKEND}", Path("trunkline.yaml"), {})


def test_a_worker_serves_metrics_where_that_is_said(tmp_path: Path) -> None:
    """By its backend's section, by a flag that goes before it, and else nowhere."""
    file = tmp_path / "trunkline.yaml"
    own = "backends:\n  openai: {kind: openai_wire, metrics_listen: 127.0.0.1:9465}\n  groq: {kind: openai_wire}\n"
    file.write_text(f"{own}models: {{openai/gpt-4o: {{}}}}\n")
    arguments = ["--config", str(file), "--backend"]
    assert parse([*arguments, "openai"], {}).metrics == "127.0.0.1:9465"
    assert parse([*arguments, "openai", "--metrics", "127.0.0.1:0"], {}).metrics == "127.0.0.1:0"
    assert parse([*arguments, "openai", "--metrics", "off"], {}).metrics == ""
    assert parse([*arguments, "groq"], {"OTEL_EXPORTER_PROMETHEUS_PORT": "9000"}).metrics == ""
    with pytest.raises(UsageError, match="--metrics"):
        parse([*arguments, "groq", "--metrics", "nowhere"], {})
