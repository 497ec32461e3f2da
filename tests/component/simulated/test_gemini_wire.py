"""The Gemini API."""

import json
from typing import Any

from provider_workers.simulated import Behaviour, SimulatedProviders
from tests.component.simulated.raw_http import post, send
from tests.component.simulated.requests_by_wire import chat


async def test_stream_is_sse_with_carriage_returns(sim: SimulatedProviders) -> None:
    """Events end with CR LF twice; the last one has the finish reason; usage is in each."""
    response = await post(*chat(sim, "gemini", stream=True, generationConfig={"maxOutputTokens": 3}))
    assert response.body.count(b"\r\n\r\n") == 4
    events = [json.loads(data) for data in response.sse()]
    texts = [event["candidates"][0]["content"]["parts"][0]["text"] for event in events]
    assert texts == ["[simulated gemini/gemini-2.5-flash] ", "You ", "asked: ", ""]
    assert [event["candidates"][0].get("finishReason") for event in events] == [None, None, None, "MAX_TOKENS"]
    assert events[0]["usageMetadata"]["candidatesTokenCount"] == 3


async def test_function_call_thoughts_and_schema(sim: SimulatedProviders) -> None:
    """A function call is a part with arguments; thoughts are marked and counted apart; a schema is obeyed."""
    declared = {"name": "look", "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}}
    more: dict[str, Any] = {
        "tools": [{"functionDeclarations": [declared]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    }
    body = (await post(*chat(sim, "gemini", **more))).json()
    parts = body["candidates"][0]["content"]["parts"]
    assert parts[0]["thought"] is True
    assert parts[1] == {"functionCall": {"name": "look", "args": {"n": 1}}}
    assert body["usageMetadata"]["thoughtsTokenCount"] == 16
    config = {"responseMimeType": "application/json", "responseSchema": {"type": "STRING", "enum": ["yes"]}}
    answer = (await post(*chat(sim, "gemini", generationConfig=config))).json()
    assert answer["candidates"][0]["content"]["parts"][0]["text"] == '"yes"'


async def test_embeddings_tokens_and_models(sim: SimulatedProviders) -> None:
    """One vector or a batch of them, the token count, and the models."""
    base = f"{sim.base_url('gemini')}/v1beta/models"
    one = {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 4}
    single = (await post(f"{base}/gemini-embedding-001:embedContent", one)).json()["embedding"]["values"]
    batch = (await post(f"{base}/gemini-embedding-001:batchEmbedContents", {"requests": [one, one]})).json()
    assert len(single) == 4
    assert batch["embeddings"] == [{"values": single}] * 2
    counted = (await post(f"{base}/gemini-2.5-pro:countTokens", chat(sim, "gemini")[1])).json()
    assert counted["totalTokens"] == 8
    assert (await send("GET", base)).json()["models"][0]["name"] == "models/gemini-2.5-flash"


async def test_filtered_prompt_is_an_answer_without_candidates(sim: SimulatedProviders) -> None:
    """Gemini reports a blocked prompt with status 200."""
    for stream in (False, True):
        response = await post(*chat(sim, "gemini", stream=stream, trunkline_sim={"fault": "content_filter"}))
        body = json.loads(response.sse()[0]) if stream else response.json()
        assert response.status == 200
        assert body["promptFeedback"] == {"blockReason": "SAFETY"}
        assert "candidates" not in body


async def test_key_in_header_or_query(sim: SimulatedProviders) -> None:
    """Both ways of showing a key are accepted; a wrong one is a 400 with Google's reason."""
    sim.set_behaviour("gemini", Behaviour(api_key="right"))
    url, body = chat(sim, "gemini")
    refused = await post(url, body, headers={"x-goog-api-key": "wrong"})
    assert refused.status == 400
    assert refused.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert (await post(url, body, headers={"x-goog-api-key": "right"})).status == 200
    assert (await post(f"{url}?key=right", body)).status == 200
