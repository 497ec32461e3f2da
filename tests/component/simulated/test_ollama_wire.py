"""Ollama's own API."""

from typing import Any

from provider_workers.simulated import Behaviour, SimulatedProviders
from tests.component.simulated.raw_http import post, send
from tests.component.simulated.requests_by_wire import chat


async def test_chat_streams_lines_and_ends_with_counts(sim: SimulatedProviders) -> None:
    """Streaming is the default; the last line has the reason, the counts and the durations."""
    url, body = chat(sim, "ollama", options={"num_predict": 4})
    del body["stream"]
    response = await post(url, body)
    lines = response.ndjson()
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [line["done"] for line in lines] == [False] * 4 + [True]
    assert lines[0]["message"]["content"] == "[simulated ollama/llama3.1] "
    assert lines[-1]["done_reason"] == "length"
    assert lines[-1]["eval_count"] == 4
    assert lines[-1]["total_duration"] > lines[-1]["load_duration"] > 0


async def test_generate_whole(sim: SimulatedProviders) -> None:
    """`/api/generate` puts the text under `response`."""
    body = {"model": "llama3.1:latest", "prompt": "Tell me", "system": "Be short", "stream": False}
    answer = (await post(f"{sim.base_url('ollama')}/api/generate", body)).json()
    assert answer["response"].startswith("[simulated ollama/")
    assert answer["done_reason"] == "stop"


async def test_thinking_comes_before_the_answer(sim: SimulatedProviders) -> None:
    """With `think` the thinking has lines of its own."""
    lines = (await post(*chat(sim, "ollama", stream=True, think=True))).ndjson()
    thinking = [line["message"].get("thinking", "") for line in lines]
    assert all(thinking[:8])
    assert not any(thinking[8:])


async def test_tool_call_has_arguments_as_an_object(sim: SimulatedProviders) -> None:
    """Ollama sends a call whole, its arguments not as text."""
    tool = {"type": "function", "function": {"name": "now", "parameters": {"properties": {"zone": {"const": "UTC"}}}}}
    sim.set_behaviour("ollama", Behaviour(tool_calls=1))
    lines = (await post(*chat(sim, "ollama", stream=True, tools=[tool]))).ndjson()
    assert lines[0]["message"]["tool_calls"][0]["function"] == {"index": 0, "name": "now", "arguments": {"zone": "UTC"}}


async def test_format_schema(sim: SimulatedProviders) -> None:
    """`format` takes `json` or a schema."""
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    answer = (await post(*chat(sim, "ollama", format=schema))).json()
    assert answer["message"]["content"] == '{"ok": true}'
    assert '"simulated": true' in (await post(*chat(sim, "ollama", format="json"))).json()["message"]["content"]


async def test_model_is_loaded_kept_and_unloaded(sim: SimulatedProviders) -> None:
    """A chat without messages loads; `/api/ps` shows the model until keep_alive 0 unloads it."""
    base = sim.base_url("ollama")
    sim.set_behaviour("ollama", Behaviour(load_seconds=0.05))

    async def resident() -> list[str]:
        return [model["name"] for model in (await send("GET", f"{base}/api/ps")).json()["models"]]

    async def load(**more: Any) -> Any:
        body = {"model": "llama3.1", "messages": [], "stream": False, **more}
        return (await post(f"{base}/api/chat", body)).json()

    assert await resident() == []
    assert (await load())["done_reason"] == "load"
    assert await resident() == ["llama3.1:latest"]
    assert (await load(keep_alive="1h30m"))["done_reason"] == "load"
    assert (await load(keep_alive=0))["done_reason"] == "unload"
    assert await resident() == []
    assert "duration" in (await load(keep_alive="soon"))["error"]


async def test_loading_takes_its_time_once(sim: SimulatedProviders) -> None:
    """The first request reports the load; the second finds the model resident."""
    sim.set_behaviour("ollama", Behaviour(load_seconds=0.1))
    durations = [(await post(*chat(sim, "ollama"))).json()["load_duration"] for _ in range(2)]
    assert durations[0] >= 100_000_000 > durations[1]


async def test_pull_adds_a_model_and_delete_removes_it(sim: SimulatedProviders) -> None:
    """The progress ends with success, and only then the model exists."""
    base = sim.base_url("ollama")
    assert (await post(f"{base}/api/show", {"model": "qwen3"})).status == 404
    lines = (await post(f"{base}/api/pull", {"model": "qwen3"})).ndjson()
    assert lines[0] == {"status": "pulling manifest"}
    assert "completed" not in lines[1]
    assert lines[5]["completed"] == lines[5]["total"]
    assert lines[-1] == {"status": "success"}
    shown = (await post(f"{base}/api/show", {"model": "qwen3"})).json()
    assert shown["model_info"]["llama.context_length"] == 131_072
    assert shown["capabilities"] == ["completion", "tools", "thinking"]
    assert (await send("DELETE", f"{base}/api/delete", b'{"model": "qwen3"}')).status == 200
    names = [model["name"] for model in (await send("GET", f"{base}/api/tags")).json()["models"]]
    assert names == ["llama3.1:latest", "nomic-embed-text:latest"]


async def test_embed_and_version(sim: SimulatedProviders) -> None:
    """One vector per input; the version answers a probe."""
    base = sim.base_url("ollama")
    body = {"model": "nomic-embed-text", "input": ["a", "b"]}
    assert len((await post(f"{base}/api/embed", body)).json()["embeddings"]) == 2
    assert "version" in (await send("GET", f"{base}/api/version")).json()
    assert (await send("GET", base)).body == b"Ollama is running"
    probe = await send("HEAD", base)
    assert (probe.status, probe.body) == (200, b"")


async def test_errors_are_one_string(sim: SimulatedProviders) -> None:
    """`{"error": "..."}`, as Ollama writes it, and a plain 404 for an unknown path."""
    missing = await post(*chat(sim, "ollama", model="nope"))
    assert (missing.status, missing.json()) == (404, {"error": "model 'nope' not found"})
    assert (await send("GET", f"{sim.base_url('ollama')}/api/nothing")).status == 404
