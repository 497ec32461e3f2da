"""A request as the body of `POST /chat/completions`."""

from typing import Any

from provider_workers.backends.base import Work
from provider_workers.backends.content import (
    data_url,
    embedded_json,
    image_media_type,
    joined_text,
    only_text,
    passed_through,
    unsupported,
)
from provider_workers.backends.openai_wire.dialects import Dialect, Prefill
from provider_workers.settings import BackendSettings
from trunkline.types.v1 import chat_pb2 as chat

Body = dict[str, Any]

_DETAILS = {chat.IMAGE_DETAIL_LOW: "low", chat.IMAGE_DETAIL_HIGH: "high"}
_EFFORTS = {
    chat.REASONING_EFFORT_NONE: "none",
    chat.REASONING_EFFORT_MINIMAL: "minimal",
    chat.REASONING_EFFORT_LOW: "low",
    chat.REASONING_EFFORT_MEDIUM: "medium",
    chat.REASONING_EFFORT_HIGH: "high",
}
_TOOL_CHOICES = {
    chat.TOOL_CHOICE_MODE_AUTO: "auto",
    chat.TOOL_CHOICE_MODE_NONE: "none",
    chat.TOOL_CHOICE_MODE_REQUIRED: "required",
}
_ROLES = {
    chat.ROLE_SYSTEM: "system",
    chat.ROLE_USER: "user",
    chat.ROLE_ASSISTANT: "assistant",
    chat.ROLE_TOOL: "tool",
}


def chat_body(work: Work, settings: BackendSettings, dialect: Dialect) -> Body:
    """The body of a streamed chat completion.

    Raises:
        ProviderFailure: `UNSUPPORTED`, the dialect has no word for something asked; `INVALID_REQUEST`, a JSON string
            in the request is not a JSON object.
    """
    request = work.request
    body: Body = {
        "model": work.model,
        "messages": [_message(message, dialect) for message in request.messages],
        "stream": True,
    }
    if dialect.stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.HasField("parameters"):
        _add_parameters(body, request.parameters, dialect)
    if request.tools:
        _add_tools(body, request)
    if request.HasField("response_format"):
        _add_format(body, request.response_format)
    if work.prefill:
        _add_prefill(body, work.prefill, dialect)
    body.update(settings.options)
    body.update(passed_through(request.provider_options, settings.name))
    return body


def _message(message: chat.Message, dialect: Dialect) -> Body:
    role = message.role
    if role == chat.ROLE_DEVELOPER:
        turn: Body = {"role": "developer" if dialect.developer_role else "system"}
    else:
        turn = {"role": _ROLES[role]}
    if only_text(message):
        turn["content"] = joined_text(message) if message.content or not message.tool_calls else None
    else:
        turn["content"] = [_part(part) for part in message.content]
    if message.name:
        turn["name"] = message.name
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_json or "{}"},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _part(part: chat.ContentPart) -> Body:
    match part.WhichOneof("part"):
        case "image":
            image = part.image
            url = image.url or data_url(image.data, image_media_type(image))
            picture: Body = {"url": url}
            if image.detail in _DETAILS:
                picture["detail"] = _DETAILS[image.detail]
            return {"type": "image_url", "image_url": picture}
        case "file":
            media_type = part.file.media_type or "application/octet-stream"
            return {
                "type": "file",
                "file": {"filename": part.file.name or "file", "file_data": data_url(part.file.data, media_type)},
            }
        case _:
            return {"type": "text", "text": part.text}


def _add_parameters(body: Body, parameters: chat.GenerationParameters, dialect: Dialect) -> None:
    for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty", "parallel_tool_calls"):
        if parameters.HasField(name):
            body[name] = getattr(parameters, name)
    if parameters.HasField("seed"):
        body[dialect.seed] = parameters.seed
    if parameters.HasField("max_output_tokens"):
        body[dialect.max_tokens] = parameters.max_output_tokens
    if parameters.HasField("top_k"):
        if not dialect.top_k:
            raise unsupported("top_k: this provider has no such parameter")
        body["top_k"] = parameters.top_k
    if parameters.stop:
        body["stop"] = list(parameters.stop)
    if parameters.reasoning_effort in _EFFORTS:
        body["reasoning_effort"] = _EFFORTS[parameters.reasoning_effort]


def _add_tools(body: Body, request: chat.CompletionRequest) -> None:
    body["tools"] = [_tool(tool) for tool in request.tools]
    choice = request.tool_choice
    if choice.WhichOneof("choice") == "tool_name":
        body["tool_choice"] = {"type": "function", "function": {"name": choice.tool_name}}
    elif choice.mode in _TOOL_CHOICES:
        body["tool_choice"] = _TOOL_CHOICES[choice.mode]


def _tool(tool: chat.Tool) -> Body:
    function: Body = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    schema = embedded_json(tool.parameters_json_schema, f"tools.{tool.name}.parameters_json_schema")
    function["parameters"] = schema or {"type": "object", "properties": {}}
    if tool.HasField("strict"):
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _add_format(body: Body, wanted: chat.ResponseFormat) -> None:
    match wanted.WhichOneof("format"):
        case "json":
            body["response_format"] = {"type": "json_object"}
        case "json_schema":
            schema: Body = {
                "name": wanted.json_schema.name or "answer",
                "schema": embedded_json(wanted.json_schema.schema_json, "response_format.json_schema.schema_json"),
            }
            if wanted.json_schema.HasField("strict"):
                schema["strict"] = wanted.json_schema.strict
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        case _:
            return


def _add_prefill(body: Body, prefill: str, dialect: Dialect) -> None:
    turn: Body = {"role": "assistant", "content": prefill}
    match dialect.prefill:
        case Prefill.NONE:
            raise unsupported("this provider cannot continue a text that was begun")
        case Prefill.PREFIX:
            turn["prefix"] = True
        case Prefill.VLLM:
            body["continue_final_message"] = True
            body["add_generation_prompt"] = False
        case Prefill.PLAIN:
            pass
    body["messages"].append(turn)
