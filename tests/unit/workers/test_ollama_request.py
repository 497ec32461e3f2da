"""Ollama's requests without I/O, and which models are announced."""

from typing import Any

import pytest

from provider_workers.backends.base import ProviderFailure, Work
from provider_workers.backends.ollama.models import announced, is_remote
from provider_workers.backends.ollama.request import chat_body
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass
from tests.support.worker_processes import question
from trunkline.types.v1 import chat_pb2 as chat

SETTINGS = BackendSettings("ollama", "ollama", "ollama", "http://127.0.0.1:11434", keep_alive="300s")


def body(request: chat.CompletionRequest, window: int = 131072) -> dict[str, Any]:
    """The body that a request becomes."""
    return chat_body(Work("llama3.1", request), SETTINGS, window)


def test_parameters_go_under_ollamas_names() -> None:
    """Limits and sampling are options; keep-alive comes from the configuration."""
    parameters = chat.GenerationParameters(max_output_tokens=9, temperature=0.0, top_k=3, stop=["END"])
    made = body(question(parameters=parameters))
    assert made["options"] == {"temperature": 0.0, "top_k": 3, "num_predict": 9, "stop": ["END"]}
    assert made["keep_alive"] == "300s"


def test_a_callers_own_options_are_an_object() -> None:
    """Null is none; what else it may be is the caller's mistake."""
    assert "options" not in body(question(provider_options={"ollama": '{"options": null}'}))
    with pytest.raises(ProviderFailure, match="options") as raised:
        body(question(provider_options={"ollama": '{"options": 5}'}))
    assert raised.value.failure_class is FailureClass.INVALID_REQUEST


def test_a_long_prompt_gets_a_window_that_holds_it() -> None:
    """Ollama would cut what exceeds its default window off without a word, so a larger one is asked for."""
    assert "options" not in body(question("short"))
    assert body(question("word " * 10_000))["options"]["num_ctx"] == 16384
    assert body(question("word " * 100_000), 8192)["options"]["num_ctx"] == 8192


CHINESE = "桥梁把荷载传到地基。" * 300
"""3,000 characters, about 2,400 tokens."""
PICTURES = [chat.ContentPart(image=chat.Image(data=b"small", media_type="image/png"))] * 3
LONG_CALL = chat.ToolCall(id="1", name="keep", arguments_json='{"words": "' + "word " * 4000 + '"}')
TOOLS = [chat.Tool(name=f"tool_{number}", description="Tells the time. " * 50) for number in range(20)]


def said(role: chat.Role.ValueType, **fields: Any) -> chat.CompletionRequest:
    """One message of a role."""
    return chat.CompletionRequest(messages=[chat.Message(role=role, **fields)])


@pytest.mark.parametrize(
    ("work", "window"),
    [
        (Work("qwen3:8b", question(CHINESE)), None),
        (Work("qwen3:8b", question(CHINESE * 2)), 8192),
        (Work("llama3.1", question(CHINESE * 2)), 8192),
        (Work("qwen3:8b", question(CHINESE), prefill=CHINESE), 8192),
        (Work("qwen3:8b", question(CHINESE, parameters=chat.GenerationParameters(max_output_tokens=6000))), 16384),
        (Work("llava", said(chat.ROLE_USER, content=PICTURES[:1])), None),
        (Work("llava", said(chat.ROLE_USER, content=PICTURES)), 8192),
        (Work("llama3.1", said(chat.ROLE_ASSISTANT, tool_calls=[LONG_CALL])), 8192),
        (Work("llama3.1", question(tools=TOOLS)), 8192),
    ],
)
def test_the_window_holds_the_prompt_as_the_model_counts_it(work: Work, window: int | None) -> None:
    """Characters of any script, what was said before, pictures, calls of tools and their descriptions all count."""
    assert chat_body(work, SETTINGS, 131072).get("options", {}).get("num_ctx") == window


def test_a_tool_result_names_its_tool() -> None:
    """Ollama knows results by the tool's name, so the call's identifier is looked up."""
    request = question()
    call = chat.ToolCall(id="call_9", name="get_weather", arguments_json='{"city": "Rome"}')
    request.messages.append(chat.Message(role=chat.ROLE_ASSISTANT, tool_calls=[call]))
    clear = [chat.ContentPart(text="clear")]
    request.messages.append(chat.Message(role=chat.ROLE_TOOL, tool_call_id="call_9", content=clear))
    made = body(request)["messages"]
    assert made[1]["tool_calls"][0]["function"]["arguments"] == {"city": "Rome"}
    assert made[2]["tool_name"] == "get_weather"


@pytest.mark.parametrize(
    "request_",
    [
        question(tools=[chat.Tool(name="f")], tool_choice=chat.ToolChoice(mode=chat.TOOL_CHOICE_MODE_REQUIRED)),
        question(parameters=chat.GenerationParameters(parallel_tool_calls=False)),
        chat.CompletionRequest(
            messages=[
                chat.Message(
                    role=chat.ROLE_USER, content=[chat.ContentPart(image=chat.Image(url="https://example.com/a.png"))]
                )
            ]
        ),
    ],
)
def test_what_ollama_cannot_do_is_said(request_: chat.CompletionRequest) -> None:
    """A forced tool, a single call, a picture by address: unsupported, so that another target may serve."""
    with pytest.raises(ProviderFailure) as raised:
        body(request_)
    assert raised.value.failure_class is FailureClass.UNSUPPORTED


def test_configured_spellings_are_kept() -> None:
    """`llama3.1` and `llama3.1:latest` are one model; what is not there is named, what is there besides by both."""
    present, missing, others = announced(["llama3.1:latest", "gone"], ["llama3.1", "qwen3:8b", "phi4"])
    assert present == ["llama3.1:latest"]
    assert missing == ["gone"]
    assert others == ["llama3.1", "phi4", "phi4:latest", "qwen3:8b"]


@pytest.mark.parametrize(
    ("entry", "name", "remote"),
    [
        ({}, "llama3.1", False),
        ({}, "gpt-oss:120b-cloud", True),
        ({}, "glm-4.6:cloud", True),
        ({"remote_host": "https://ollama.com:443"}, "renamed", True),
    ],
)
def test_models_in_ollamas_cloud_are_remote(entry: dict[str, Any], name: str, remote: bool) -> None:
    """A model that runs elsewhere is known by its name or by what Ollama says, whatever it was renamed to."""
    assert is_remote(entry, name) is remote
