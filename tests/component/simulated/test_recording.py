"""What the simulation remembers of the requests, and that it notices clients that leave."""

import asyncio
import hashlib
import json
import time
from urllib.parse import urlsplit

import pytest

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from provider_workers.simulated.recorder import Recorder
from tests.component.simulated.raw_http import post
from tests.component.simulated.requests_by_wire import WIRES, chat

_AT_ONCE = 0.2


async def test_a_completed_request(sim: SimulatedProviders) -> None:
    """Times in order, tokens, the prompt's hash, and no key."""
    headers = {"authorization": "Bearer sk-secret", "x-caller": "test"}
    await post(*chat(sim, "openai", stream=True), headers=headers)
    (record,) = sim.requests("openai")
    assert record.first_byte is not None
    assert record.ended is not None
    assert record.started <= record.first_byte <= record.ended
    assert (record.model, record.stream, record.status, record.tokens_sent) == ("gpt-4o-mini", True, 200, 40)
    assert (record.outcome, record.path) == ("completed", "/v1/chat/completions")
    assert record.prompt_sha256 == hashlib.sha256(b"Tell me about trees").hexdigest()
    assert record.headers["x-caller"] == "test"
    assert "sk-secret" not in json.dumps(record.to_json())


@pytest.mark.parametrize("bodies", [False, True])
async def test_bodies_are_kept_where_that_is_asked_for(bodies: bool) -> None:
    """They hold prompts: by default none is kept."""
    async with SimulatedProviders([ProviderSpec("openai")], record_bodies=bodies) as sim:
        url, body = chat(sim, "openai")
        await post(url, body)
        (record,) = sim.requests("openai")
    assert record.body == (body if bodies else None)
    assert ("Tell me about trees" in json.dumps(record.to_json())) is bodies


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(tokens_per_second=20),
        Behaviour(first_token_latency=5),
        Behaviour(faults=(Fault("silent_before_headers"),)),
        Behaviour(faults=(Fault("silent_before_first_token"),)),
        Behaviour(faults=(Fault("stall"),)),
        Behaviour(faults=(Fault("no_done", keep_open=True),)),
        Behaviour(answer_tokens=200_000),
    ],
    ids=["streaming", "waiting", "no headers", "no token", "stalled", "kept open", "not reading"],
)
async def test_client_that_leaves_is_noticed_at_once(sim: SimulatedProviders, wire: str, behaviour: Behaviour) -> None:
    """At once (a few milliseconds; the bound leaves room for a busy machine), whatever the provider is doing."""
    sim.set_behaviour(wire, behaviour)
    url, body = chat(sim, wire, stream=True)
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    data = json.dumps(body).encode()
    head = f"POST {parts.path}?{parts.query} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    await asyncio.sleep(0.1)
    writer.transport.abort()
    left = time.time()
    record = await sim.wait_for_request(wire, lambda one: one.ended is not None, timeout=1)
    assert record.outcome == "client_closed"
    assert record.ended is not None
    assert -0.01 <= record.ended - left <= _AT_ONCE


async def test_ring_is_bounded_and_counts_are_exact() -> None:
    """Old requests are forgotten; the counts are not."""
    async with SimulatedProviders([ProviderSpec("openai")], record_limit=3) as sim:
        for _ in range(5):
            await post(*chat(sim, "openai"))
        assert [record.id for record in sim.requests()] == [3, 4, 5]
        assert sim.counts() == {"openai": {"received": 5, "completed": 5}}
        sim.clear_requests()
        assert sim.requests() == []
        assert sim.counts() == {}


def test_only_the_first_ending_counts() -> None:
    """A request that ended is not counted a second time."""
    recorder = Recorder(now=lambda: 1.0)
    record = recorder.begin("p", "/", {})
    recorder.end(record, "completed")
    recorder.end(record, "client_closed")
    assert recorder.counts() == {"p": {"received": 1, "completed": 1}}


async def test_leaving_the_block_ends_everything() -> None:
    """Requests under way are ended and the port is closed."""
    async with SimulatedProviders([ProviderSpec("openai")]) as sim:
        sim.set_behaviour("openai", Behaviour(faults=(Fault("stall"),)))
        url, body = chat(sim, "openai", stream=True)
        pending = asyncio.create_task(post(url, body))
        await sim.wait_for_request("openai", lambda one: one.tokens_sent == 3)
    assert (await pending).ending in ("eof", "reset")
    assert sim.requests()[0].outcome == "shut_down"
    with pytest.raises(ConnectionRefusedError):
        await post(url, body)
