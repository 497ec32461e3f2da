"""Confidential stays local: the worker's own refusal, whatever a router asks of it."""

import asyncio

import pytest
from msgspec.structs import replace

from provider_workers.backends.locality import locality_of
from provider_workers.orders import Answered, Failed, Order, Report
from provider_workers.settings import BackendSettings, WorkerSettings
from provider_workers.worker import Worker
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import Locality, Operation, Sensitivity
from tests.support.backends import TwoModels
from tests.support.worker_processes import complete_body


class Sink:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def report(self, attempt_id: int, report: Report) -> None:
        """Keep it."""
        self.reports.append(report)

    async def fetch_body(self, order: Order) -> bytes:
        """Never needed here."""
        return order.body

    async def upload_body(self, attempt_id: int, body: bytes) -> None:
        """Never needed here."""


def order(model: str, sensitivity: Sensitivity) -> Order:
    """A chat answer to get."""
    return Order(1, Operation.COMPLETE, model, complete_body(), 0, 5.0, 5.0, 5.0, 100_000, sensitivity)


@pytest.mark.parametrize(
    ("kind", "locality", "clearance", "model", "allowed"),
    [
        ("ollama", Locality.HOST, None, "here", True),
        ("ollama", Locality.PRIVATE, None, "here", True),
        ("ollama", Locality.REMOTE, None, "here", False),
        ("ollama", Locality.HOST, None, "there-cloud", False),
        ("ollama", Locality.HOST, Sensitivity.CONFIDENTIAL, "there-cloud", False),
        ("ollama", Locality.HOST, Sensitivity.INTERNAL, "here", False),
        ("openai_wire", Locality.HOST, None, "here", False),
        ("openai_wire", Locality.REMOTE, Sensitivity.CONFIDENTIAL, "here", True),
    ],
)
async def test_who_may_see_confidential(
    kind: str, locality: Locality, clearance: Sensitivity | None, model: str, allowed: bool
) -> None:
    """By kind, address and configuration; a model in Ollama's cloud never, even where the backend is cleared."""
    backend, sink = TwoModels(), Sink()
    settings = WorkerSettings(
        BackendSettings("local", kind, "ollama", "http://127.0.0.1:1"), ("r:1",), "w", 1, clearance=clearance
    )
    worker = Worker(settings, backend, locality, SystemClock())
    await worker.refresh()
    worker.attempts.start(order(model, Sensitivity.CONFIDENTIAL), sink)
    await worker.attempts.idle()
    if allowed:
        assert isinstance(sink.reports[-1], Answered)
    else:
        assert isinstance(sink.reports[-1], Failed)
        assert sink.reports[-1].failure_class is FailureClass.REFUSED_BY_WORKER
        assert backend.asked == []
    await worker.close()


@pytest.mark.parametrize(
    ("address", "locality"),
    [
        ("http://127.0.0.1:11434", Locality.HOST),
        ("http://[::1]:11434", Locality.HOST),
        ("http://localhost:11434", Locality.HOST),
        ("http://10.1.2.3:11434", Locality.PRIVATE),
        ("http://192.168.1.5", Locality.PRIVATE),
        ("http://8.8.8.8", Locality.REMOTE),
        ("http://0.0.0.0:11434", Locality.REMOTE),
        ("http://name.invalid", Locality.REMOTE),
    ],
)
async def test_where_a_backend_runs(address: str, locality: Locality) -> None:
    """Loopback is this host, private networks are private, and whatever is in doubt is remote."""
    assert await locality_of(address) is locality


@pytest.mark.parametrize(
    ("address", "locality"),
    [
        ("http://localhost:11434", Locality.HOST),
        ("http://10.1.2.3:11434", Locality.PRIVATE),
        ("https://api.example.com/v1", Locality.REMOTE),
        ("", Locality.REMOTE),
    ],
)
async def test_offline_nobody_outside_is_asked_for_an_address(
    monkeypatch: pytest.MonkeyPatch, address: str, locality: Locality
) -> None:
    """Offline, a name that only somebody outside knows is remote without being looked up."""
    loop = asyncio.get_running_loop()
    asked: list[str] = []
    look_up = loop.getaddrinfo

    async def watched(host: str, *arguments: object, **named: object) -> object:
        asked.append(host)
        return await look_up(host, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "getaddrinfo", watched)
    assert await locality_of(address, offline=True) is locality
    assert "api.example.com" not in asked


@pytest.mark.parametrize(("model", "operation"), [("there-cloud", Operation.COMPLETE), ("here", Operation.PULL_MODEL)])
async def test_offline_nothing_is_asked_of_a_cloud(model: str, operation: Operation) -> None:
    """An Ollama nearby would ask somebody outside for its cloud models, and for a model to fetch."""
    backend, sink = TwoModels(), Sink()
    served = BackendSettings("local", "ollama", "ollama", "http://127.0.0.1:1", offline=True)
    worker = Worker(WorkerSettings(served, ("r:1",), "w", 1), backend, Locality.HOST, SystemClock())
    await worker.refresh()
    worker.attempts.start(replace(order(model, Sensitivity.PUBLIC), operation=operation), sink)
    await worker.attempts.idle()
    assert isinstance(sink.reports[-1], Failed)
    assert "offline" in sink.reports[-1].message
    await worker.close()
