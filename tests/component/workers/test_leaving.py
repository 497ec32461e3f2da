"""A worker that is told to stop while a router of its cannot be reached."""

import asyncio
from random import Random

import pytest

from provider_workers.link import client
from provider_workers.link.client import Link
from provider_workers.settings import BackendSettings, WorkerSettings
from provider_workers.worker import Worker
from service_common.clock import SystemClock
from service_common.vocabulary import Locality
from tests.support.backends import TwoModels

LONG = 60.0


class Patient(Random):
    """Has a back-off last for a minute."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked = asyncio.Event()

    def uniform(self, a: float, b: float) -> float:
        """A minute, whatever the range."""
        self.asked.set()
        return LONG


async def test_a_worker_leaves_at_once_out_of_its_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither waits for the next try nor makes it."""
    monkeypatch.setattr(client, "LEAVE_TIMEOUT", LONG)
    backend = BackendSettings("local", "ollama", "ollama", "http://127.0.0.1:1")
    worker = Worker(WorkerSettings(backend, ("127.0.0.1:1",), "w", 1), TwoModels(), Locality.HOST, SystemClock())
    patient = Patient()
    link = Link(worker, "1", patient)
    running = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(20):
            await patient.asked.wait()
            await link.leave("the worker is stopping", LONG)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await worker.close()
