"""Keyword arguments become the request that goes over the wire."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from trunkline import File, Image, InvalidRequest, JsonSchema, Message, Tool, ToolCall
from trunkline._calling import settings_of
from trunkline._requests import completion_request, embed_request
from trunkline.types.v1 import chat_pb2, classification_pb2


def test_prompt_alone_says_nothing_else() -> None:
    """A text is one user message; what the caller leaves out is absent on the wire, so that 0 remains a value."""
    request = completion_request("hello", {})
    assert [(m.role, m.content[0].text) for m in request.messages] == [(chat_pb2.ROLE_USER, "hello")]
    assert not request.HasField("tool_choice")
    assert not request.HasField("response_format")
    assert not request.parameters.HasField("temperature")
    assert not request.routing.HasField("max_cost_nanodollars")
    assert not request.routing.HasField("required_quality")


def test_zero_is_a_value() -> None:
    """A temperature, a seed and a cost of 0 are sent."""
    request = completion_request("hello", {"temperature": 0, "seed": 0, "max_cost": 0, "required_quality": 0})
    assert request.parameters.HasField("temperature")
    assert request.parameters.HasField("seed")
    assert request.routing.HasField("max_cost_nanodollars")
    assert request.routing.HasField("required_quality")


def test_every_routing_option_arrives() -> None:
    """Each routing option is in its field, words as enum members, dollars as nano-dollars, seconds as durations."""
    routing = completion_request(
        "hello",
        {
            "model": "fast",
            "profile": "cost",
            "task": "code_review",
            "complexity": "complex",
            "sensitivity": "confidential",
            "domain": "legal",
            "max_cost": "0.004",
            "max_cost_per_1k": Decimal("0.000000001"),
            "max_latency": 2.5,
            "required_quality": 0.7,
            "require": {"coding": 7, "vision": None},
            "prefer": ["creative"],
            "min_context_tokens": 32_000,
            "exclude": ["openai"],
            "allow": ["groq/llama"],
            "region": "eu",
            "region_required": True,
            "recovery": "continue_or_reset",
            "affinity_key": "u1",
            "priority": -3,
        },
    ).routing
    assert (routing.model, routing.profile, routing.domain, routing.region) == ("fast", "cost", "legal", "eu")
    assert routing.task == classification_pb2.TASK_CODE_REVIEW
    assert routing.complexity == classification_pb2.COMPLEXITY_COMPLEX
    assert routing.sensitivity == classification_pb2.SENSITIVITY_CONFIDENTIAL
    assert (routing.max_cost_nanodollars, routing.max_cost_per_1k_nanodollars) == (4_000_000, 1)
    assert routing.max_latency.ToMilliseconds() == 2500
    assert routing.required_quality == 0.7
    required = [(c.name, c.min_rating if c.HasField("min_rating") else None) for c in routing.required_capabilities]
    assert required == [("coding", 7), ("vision", None)]
    assert [c.name for c in routing.preferred_capabilities] == ["creative"]
    assert (routing.min_context_tokens, routing.priority, routing.affinity_key) == (32_000, -3, "u1")
    assert (list(routing.exclude), list(routing.allow)) == (["openai"], ["groq/llama"])
    assert routing.region_required
    assert routing.stream_recovery == chat_pb2.STREAM_RECOVERY_CONTINUE_OR_RESET


def test_conversation_with_all_parts(tmp_path: Path) -> None:
    """System text, pictures, files, tool calls and their results keep their order and their fields."""
    (tmp_path / "dot.png").write_bytes(b"png")
    (tmp_path / "paper.pdf").write_bytes(b"pdf")
    request = completion_request(
        [
            Message("user", ["look", Image.from_path(tmp_path / "dot.png"), File.from_path(tmp_path / "paper.pdf")]),
            Message("user", [Image(url="https://example.org/a.png", detail="high")]),
            Message("assistant", tool_calls=[ToolCall("c1", "weather", '{"city": "Bern"}')]),
            Message("tool", "sunny", tool_call_id="c1", name="weather"),
        ],
        {"system": "be brief"},
    )
    assert [chat_pb2.Role.Name(m.role) for m in request.messages] == [
        "ROLE_SYSTEM",
        "ROLE_USER",
        "ROLE_USER",
        "ROLE_ASSISTANT",
        "ROLE_TOOL",
    ]
    look, picture, paper = request.messages[1].content
    assert look.text == "look"
    assert (picture.image.data, picture.image.media_type) == (b"png", "image/png")
    assert (paper.file.data, paper.file.media_type, paper.file.name) == (b"pdf", "application/pdf", "paper.pdf")
    assert request.messages[2].content[0].image.detail == chat_pb2.IMAGE_DETAIL_HIGH
    assert not request.messages[3].content
    assert request.messages[3].tool_calls[0].name == "weather"
    assert request.messages[4].tool_call_id == "c1"


def test_tools_and_formats() -> None:
    """Tools carry their schema as JSON; choice and response format have their place in the oneofs."""
    request = completion_request(
        "hello",
        {
            "tools": [Tool("now"), Tool("weather", "tells it", {"type": "object"}, strict=True)],
            "tool_choice": "weather",
            "response_format": JsonSchema("city", {"type": "object"}),
            "stop": "END",
            "reasoning_effort": "minimal",
            "provider_options": {"openai": {"user": "x"}},
            "labels": {"team": "search"},
        },
    )
    assert [tool.parameters_json_schema for tool in request.tools] == ["", '{"type": "object"}']
    assert not request.tools[0].HasField("strict")
    assert request.tools[1].strict
    assert request.tool_choice.tool_name == "weather"
    assert request.response_format.json_schema.name == "city"
    assert list(request.parameters.stop) == ["END"]
    assert request.parameters.reasoning_effort == chat_pb2.REASONING_EFFORT_MINIMAL
    assert dict(request.provider_options) == {"openai": '{"user": "x"}'}
    assert dict(request.labels) == {"team": "search"}
    assert completion_request("x", {"tool_choice": "none"}).tool_choice.mode == chat_pb2.TOOL_CHOICE_MODE_NONE
    assert completion_request("x", {"response_format": "json"}).response_format.HasField("json")


@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        ({"task": "code_generatoin"}, "task", 'Did you mean "code_generation"?'),
        ({"sensitivity": "secret"}, "sensitivity", "Known: public, internal, confidential"),
        ({"max_cost": "cheap"}, "max_cost", "write it like 0.004"),
        ({"max_cost": float("nan")}, "max_cost", "not an amount"),
        ({"response_format": "xml"}, "response_format", "neither"),
        ({"max_cost": "1e400"}, "max_cost", "at most 9,223,372,036"),
        ({"max_cost_per_1k": "1e999999"}, "max_cost_per_1k", "at most 9,223,372,036"),
        ({"max_latency": float("inf")}, "max_latency", "not a length of time"),
        ({"max_latency": 1e300}, "max_latency", "not a length of time"),
        ({"temperature": "warm"}, "parameters", ""),
        ({"system": "\udc80"}, "messages", "no UTF-8 text"),
        ({"labels": {"k": 1}}, "request", ""),
    ],
)
def test_what_cannot_be_expressed_is_refused_before_sending(options: dict[str, object], field: str, says: str) -> None:
    """A mistake that the wire cannot carry names its field and what would be right."""
    with pytest.raises(InvalidRequest) as caught:
        completion_request("hello", options)  # type: ignore[arg-type]
    assert caught.value.violations[0].field == field
    assert says in caught.value.violations[0].description


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), 1e300])
def test_a_timeout_is_above_zero_and_no_eternity(timeout: float) -> None:
    """What gRPC would take for a deadline that has passed is refused by name."""
    with pytest.raises(InvalidRequest, match=r"timeout: .* above 0 .* at most"):
        settings_of({"timeout": timeout}, 1.0)
    assert settings_of({"timeout": 3e9}, 1.0).timeout == 3e9


@pytest.mark.parametrize("parent", ["rubbish", "é", f"00-{'a' * 32}-{'b' * 16}-01\n", f"00-{'0' * 32}-{'b' * 16}-01"])
def test_a_trace_context_that_no_router_can_continue_is_refused(parent: str) -> None:
    """gRPC would refuse some as metadata, and a router would pass over the rest in silence."""
    with pytest.raises(InvalidRequest, match=r"traceparent: .* is no W3C trace context; one looks like 00-"):
        settings_of({"traceparent": parent}, 1.0)
    good = f"00-{'a' * 32}-{'b' * 16}-01"
    assert settings_of({"traceparent": good}, 1.0).metadata == (("traceparent", good),)


@pytest.mark.parametrize("kind", [Image, File])
def test_only_a_regular_file_of_bounded_size_is_read(kind: type[Image] | type[File], tmp_path: Path) -> None:
    """A device, which may have no end, a pipe that nobody writes to, and a giant are refused before they are read."""
    pipe, giant = tmp_path / "pipe", tmp_path / "giant.png"
    os.mkfifo(pipe)
    with giant.open("wb") as file:
        file.truncate(32 * 1024 * 1024 + 1)
    for path, says in ((Path("/dev/zero"), "no regular file"), (pipe, "no regular file"), (giant, "32 MiB")):
        with pytest.raises(OSError, match=says) as caught:
            kind.from_path(path)
        assert caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError):
        kind.from_path(tmp_path / "nothing.png")


def test_unknown_option_is_a_type_error() -> None:
    """A misspelt keyword is refused like any other function's, with the nearest name."""
    with pytest.raises(TypeError, match=r'no option "temprature"\. Did you mean "temperature"\?'):
        completion_request("hello", {"temprature": 1})  # type: ignore[typeddict-unknown-key]


def test_image_needs_exactly_one_source() -> None:
    """An image that is neither address nor bytes, or both, is refused with its place."""
    for image in (Image(), Image(url="https://x", data=b"x")):
        with pytest.raises(InvalidRequest, match=r"messages\[0\]\.content\[1\]"):
            completion_request(Message("user", ["look", image]), {})


def test_embedding_request() -> None:
    """One text is a list of one; what is left out is absent."""
    request = embed_request("hello", "embed", {"sensitivity": "public"})
    assert list(request.inputs) == ["hello"]
    assert not request.HasField("dimensions")
    assert request.sensitivity == classification_pb2.SENSITIVITY_PUBLIC


def test_every_option_of_an_embedding() -> None:
    """Each reaches its field; a name that is none is refused with the nearest."""
    request = embed_request(
        ["a", "b"],
        "embed",
        {
            "dimensions": 8,
            "labels": {"team": "search"},
            "request_id": "r1",
            "provider_options": {"ollama": {"truncate": False}},
        },
    )
    assert (request.dimensions, dict(request.labels), request.request_id) == (8, {"team": "search"}, "r1")
    assert dict(request.provider_options) == {"ollama": '{"truncate": false}'}
    with pytest.raises(TypeError, match="dimensions"):
        embed_request("a", "embed", {"dimension": 8})  # type: ignore[typeddict-unknown-key]
    with pytest.raises(InvalidRequest, match="embed"):
        embed_request("a", "embed", {"dimensions": "many"})  # type: ignore[typeddict-item]
