"""Networks that are cut without a word, and names that come to mean another address."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from provider_workers.simulated import Behaviour, ProviderSpec, SimulatedProviders
from tests.support.caller import Caller, ask, caller_of, routed
from tests.support.configurations import FIRST, SECOND, Target, configuration, write_configuration
from tests.support.fault_lab import FROM_SECOND, STREAM
from tests.support.router_harness import until
from tests.support.router_process import Deployment, deployment
from tests.support.tcp_proxy import cuttable
from tests.system.faults.conftest import Open
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat

SLOW = Behaviour(answer_tokens=200, tokens_per_second=50)
RESET = routed(stream_recovery=chat.STREAM_RECOVERY_RESET)
KEEPALIVE = 20.0
"""Seconds within which the router notices that a silent caller is gone: a ping after 10, its answer within 10."""


def split(address: str) -> tuple[str, int]:
    """Host and port of `host:port`."""
    host, _, port = address.rpartition(":")
    return host, int(port)


@pytest.fixture
async def running(simulated: SimulatedProviders, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A router over two targets, without workers yet."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    async with deployment(config) as processes:
        yield processes


async def completed_by(caller: Caller, mode: str) -> pb.Completed:
    """How a call ended well."""
    if mode == STREAM:
        return (await caller.stream(RESET)).completed
    return (await caller.complete(ask())).completed


async def test_a_link_that_is_cut_fails_over(running: Deployment, simulated: SimulatedProviders, mode: str) -> None:
    """No FIN comes: missed heartbeats tell. The next target answers; when the network is back so is the worker, and
    the router has recorded as many attempts as the provider has seen requests."""
    await running.router()
    async with cuttable(*split(running.address)) as network:
        await running.worker("openai", routers=network.address)
        await running.worker("groq")
        caller = await running.caller()
        simulated.set_behaviour("openai", SLOW)
        calling = asyncio.create_task(completed_by(caller, mode))
        await simulated.wait_for_request("openai", lambda request: request.tokens_sent > 5)
        network.cut()
        began = time.monotonic()
        completed = await calling
        assert time.monotonic() - began < 5.0
        assert completed.target == SECOND.name
        assert completed.attempts[0].failure_class == attempts.FAILURE_CLASS_WORKER_LOST
        assert (await caller.complete(ask())).completed.target == SECOND.name
        network.restore()
        await simulated.wait_for_request("openai", lambda request: request.outcome == "client_closed")
        simulated.set_behaviour("openai", Behaviour())
        await answers_again(caller, FIRST)
        seen = [request for request in simulated.requests("openai") if request.prompt_sha256]
        assert (await caller.row(FIRST.name)).attempts == len(seen)
        assert (await caller.row(FIRST.name)).in_flight == 0


async def answers_again(caller: Caller, target: Target) -> None:
    """Wait until the target itself answers calls of its own."""
    async with asyncio.timeout(20):
        while True:
            with suppress(grpc.aio.AioRpcError):
                if (await caller.complete(routed(model=target.name))).completed.target == target.name:
                    return
            await asyncio.sleep(0.05)


async def test_a_provider_behind_a_cut_network_is_routed_around(
    open_lab: Open, simulated: SimulatedProviders, first: Target, mode: str
) -> None:
    """Its bytes stop in the middle of the answer and no FIN comes: the idle limit tells, and the next one answers."""
    address = urlsplit(simulated.base_url(first.backend))
    assert address.hostname is not None
    assert address.port is not None
    async with cuttable(address.hostname, address.port) as network:
        url = f"http://{network.address}{address.path}"
        behind = replace(first, section={**first.section, "base_url": url})
        async with open_lab(behind, SECOND, attempts={"idle_timeout": "400ms"}) as lab:
            lab.strike(answer_tokens=200, tokens_per_second=50)
            calling = asyncio.create_task(lab.call(mode, RESET))
            await simulated.wait_for_request(first.backend, lambda request: request.tokens_sent > 5)
            network.cut()
            result = await calling
            assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
            assert result.classes == ["TIMEOUT_IDLE", ""]
            network.restore()
            lab.recover()
            await answers_again(lab.caller, first)


@pytest.mark.slow
async def test_a_caller_that_vanishes_without_a_word(open_lab: Open) -> None:
    """No FIN comes from it: the provider's socket is closed within the keepalive time, and its tokens are accounted."""
    async with open_lab(FIRST) as lab, cuttable(*split(lab.router.address)) as network:
        lab.strike(answer_tokens=5_000, tokens_per_second=50)
        async with caller_of(network.address) as lost:
            calling = asyncio.create_task(lost.complete(ask(), timeout=100))
            await lab.simulated.wait_for_request("openai", lambda request: request.tokens_sent > 5)
            network.cut()
            began = time.monotonic()
            await lab.simulated.wait_for_request(
                "openai", lambda request: request.outcome == "client_closed", timeout=KEEPALIVE + 10
            )
            assert time.monotonic() - began < KEEPALIVE + 5
            await until(lambda: lab.router.in_flight == 0, "the attempt to settle")
            assert lab.router.router.table.snapshot().targets[FIRST.name].spent > 0
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the host's resolver says of names; the names that are not here it resolves itself."""
    known: dict[str, str] = {}
    resolve = socket.getaddrinfo

    def answer(host: Any, *rest: Any, **named: Any) -> Any:
        return resolve(known.get(host, host), *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


async def test_a_name_that_means_another_address_now(open_lab: Open, names: dict[str, str], mode: str) -> None:
    """The provider moves: while the old address is remembered the next target answers, then the first one does."""
    names["provider.test"] = "127.0.0.1"
    async with SimulatedProviders([ProviderSpec("openai", models=(FIRST.model,))]) as old:
        port = urlsplit(old.base_url("openai")).port
        moved = replace(FIRST, section={"base_url": f"http://provider.test:{port}/v1"})
        async with open_lab(moved, SECOND, circuit={"open_for": "500ms"}) as lab:
            assert (await lab.call(mode)).answered_by == FIRST.name
            elsewhere = ProviderSpec("openai", models=(FIRST.model,), host="127.0.0.2", port=port or 0)
            async with SimulatedProviders([elsewhere]) as new:
                names["provider.test"] = "127.0.0.2"
                await old.provider("openai").stop()
                async with asyncio.timeout(30):
                    while (await lab.call(mode)).answered_by != FIRST.name:  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
                assert new.requests("openai")
            assert all(result.completed is not None for result in lab.results)
