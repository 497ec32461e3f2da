"""Anthropic's Messages API."""

import json
from typing import Any

import pytest

from provider_workers.simulated import Behaviour, SimulatedProviders
from provider_workers.simulated.spec import DEFAULT_MODELS
from tests.component.simulated.raw_http import post, send
from tests.component.simulated.requests_by_wire import chat


async def test_stream_events_in_order(sim: SimulatedProviders) -> None:
    """Each event is named after its type, in the order of the real stream, and the usage is in two places."""
    response = await post(*chat(sim, "anthropic", stream=True, max_tokens=2))
    blocks = response.body.decode().split("\n\n")[:-1]
    names = [block.split("\n")[0].removeprefix("event: ") for block in blocks]
    events = [json.loads(data) for data in response.sse()]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [event["type"] for event in events] == names
    assert events[0]["message"]["usage"]["input_tokens"] > 0
    assert events[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert events[-2]["usage"] == {"output_tokens": 2}


async def test_thinking_text_and_tools_have_blocks_of_their_own(sim: SimulatedProviders) -> None:
    """Thinking ends with its signature; a tool's input comes as JSON in pieces."""
    tool = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}
    more: dict[str, Any] = {
        "tools": [tool],
        "tool_choice": {"type": "tool", "name": "look"},
        "thinking": {"type": "enabled"},
    }
    events = [json.loads(data) for data in (await post(*chat(sim, "anthropic", stream=True, **more))).sse()]
    starts = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert starts == ["thinking", "tool_use"]
    assert deltas[0]["type"] == "thinking_delta"
    assert [delta["type"] for delta in deltas].count("signature_delta") == 1
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == {"at": "simulated"}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    whole = (await post(*chat(sim, "anthropic", **more))).json()
    assert [block["type"] for block in whole["content"]] == ["thinking", "tool_use"]
    assert whole["content"][1]["input"] == {"at": "simulated"}


async def test_stop_sequence_and_cache_are_reported(sim: SimulatedProviders) -> None:
    """The sequence is named; cached tokens are not among the input tokens."""
    sim.set_behaviour("anthropic", Behaviour(cached_tokens=3))
    body = (await post(*chat(sim, "anthropic", stop_sequences=["about"]))).json()
    assert (body["stop_reason"], body["stop_sequence"]) == ("stop_sequence", "about")
    count_url = f"{sim.base_url('anthropic')}/v1/messages/count_tokens"
    counted = (await post(count_url, chat(sim, "anthropic")[1])).json()["input_tokens"]
    assert body["usage"]["input_tokens"] + body["usage"]["cache_read_input_tokens"] == counted


async def test_headers_and_models(sim: SimulatedProviders) -> None:
    """Rate limits with RFC 3339 times, a request id, and the list of models."""
    response = await post(*chat(sim, "anthropic"))
    assert response.headers["request-id"].startswith("req_")
    assert response.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    listed = (await send("GET", f"{sim.base_url('anthropic')}/v1/models")).json()
    assert [model["id"] for model in listed["data"]] == list(DEFAULT_MODELS["anthropic"])


@pytest.mark.parametrize("change", [{"max_tokens": None}, {"messages": []}, {"model": None}])
async def test_bad_requests_are_refused(sim: SimulatedProviders, change: dict[str, Any]) -> None:
    """A missing field is Anthropic's invalid_request_error."""
    response = await post(*chat(sim, "anthropic", **change))
    assert response.status == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.json()["request_id"] == response.headers["request-id"]
