"""Proof that the formats are real: other people's clients read them."""

import importlib
import warnings
from types import ModuleType
from typing import Any

import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders

pytestmark = [
    pytest.mark.peer,
    # What these packages warn of is theirs.
    pytest.mark.filterwarnings("ignore"),
]

MESSAGES: list[Any] = [{"role": "user", "content": "Tell me about trees"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}},
}


def _imported(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: ModuleType = pytest.importorskip(name, reason=f"pip install {name}")
    return found


@pytest.fixture
def openai() -> ModuleType:
    """The OpenAI SDK."""
    return _imported("openai")


@pytest.fixture
def litellm() -> ModuleType:
    """LiteLLM, which speaks each provider's wire."""
    return _imported("litellm")


async def test_openai_sdk(sim: SimulatedProviders, openai: ModuleType) -> None:
    """Whole, streamed with usage, tools, embeddings, models."""
    async with openai.AsyncOpenAI(base_url=sim.base_url("openai"), api_key="x", max_retries=0) as client:
        chat = client.chat.completions
        whole = await chat.create(model="gpt-4o-mini", messages=MESSAGES)
        assert whole.choices[0].message.content.startswith("[simulated")
        stream = await chat.create(
            model="gpt-4o-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == whole.choices[0].message.content
        assert chunks[-1].usage.completion_tokens == 40
        called = await chat.create(model="gpt-4o-mini", messages=MESSAGES, tools=[TOOL], tool_choice="required")
        assert called.choices[0].message.tool_calls[0].function.arguments == '{"at": "simulated"}'
        embed = {"model": "text-embedding-3-small", "input": ["a"], "dimensions": 4}
        packed = await client.embeddings.create(**embed)
        plain = await client.embeddings.create(**embed, encoding_format="float")
        assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding)
        assert "gpt-4o" in [model.id async for model in client.models.list()]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("400", "BadRequestError"),
        ("401", "AuthenticationError"),
        ("403", "PermissionDeniedError"),
        ("404", "NotFoundError"),
        ("429", "RateLimitError"),
        ("503", "InternalServerError"),
        ("reset", "APIConnectionError"),
        ("error_in_stream", "APIError"),
    ],
)
async def test_openai_sdk_knows_the_errors(sim: SimulatedProviders, openai: ModuleType, kind: str, error: str) -> None:
    """Each refusal becomes the SDK's own exception."""
    sim.set_behaviour("openai", Behaviour(faults=(Fault(kind),)))
    async with openai.AsyncOpenAI(base_url=sim.base_url("openai"), api_key="x", max_retries=0) as client:
        with pytest.raises(getattr(openai, error)):
            async for _ in await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
                pass


PEERS = [
    ("anthropic/claude-haiku-4-5", "anthropic", ""),
    ("gemini/gemini-2.5-flash", "gemini", "/v1beta"),
    ("ollama_chat/llama3.1", "ollama", ""),
]


@pytest.mark.parametrize(("model", "provider", "suffix"), PEERS)
async def test_litellm_reads_answers(
    sim: SimulatedProviders, litellm: ModuleType, model: str, provider: str, suffix: str
) -> None:
    """LiteLLM gets the same text whole and streamed, with finish reason and usage."""
    arguments: dict[str, Any] = {
        "model": model,
        "api_base": sim.base_url(provider) + suffix,
        "api_key": "x",
        "messages": MESSAGES,
        "num_retries": 0,
    }
    whole = await litellm.acompletion(**arguments)
    assert whole.choices[0].message.content.startswith(f"[simulated {provider}/")
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.completion_tokens == 40
    chunks = [chunk async for chunk in await litellm.acompletion(stream=True, **arguments)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content


@pytest.mark.parametrize(("model", "provider", "suffix"), PEERS)
@pytest.mark.parametrize(("kind", "error"), [("429", "RateLimitError"), ("401", "AuthenticationError")])
async def test_litellm_knows_the_errors(
    sim: SimulatedProviders, litellm: ModuleType, model: str, provider: str, suffix: str, kind: str, error: str
) -> None:
    """LiteLLM maps the refusal as it maps the real provider's."""
    sim.set_behaviour(provider, Behaviour(faults=(Fault(kind),)))
    exceptions = importlib.import_module("litellm.exceptions")
    with pytest.raises(getattr(exceptions, error)):
        await litellm.acompletion(
            model=model,
            api_base=sim.base_url(provider) + suffix,
            api_key="x",
            messages=MESSAGES,
            num_retries=0,
            max_retries=0,
        )
