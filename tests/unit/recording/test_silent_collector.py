"""A collector that takes connections and answers nothing does not keep a process from ending."""

import logging
import socket
import time
from collections.abc import Iterator

import pytest

from service_common.tracing import EXPORTER_LOGGERS, configure_tracing


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a listener whose connections nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for name in EXPORTER_LOGGERS:  # what `configure_tracing` adds lasts as long as a process
        logging.getLogger(name).filters.clear()


def test_the_last_spans_are_waited_for_a_bounded_time(silent: str, caplog: pytest.LogCaptureFixture) -> None:
    """Three batches took the exporter's time-out each, 15 s; now they are given up together, and the log says so."""
    tracing = configure_tracing("test", silent, attributes={})
    assert tracing is not None
    tracer = tracing.provider.get_tracer("test")
    for _ in range(1500):
        tracer.start_span("call").end()
    began = time.monotonic()
    tracing.close(timeout=0.5)
    assert time.monotonic() - began < 4
    assert f"1500 spans are given up: {silent} did not take them within 0.5 s" in caplog.text
    assert (tracing.spans.sent, tracing.spans.failed, tracing.spans.waiting) == (0, 1500, 0)
