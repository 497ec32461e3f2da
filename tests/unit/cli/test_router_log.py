"""What the screen of up tells of the router's metrics, from the router's log."""

from pathlib import Path

import pytest

from trunkline.cli.processes.router_log import metrics_told

AT = "2026-11-21 13:47:19,934 INFO metrics are at http://127.0.0.1:9464/metrics\n"
TAKEN = "2026-11-21 13:47:19,934 WARNING no metrics are served: 127.0.0.1:9464 is taken by another process.\n"
OTHER = "2026-11-21 13:47:20,182 INFO serving on 127.0.0.1:50999\n"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (AT + OTHER, "http://127.0.0.1:9464/metrics"),
        (TAKEN + OTHER, "127.0.0.1:9464 is taken by another process."),
        (TAKEN + OTHER + AT, "http://127.0.0.1:9464/metrics"),
        (OTHER, ""),
    ],
)
def test_the_newest_start_counts(tmp_path: Path, log: str, told: str) -> None:
    """Where they are, why they are nowhere, or nothing where they are off; of a router started again, the last line."""
    file = tmp_path / "router.log"
    assert metrics_told(file) == ""
    file.write_text(log)
    assert metrics_told(file) == told
