"""Reads requests of the OpenAI wire."""

from collections.abc import Mapping
from typing import Any, Final

from provider_workers.simulated.exchange import CHAT, EMBED, ApiError, Ask, RequestRefused, ToolSpec
from provider_workers.simulated.wires.base import objects, optional_int, strings, text_of

_EFFORT_TOKENS: Final = {"minimal": 4, "low": 8, "medium": 16, "high": 32, "xhigh": 64}
_IMAGE_PARTS: Final = frozenset({"image_url", "input_image", "image"})


def read_chat(body: Mapping[str, Any], model: str) -> Ask:
    """A chat request. Raises `RequestRefused` where it has no messages."""
    messages = objects(body, "messages", "Missing required parameter: 'messages'.")
    if not messages:
        raise RequestRefused(
            ApiError(
                "400",
                message="Invalid 'messages': empty array. Expected an array with minimum length 1, "
                "but got an empty array instead.",
                param="messages",
            )
        )
    users = [text_of(message.get("content")) for message in messages if message.get("role") == "user"]
    form = body.get("response_format") or {}
    return Ask(
        CHAT,
        model,
        body,
        stream=bool(body.get("stream")),
        prompt="\n".join(text_of(message.get("content")) for message in messages),
        last_user=users[-1] if users else "",
        messages=len(messages),
        images=sum(_images(message.get("content")) for message in messages),
        ends_with_assistant=messages[-1].get("role") == "assistant",
        has_tool_result=messages[-1].get("role") == "tool",
        max_tokens=optional_int(body.get("max_completion_tokens") or body.get("max_tokens"), "max_tokens"),
        stop=strings(body.get("stop") or ()),
        seed=body.get("seed"),
        tools=function_tools(body),
        tool_choice=_tool_choice(body.get("tool_choice")),
        json_mode=form.get("type") == "json_object",
        schema=(form.get("json_schema") or {}).get("schema"),
        reasoning_tokens=_EFFORT_TOKENS.get(str(body.get("reasoning_effort")), 0),
    )


def read_embedding(body: Mapping[str, Any], model: str) -> Ask:
    """An embedding request. Raises `RequestRefused` where it has no input."""
    value = body.get("input")
    if not value:
        raise RequestRefused(ApiError("400", message="Missing required parameter: 'input'.", param="input"))
    # A list of numbers is one text that is tokenised already.
    tokenised = isinstance(value, list) and isinstance(value[0], int)
    inputs = (" ".join(map(str, value)),) if tokenised else strings(value)
    dimensions = optional_int(body.get("dimensions"), "dimensions")
    return Ask(EMBED, model, body, prompt="".join(inputs), inputs=inputs, dimensions=dimensions)


def _images(content: object) -> int:
    if not isinstance(content, list):
        return 0
    return sum(1 for part in content if isinstance(part, Mapping) and part.get("type") in _IMAGE_PARTS)


def function_tools(body: Mapping[str, Any]) -> tuple[ToolSpec, ...]:
    """The tools of the form `{"type": "function", "function": {...}}`."""
    functions = [tool.get("function") or {} for tool in body.get("tools") or ()]
    return tuple(ToolSpec(str(item.get("name")), item.get("parameters") or {}) for item in functions)


def _tool_choice(value: object) -> str:
    if isinstance(value, Mapping):
        return str((value.get("function") or {}).get("name"))
    return "required" if value == "any" else str(value or "auto")
