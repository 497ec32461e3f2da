"""What workers make of an address where another provider's API answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from provider_workers.backends.base import BackendAdapter, ProviderFailure, Work
from provider_workers.backends.kinds import create_backend
from provider_workers.settings import BackendSettings
from provider_workers.simulated import ProviderSpec, SimulatedProviders
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import WorkerState
from tests.support.worker_processes import question

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # litellm's own

CHUNK = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
CLAUDES = {"data": [{"type": "model", "id": "claude-haiku-4-5"}], "has_more": False}


@asynccontextmanager
async def backend(kind: str, provider: str, base_url: str, model: str) -> AsyncIterator[BackendAdapter]:
    """An adapter with one model, closed at the end."""
    settings = BackendSettings("b", kind, provider, base_url, api_key="key-1234567890", models=(model,))
    adapter = create_backend(settings, SystemClock())
    try:
        yield adapter
    finally:
        await adapter.close()


async def failure_of_call(adapter: BackendAdapter, model: str) -> ProviderFailure:
    """How a call fails."""
    with pytest.raises(ProviderFailure) as caught:
        async for _ in adapter.complete(Work(model, question("Hi"))):
            pass
    return caught.value


@pytest.mark.parametrize(
    ("kind", "provider", "model", "wire", "told"),
    [
        ("openai_wire", "openai", "gpt-4o-mini", "anthropic", "Anthropic's API does: `kind: litellm, provider: anthro"),
        ("litellm", "anthropic", "claude-haiku-4-5", "openai", "OpenAI's API does: `kind: openai_wire`"),
    ],
)
async def test_another_wire_is_a_doubt_and_after_a_call_the_end(
    kind: str, provider: str, model: str, wire: str, told: str
) -> None:
    """Named at start, in the call's failure, which holds for the whole backend, and by probes that do not succeed."""
    async with SimulatedProviders([ProviderSpec(wire)]) as sim:
        base_url = sim.base_url(wire).removesuffix("/v1") + "/v1"
        async with backend(kind, provider, base_url, model) as adapter:
            found = await adapter.describe()
            assert (found.state, found.models[0].doubt) == (WorkerState.READY, found.state_reason)
            assert found.state_reason.startswith(f"{base_url} answers as {told}")
            await adapter.probe()
            failure = await failure_of_call(adapter, model)
            assert (failure.failure_class, failure.backend_wide) == (FailureClass.UNSUPPORTED, True)
            assert told in failure.message
            with pytest.raises(ProviderFailure, match=r"answers as"):
                await adapter.probe()
            doubt = (await adapter.describe()).models[0].doubt
            assert doubt.startswith(f"its calls are answered with HTTP 404: {base_url} answers as {told}")


@pytest.mark.parametrize(
    ("wire", "told"),
    [("openai", "`kind: openai_wire`"), ("anthropic", "provider: anthropic`"), ("gemini", "provider: gemini`")],
)
async def test_an_ollama_that_is_another_provider_is_named(wire: str, told: str) -> None:
    """It is out at once, as its list is not there, with what to do."""
    async with (
        SimulatedProviders([ProviderSpec(wire)]) as sim,
        backend("ollama", "ollama", sim.base_url(wire), "llama3.1") as adapter,
    ):
        found = await adapter.describe()
        assert found.state is WorkerState.UNHEALTHY
        assert told in found.state_reason
        assert told in (await failure_of_call(adapter, "llama3.1")).message


@asynccontextmanager
async def in_between(
    listed: dict[str, Any] = CLAUDES, known: str = ""
) -> AsyncIterator[tuple[str, list[web.StreamResponse]]]:
    """A server that lists these models; calls get what is put into the list, then an answer.

    `known`: the one model that it has; for others it knows no path.
    """
    refusals: list[web.StreamResponse] = []

    async def models(_: web.Request) -> web.StreamResponse:
        return web.json_response(listed)

    async def chat(request: web.Request) -> web.StreamResponse:
        if known and (await request.json()).get("model") != known:
            return web.Response(status=404, text="404 page not found")
        return refusals.pop() if refusals else web.Response(body=CHUNK, content_type="text/event-stream")

    app = web.Application()
    app.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", chat)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", refusals
    finally:
        await runner.cleanup()


async def test_an_answer_lifts_the_doubt_of_an_odd_list() -> None:
    """Anthropic's own endpoint for OpenAI's wire lists its models in Anthropic's shape."""
    model = "claude-haiku-4-5"
    async with in_between() as (base_url, _), backend("openai_wire", "openai", base_url, model) as adapter:
        assert "Anthropic's" in (await adapter.describe()).models[0].doubt
        async for _piece in adapter.complete(Work(model, question("Hi"))):
            pass
        assert (await adapter.describe()).models[0].doubt == ""


async def test_a_probe_finds_calls_that_are_there_again() -> None:
    """A gateway that had no route for a while: an empty request tells, whose refusal costs nothing."""
    model = "claude-haiku-4-5"
    async with in_between() as (base_url, refusals), backend("openai_wire", "openai", base_url, model) as adapter:
        refusals += [web.Response(status=404, text="no route") for _ in range(2)]
        assert (await failure_of_call(adapter, model)).backend_wide
        with pytest.raises(ProviderFailure):
            await adapter.probe()
        refusals.append(web.json_response({"error": {"message": "messages: Field required"}}, status=400))
        await adapter.probe()
        assert "its calls" not in (await adapter.describe()).models[0].doubt
        refusals.append(web.json_response({"error": {"message": "model: claude-haiku-4-5"}}, status=404))
        assert not (await failure_of_call(adapter, model)).backend_wide


@pytest.mark.parametrize("answered", [True, False])
async def test_a_wrong_name_takes_no_other_model_out(answered: bool) -> None:
    """Some gateways answer an unknown model as an unknown path: what is listed, or was answered, is served."""
    listed = {"object": "list", "data": [] if answered else [{"id": "good", "object": "model"}]}
    async with in_between(listed, "good") as (base_url, _), backend("openai_wire", "nim", base_url, "good") as adapter:
        await adapter.describe()
        if answered:
            async for _piece in adapter.complete(Work("good", question("Hi"))):
                pass
        failure = await failure_of_call(adapter, "typo")
        assert (failure.failure_class, failure.backend_wide) == (FailureClass.UNSUPPORTED, False)
        assert (await adapter.describe()).models[0].doubt == ""


async def test_a_probe_names_a_model_to_a_gateway_that_goes_by_it() -> None:
    """Without one it would find no path, ever."""
    async with (
        in_between({"data": []}, "good") as (base_url, refusals),
        backend("openai_wire", "nim", base_url, "good") as adapter,
    ):
        assert (await failure_of_call(adapter, "typo")).backend_wide
        refusals.append(web.json_response({"error": {"message": "messages: Field required"}}, status=400))
        await adapter.probe()
        assert (await adapter.describe()).models[0].doubt == ""
