"""The OpenAI wire, byte for byte where framing is the point."""

import json
from typing import Any

import pytest

from provider_workers.simulated import Behaviour, ProviderSpec, SimulatedProviders
from provider_workers.simulated.spec import DEFAULT_MODELS
from tests.component.simulated.raw_http import post, send
from tests.component.simulated.requests_by_wire import chat

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city"],
        },
    },
}


async def test_whole_answer_says_that_it_is_simulated(sim: SimulatedProviders) -> None:
    """The header and the text name the simulation; usage adds up; the rate-limit headers are OpenAI's."""
    response = await post(*chat(sim, "openai"))
    body = response.json()
    assert response.status == 200
    assert response.headers["x-trunkline-simulated"] == "1"
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers["x-ratelimit-remaining-requests"] == "9999"
    text = body["choices"][0]["message"]["content"]
    assert text.startswith("[simulated openai/gpt-4o-mini] ")
    assert "Tell me about trees" in text
    assert body["choices"][0]["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == 40


async def test_stream_has_role_deltas_finish_usage_and_done(sim: SimulatedProviders) -> None:
    """The role comes first, then the text, the finish reason, the usage without choices, and [DONE]."""
    url, body = chat(sim, "openai", stream=True, max_tokens=5, stream_options={"include_usage": True})
    response = await post(url, body)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.body.endswith(b"\n\ndata: [DONE]\n\n")
    events = response.sse()
    assert events.pop() == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert chunks[1]["choices"][0]["delta"]["content"].startswith("[simulated ")
    assert chunks[-2]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


async def test_stream_without_the_option_has_no_usage(sim: SimulatedProviders) -> None:
    """Usage is sent only where it was asked for, as OpenAI does."""
    response = await post(*chat(sim, "openai", stream=True))
    assert '"usage"' not in response.body.decode()


@pytest.mark.parametrize("count", [1, 3])
async def test_tool_arguments_come_in_pieces(sim: SimulatedProviders, count: int) -> None:
    """Each call opens with id and name; its arguments join to JSON that fits the tool's schema."""
    sim.set_behaviour("openai", Behaviour(tool_calls=count))
    response = await post(*chat(sim, "openai", stream=True, tools=[WEATHER]))
    chunks = [json.loads(event) for event in response.sse()[:-1]]
    calls: dict[int, str] = {}
    for chunk in chunks:
        for part in chunk["choices"][0]["delta"].get("tool_calls", ()):
            if "id" in part:
                assert part["type"] == "function"
                assert part["function"]["name"] == "get_weather"
            calls[part["index"]] = calls.get(part["index"], "") + part["function"]["arguments"]
    assert [json.loads(text) for text in calls.values()] == [{"city": "simulated", "days": 1}] * count
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_required_tool_is_called_and_a_result_is_answered(sim: SimulatedProviders) -> None:
    """A forced tool choice makes a call; once its result is in the messages, text comes back."""
    url, body = chat(sim, "openai", tools=[WEATHER], tool_choice="required")
    message = (await post(url, body)).json()["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"]["name"] == "get_weather"
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"}
    body = {**body, "messages": [*body["messages"], message, result], "tool_choice": "auto"}
    assert (await post(url, body)).json()["choices"][0]["message"]["content"].startswith("[simulated")


async def test_json_schema_is_obeyed(sim: SimulatedProviders) -> None:
    """The answer is an instance of the schema, with references, alternatives and bounds."""
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["leaf", "needle"]},
            "age": {"type": "integer", "minimum": 10},
            "parent": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 2},
        },
        "$defs": {"tree": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "tree", "schema": schema}}
    response = await post(*chat(sim, "openai", response_format=form))
    assert json.loads(response.json()["choices"][0]["message"]["content"]) == {
        "kind": "leaf",
        "age": 10,
        "parent": {"name": "simulated"},
        "tags": ["sim", "sim"],
    }


async def test_reasoning_is_counted_and_shown_on_demand(sim: SimulatedProviders) -> None:
    """Effort alone is only counted, as OpenAI does; told to show it, the text comes under the dialect's own name."""
    url, body = chat(sim, "openai", reasoning_effort="low")
    hidden = (await post(url, body)).json()
    assert hidden["usage"]["completion_tokens_details"]["reasoning_tokens"] == 8
    assert "reasoning_content" not in hidden["choices"][0]["message"]
    shown = (await post(url, {**body, "trunkline_sim": {"reasoning_tokens": 3}})).json()
    assert len(shown["choices"][0]["message"]["reasoning_content"].split()) == 3
    assert shown["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3
    sim.set_behaviour("groq", Behaviour(reasoning_tokens=2))
    groq = {"model": "llama-3.1-8b-instant", "messages": body["messages"]}
    answer = (await post(f"{sim.base_url('groq')}/chat/completions", groq)).json()
    assert answer["choices"][0]["message"]["reasoning"]
    assert answer["x_groq"]["id"].startswith("req_")


async def test_mistral_reports_usage_unasked() -> None:
    """It takes no `stream_options`: the usage of a streamed answer comes with the finish reason, others give none."""
    async with SimulatedProviders([ProviderSpec("mistral"), ProviderSpec("openai")]) as sim:
        body = {"messages": [{"role": "user", "content": "Hello."}], "stream": True}
        for provider, model, reports in (("mistral", "mistral-small-latest", True), ("openai", "gpt-4o-mini", False)):
            streamed = await post(f"{sim.base_url(provider)}/chat/completions", {**body, "model": model})
            *_, last, done = streamed.sse()
            assert done == "[DONE]"
            assert json.loads(last)["choices"][0]["finish_reason"] == "stop"
            assert (json.loads(last).get("usage", {}).get("completion_tokens", 0) > 0) is reports


async def test_same_seed_same_answer(sim: SimulatedProviders) -> None:
    """Seed and prompt decide the words."""
    texts = [
        (await post(*chat(sim, "openai", seed=seed))).json()["choices"][0]["message"]["content"] for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


async def test_stop_sequence_ends_the_answer(sim: SimulatedProviders) -> None:
    """The text ends before the stop sequence, which may lie inside of a token."""
    choice = (await post(*chat(sim, "openai", stop=["abou"]))).json()["choices"][0]
    assert choice["message"]["content"].endswith("Tell me ")
    assert choice["finish_reason"] == "stop"


async def test_images_are_accepted_and_counted(sim: SimulatedProviders) -> None:
    """An image part adds its tokens to the prompt."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2_000_000}}
    content = [{"type": "text", "text": "What is this?"}, image]
    response = await post(*chat(sim, "openai", messages=[{"role": "user", "content": content}]))
    assert response.json()["usage"]["prompt_tokens"] == 4 + 3 + 85


async def test_cached_tokens_are_reported(sim: SimulatedProviders) -> None:
    """Cached tokens never exceed the prompt."""
    sim.set_behaviour("openai", Behaviour(cached_tokens=5))
    usage = (await post(*chat(sim, "openai"))).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 5


async def test_embeddings_are_unit_vectors_of_the_text(sim: SimulatedProviders) -> None:
    """Equal texts have equal vectors, in order, of the dimension that was asked for."""
    body = {"model": "text-embedding-3-small", "input": ["a", "b", "a"], "dimensions": 8}
    data = (await post(f"{sim.base_url('openai')}/embeddings", body)).json()["data"]
    vectors = [item["embedding"] for item in data]
    assert [item["index"] for item in data] == [0, 1, 2]
    assert vectors[0] == vectors[2] != vectors[1]
    assert sum(value * value for value in vectors[0]) == pytest.approx(1.0, abs=1e-6)


async def test_models_are_listed(sim: SimulatedProviders) -> None:
    """The list and a single model; an unknown one is a 404 with OpenAI's code."""
    base = sim.base_url("openai")
    listed = (await send("GET", f"{base}/models")).json()
    assert [model["id"] for model in listed["data"]] == list(DEFAULT_MODELS["openai"])
    assert (await send("GET", f"{base}/models/gpt-4o")).json()["id"] == "gpt-4o"
    missing = await send("GET", f"{base}/models/gpt-9")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"messages": []}, 400, "messages"),
        ({"messages": None}, 400, "messages"),
        ({"messages": ["hello"]}, 400, "messages[0]"),
        ({"model": None}, 400, "model"),
        ({"model": "gpt-9"}, 404, "model"),
        ({"trunkline_sim": {"fault": "stal"}}, 400, "trunkline_sim"),
    ],
)
async def test_bad_requests_are_refused(
    sim: SimulatedProviders, change: dict[str, Any], status: int, param: str
) -> None:
    """What OpenAI refuses is refused in its own shape, and the connection stays usable."""
    response = await post(*chat(sim, "openai", **change))
    error = response.json()["error"]
    assert (response.status, error["param"]) == (status, param)
    assert set(error) == {"message", "type", "param", "code"}


async def test_body_that_is_not_json(sim: SimulatedProviders) -> None:
    """Broken JSON is a 400, not a crash."""
    response = await send("POST", f"{sim.base_url('openai')}/chat/completions", b"{nope")
    assert response.status == 400
    assert "JSON" in response.json()["error"]["message"]


async def test_wrong_key_is_refused(sim: SimulatedProviders) -> None:
    """Where a key is demanded, another one gets 401 and the right one an answer."""
    sim.set_behaviour("openai", Behaviour(api_key="right"))
    url, body = chat(sim, "openai")
    refused = await post(url, body, headers={"authorization": "Bearer wrong"})
    assert (refused.status, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await post(url, body, headers={"authorization": "Bearer right"})).status == 200
    assert (await post(url, body, headers={"api-key": "wrong"})).status == 401
    assert (await post(url, body, headers={"api-key": "right"})).status == 200  # as Azure does


async def test_limit_per_minute_is_kept(sim: SimulatedProviders) -> None:
    """Over the limit a 429 tells how long to wait, and the remaining count is 0."""
    sim.set_behaviour("openai", Behaviour(requests_per_minute=2))
    responses = [await post(*chat(sim, "openai")) for _ in range(3)]
    assert [response.status for response in responses] == [200, 200, 429]
    assert 0 < int(responses[2].headers["retry-after"]) <= 61
    assert [response.headers["x-ratelimit-remaining-requests"] for response in responses] == ["1", "0", "0"]
