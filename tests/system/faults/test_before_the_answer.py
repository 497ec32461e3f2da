"""Providers that fail before they answer: error statuses, connections that cannot be had, silence."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from provider_workers.simulated import Fault
from tests.support.caller import routed
from tests.support.components import free_ports
from tests.support.configurations import SECOND, THIRD, Target
from tests.support.fault_lab import FROM_SECOND, IMPATIENT, Lab
from tests.system.faults.conftest import Open
from trunkline.types.v1 import attempt_pb2 as attempts
from trunkline.types.v1 import chat_pb2 as chat

STATUSES = ("500", "502", "503", "504", "529")
PROVIDER_FAILED = {"UNAVAILABLE", "OVERLOADED"}
RETRYING = {"retries_per_target": 2, "total": 4, "backoff_base": "20ms", "backoff_max": "50ms"}


@pytest.mark.parametrize("status", STATUSES)
async def test_a_fault_that_passes_is_retried(open_lab: Open, first: Target, mode: str, status: str) -> None:
    """Once failed, the target is asked again after a back-off and answers: no other is needed."""
    async with open_lab(first, SECOND, attempts=RETRYING) as lab:
        lab.strike(Fault(status, times=1))
        result = await lab.call(mode)
        assert (result.answered_by, result.targets) == (first.name, [first.name] * 2)
        assert result.classes[0] in PROVIDER_FAILED
        known = {int(status)} if first.kind != "litellm" else {int(status), 500, 0}  # litellm renumbers 504 and 529
        assert result.attempts[0].http_status in known
        assert result.attempts[1].kind == attempts.ATTEMPT_KIND_RETRY


@pytest.mark.parametrize("status", STATUSES)
async def test_a_fault_for_good_is_routed_around(open_lab: Open, first: Target, mode: str, status: str) -> None:
    """After the target's retries the next one answers; all attempts together stay within their bound."""
    async with open_lab(first, SECOND, attempts=RETRYING) as lab:
        lab.strike(Fault(status))
        result = await lab.call(mode)
        assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
        assert result.targets == [first.name] * 3 + [SECOND.name]
        assert len(lab.received(first)) == 3


async def test_the_attempts_are_bounded_over_everything(open_lab: Open, first: Target, mode: str) -> None:
    """With every target down the call fails after `total` attempts; no retry takes that of an untried target."""
    async with open_lab(first, SECOND, THIRD, attempts=RETRYING) as lab:
        for target in (first, SECOND, THIRD):
            lab.simulated.set_behaviour(target.backend, lab.behaviour(Fault("503")))
        result = await lab.call(mode)
        assert result.failed.reason == "OVERLOADED"
        assert result.targets == [first.name] * 2 + [SECOND.name, THIRD.name]
        assert sum(len(lab.received(target)) for target in (first, SECOND, THIRD)) == 4


async def test_retries_stay_inside_the_deadline(open_lab: Open, first: Target, mode: str) -> None:
    """A back-off that would pass the deadline is not begun: the caller is told before his time is over."""
    slow = {"retries_per_target": 9, "total": 50, "backoff_base": "400ms", "backoff_max": "800ms"}
    async with open_lab(first, attempts=slow) as lab:
        lab.strike(Fault("503"))
        result = await lab.call(mode, timeout=1.5)
        assert result.failed.reason == "OVERLOADED"
        assert result.took < 1.5


async def refuse_in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a plain HTTP server does with a TLS handshake."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
    writer.close()


@pytest.fixture
async def not_tls() -> AsyncIterator[str]:
    """An address that listens but speaks no TLS."""
    async with await asyncio.start_server(refuse_in_the_clear, "127.0.0.1", 0) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def unreachable(open_lab: Open, first: Target, mode: str, address: str) -> Lab:
    """A call whose first target is at `address`, which cannot be reached."""
    lost = replace(first, section={**first.section, "base_url": address, "timeouts": {"connect": "1s"}})
    async with open_lab(lost, SECOND) as lab:
        result = await lab.call(mode)
        assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
        assert result.took < 5.0
        return lab


async def test_a_refused_connection(open_lab: Open, first: Target, mode: str) -> None:
    """Nobody listens: the next target answers."""
    lab = await unreachable(open_lab, first, mode, f"http://127.0.0.1:{free_ports(1)[0]}")
    assert_unavailable_if_tried(lab)


async def test_a_host_without_an_address(open_lab: Open, first: Target, mode: str) -> None:
    """DNS does not know the host: the next target answers."""
    lab = await unreachable(open_lab, first, mode, "http://no-such-host.invalid")
    assert_unavailable_if_tried(lab)


async def test_a_failed_tls_handshake(open_lab: Open, first: Target, mode: str, not_tls: str) -> None:
    """The other side answers in the clear: the next target answers."""
    lab = await unreachable(open_lab, first, mode, not_tls)
    assert_unavailable_if_tried(lab)


def assert_unavailable_if_tried(lab: Lab) -> None:
    """A provider whose list of models cannot be had is mostly known to be unhealthy before a call tries it."""
    [result] = lab.results
    tried = result.targets[:-1]
    if tried:
        assert (tried, result.classes[0]) == ([lab.first.name], "UNAVAILABLE")


@pytest.mark.parametrize("fault", ["reset", "refuse_connection"])
async def test_a_connection_that_breaks(lab: Lab, mode: str, fault: str) -> None:
    """Reset before the headers, or refused by a provider that served a moment ago: the next target answers."""
    lab.strike(Fault(fault))
    result = await lab.call(mode)
    assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
    assert result.classes[:-1] == ["UNAVAILABLE"]


@pytest.mark.parametrize("fault", ["silent_before_headers", "silent_before_first_token"])
async def test_silence_before_the_answer(open_lab: Open, first: Target, mode: str, fault: str) -> None:
    """After the first-token limit the next target answers; the silent one is not asked again, and its socket closed."""
    async with open_lab(first, SECOND, attempts={**IMPATIENT, "retries_per_target": 3}) as lab:
        lab.strike(Fault(fault))
        result = await lab.call(mode)
        assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
        assert result.classes == ["TIMEOUT_FIRST_TOKEN", ""]
        assert 0.35 < result.took < 2.0
        await lab.simulated.wait_for_request(first.backend, lambda request: request.outcome == "client_closed")
        assert len(lab.received(first)) == 1


async def test_the_first_token_limit_is_learned(open_lab: Open, first: Target, mode: str) -> None:
    """A target that always began within milliseconds counts as silent after 2 s, not only after 30."""
    async with open_lab(first, SECOND) as lab:
        for _ in range(20):
            assert (await lab.call(mode)).answered_by == first.name
        lab.strike(Fault("silent_before_headers"))
        result = await lab.call(mode)
        assert (result.answered_by, result.classes) == (SECOND.name, ["TIMEOUT_FIRST_TOKEN", ""])
        assert 1.9 < result.took < 3.5


async def test_a_stall_before_a_unary_answer_is_whole(open_lab: Open, first: Target, mode: str) -> None:
    """A stream that falls silent after text: the next target where nothing was shown, else as the caller chose."""
    async with open_lab(first, SECOND, attempts=IMPATIENT) as lab:
        lab.strike(Fault("stall", after_tokens=5), tokens_per_second=200)
        result = await lab.call(mode, routed(stream_recovery=chat.STREAM_RECOVERY_RESET))
        assert (result.answered_by, result.text) == (SECOND.name, FROM_SECOND)
        assert result.classes == ["TIMEOUT_IDLE", ""]
        await lab.simulated.wait_for_request(first.backend, lambda request: request.outcome == "client_closed")


async def test_a_long_healthy_answer_is_never_cut(open_lab: Open, first: Target, mode: str) -> None:
    """The limits are of silence: an answer that flows for longer than all of them is whole."""
    async with open_lab(first, SECOND, attempts=IMPATIENT) as lab:
        lab.strike(tokens_per_second=40, answer_tokens=60)
        began = time.monotonic()
        result = await lab.call(mode)
        assert (result.answered_by, len(result.attempts)) == (first.name, 1)
        assert time.monotonic() - began > 1.0


async def test_a_callers_two_seconds_stay_two_seconds(open_lab: Open, first: Target, mode: str) -> None:
    """With every target silent the call ends at its deadline, whatever the profile's limits; both were tried."""
    async with open_lab(first, SECOND) as lab:
        for target in (first, SECOND):
            lab.simulated.set_behaviour(target.backend, lab.behaviour(Fault("silent_before_headers")))
        result = await lab.call(mode, timeout=2.0)
        assert result.took < 2.5
        assert result.failed.code.name == "DEADLINE_EXCEEDED"
        for target in (first, SECOND):
            await lab.simulated.wait_for_request(target.backend, lambda request: request.outcome == "client_closed")


async def test_when_estimates_rule_everything_out_the_fastest_is_tried(lab: Lab, mode: str) -> None:
    """Targets that took 3 s for every answer so far are asked all the same where the caller has only one second."""
    for target in (lab.first, SECOND, THIRD):
        entry = lab.router.router.table.snapshot().targets[target.name]
        assert entry.metrics.samples == 0
        lab.simulated.set_behaviour(target.backend, lab.behaviour(first_token_latency=1.2))
        await lab.call(mode, routed(model=target.name))
        lab.simulated.reset_behaviour(target.backend)
    result = await lab.call(mode, timeout=1.0)
    assert result.completed is not None
    assert result.took < 1.0
