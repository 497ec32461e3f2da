"""A request as the body of Ollama's `POST /api/chat` or `POST /api/embed`."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from provider_workers.backends.base import EmbedWork, ProviderFailure, Work
from provider_workers.backends.body import LargeFile, base64_text
from provider_workers.backends.content import embedded_json, joined_text, passed_through, unsupported
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass
from service_common.tokens import estimate_image, estimate_message_overhead, estimate_text, family_of
from trunkline.types.v1 import chat_pb2 as chat

Body = dict[str, Any]

DEFAULT_WINDOW = 4096
"""Tokens that Ollama keeps in its window unless told otherwise; what is longer it would cut off without a word."""

ANSWER_RESERVE = 1024
"""Tokens for an answer whose length nobody bounds."""

_ROLES = {
    chat.ROLE_SYSTEM: "system",
    chat.ROLE_DEVELOPER: "system",
    chat.ROLE_USER: "user",
    chat.ROLE_ASSISTANT: "assistant",
    chat.ROLE_TOOL: "tool",
}
_LEVELS = {
    chat.REASONING_EFFORT_MINIMAL: "low",
    chat.REASONING_EFFORT_LOW: "low",
    chat.REASONING_EFFORT_MEDIUM: "medium",
    chat.REASONING_EFFORT_HIGH: "high",
}
_Option = Literal["temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed"]
_OPTIONS: tuple[_Option, ...] = get_args(_Option)


def chat_body(work: Work, settings: BackendSettings, window: int) -> Body:
    """The body of a streamed chat answer.

    Args:
        work: what is asked.
        settings: of the backend.
        window: the model's longest context in tokens; 0: not known.

    Raises:
        ProviderFailure: `UNSUPPORTED`, Ollama has no word for something asked; `INVALID_REQUEST`, a JSON string in the
            request, or `options` in one, is not a JSON object.
    """
    request = work.request
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    body: Body = {
        "model": work.model,
        "messages": [_message(message, names) for message in request.messages],
        "stream": True,
        "truncate": False,
    }
    if work.prefill:
        body["messages"].append({"role": "assistant", "content": work.prefill})
    if settings.keep_alive:
        body["keep_alive"] = settings.keep_alive
    options = _options(work, window)
    if options:
        body["options"] = options
    _add_tools(body, request)
    _add_format(body, request.response_format)
    _add_thinking(body, request.parameters.reasoning_effort)
    for extra in (settings.options, passed_through(request.provider_options, settings.name)):
        _merge(body, extra)
    return body


def embedding_body(work: EmbedWork, settings: BackendSettings) -> Body:
    """The body of `POST /api/embed`.

    Raises:
        ProviderFailure: `INVALID_REQUEST`, the caller's provider options, or `options` in them, are not a JSON object.
    """
    request = work.request
    body: Body = {"model": work.model, "input": list(request.inputs), "truncate": False}
    if request.HasField("dimensions"):
        body["dimensions"] = request.dimensions
    if settings.keep_alive:
        body["keep_alive"] = settings.keep_alive
    for extra in (settings.options, passed_through(request.provider_options, settings.name)):
        _merge(body, extra)
    return body


def _merge(body: Body, extra: Mapping[str, Any]) -> None:
    """Add the configuration's or the caller's fields; those of Ollama's own `options` each by itself."""
    own = extra.get("options")
    if own is not None and not isinstance(own, Mapping):
        raise ProviderFailure(FailureClass.INVALID_REQUEST, "options, among those for an Ollama, is not a JSON object")
    inner = {**body.get("options", {}), **(own or {})}
    body.update({name: value for name, value in extra.items() if name != "options"})
    if inner:
        body["options"] = inner


def _message(message: chat.Message, tool_names: dict[str, str]) -> Body:
    turn: Body = {"role": _ROLES[message.role], "content": joined_text(message)}
    images = [_image(part.image) for part in message.content if part.WhichOneof("part") == "image"]
    if images:
        turn["images"] = images
    if any(part.WhichOneof("part") == "file" for part in message.content):
        raise unsupported("files: Ollama takes texts and pictures only")
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "function": {
                    "name": call.name,
                    "arguments": embedded_json(call.arguments_json, f"tool_calls.{call.name}.arguments_json"),
                }
            }
            for call in message.tool_calls
        ]
    if message.role == chat.ROLE_TOOL:
        turn["tool_name"] = message.name or tool_names.get(message.tool_call_id, "")
    return turn


def _image(image: chat.Image) -> str | LargeFile:
    if image.WhichOneof("source") == "data":
        return base64_text(image.data)
    head, comma, data = image.url.partition(",")
    if not head.startswith("data:") or not comma or not head.endswith(";base64"):
        raise unsupported("a picture by its address: Ollama takes the bytes of a picture only")
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ProviderFailure(FailureClass.INVALID_REQUEST, "a data address is not base64") from error
    return data


def _options(work: Work, window: int) -> Body:
    parameters = work.request.parameters
    options: Body = {name: getattr(parameters, name) for name in _OPTIONS if parameters.HasField(name)}
    if parameters.HasField("max_output_tokens"):
        options["num_predict"] = parameters.max_output_tokens
    if parameters.stop:
        options["stop"] = list(parameters.stop)
    needed = _window_needed(work)
    if needed > DEFAULT_WINDOW:
        options["num_ctx"] = min(needed, window) if window else needed
    return options


def _window_needed(work: Work) -> int:
    """Tokens for prompt and answer, as a power of two, so that near sizes do not reload the model.

    A quarter more than the prompt's estimate: the error is rarely larger (docs/tokens.md).
    """
    request = work.request
    pictures = sum(part.HasField("image") for message in request.messages for part in message.content)
    answer = request.parameters.max_output_tokens or ANSWER_RESERVE
    # No tokenizer makes more tokens than bytes: most prompts need no estimate.
    if not pictures and request.ByteSize() + len(work.prefill.encode()) + answer <= DEFAULT_WINDOW:
        return 0
    family = family_of(work.model)
    prompt = estimate_text("\n".join(_texts(work)), family) + pictures * estimate_image(family)
    prompt += estimate_message_overhead(family, len(request.messages), len(request.tools))
    tokens = prompt * 5 // 4 + answer
    return 1 << (tokens - 1).bit_length()


def _texts(work: Work) -> Iterator[str]:
    """All that the model reads."""
    for message in work.request.messages:
        yield joined_text(message)
        for call in message.tool_calls:
            yield call.name
            yield call.arguments_json
    for tool in work.request.tools:
        yield from (tool.name, tool.description, tool.parameters_json_schema)
    yield work.prefill


def _add_tools(body: Body, request: chat.CompletionRequest) -> None:
    choice = request.tool_choice
    if choice.tool_name or choice.mode == chat.TOOL_CHOICE_MODE_REQUIRED:
        raise unsupported("a forced tool call: with Ollama the model decides")
    if request.parameters.HasField("parallel_tool_calls") and not request.parameters.parallel_tool_calls:
        raise unsupported("parallel_tool_calls: Ollama cannot hold a model to one call")
    if not request.tools or choice.mode == chat.TOOL_CHOICE_MODE_NONE:
        return
    body["tools"] = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": embedded_json(tool.parameters_json_schema, f"tools.{tool.name}.parameters_json_schema")
                or {"type": "object", "properties": {}},
            },
        }
        for tool in request.tools
    ]


def _add_format(body: Body, wanted: chat.ResponseFormat) -> None:
    match wanted.WhichOneof("format"):
        case "json":
            body["format"] = "json"
        case "json_schema":
            body["format"] = embedded_json(wanted.json_schema.schema_json, "response_format.json_schema.schema_json")
        case _:
            return


def _add_thinking(body: Body, effort: chat.ReasoningEffort.ValueType) -> None:
    if effort == chat.REASONING_EFFORT_NONE:
        body["think"] = False
    elif effort in _LEVELS:
        levelled = str(body["model"]).startswith("gpt-oss")  # the others know only whether, not how much
        body["think"] = _LEVELS[effort] if levelled else True
