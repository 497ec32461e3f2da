"""From keyword arguments to the request that goes over the wire; sync and async clients share it.

What the wire cannot carry is refused here; everything else is the router's to judge, which knows the configuration.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from trunkline._wire import Number, WireEnum, duration_of, number_of
from trunkline._words import did_you_mean
from trunkline.errors import ErrorDetails, InvalidRequest, Violation
from trunkline.messages import File, Image, JsonSchema, Message, Part, Prompt, Tool
from trunkline.money import to_nanodollars
from trunkline.options import Capabilities, CompletionOptions, EmbeddingOptions
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.types.v1 import chat_pb2, classification_pb2

T = TypeVar("T")

_PLAIN_PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "max_output_tokens",
    "parallel_tool_calls",
)
_PLAIN_ROUTING = (
    "model",
    "profile",
    "domain",
    "required_quality",
    "min_context_tokens",
    "exclude",
    "allow",
    "region",
    "region_required",
    "affinity_key",
    "priority",
)
_PLAIN_REQUEST = ("request_id", "idempotency_key", "labels")
_PLAIN_EMBEDDING = ("dimensions", "request_id", "labels")


def refuse(field: str, description: str) -> InvalidRequest:
    """The error for one mistake that was found before anything was sent."""
    return InvalidRequest(
        f"{field}: {description}", ErrorDetails(reason="INVALID_REQUEST", violations=(Violation(field, description),))
    )


def _checked(field: str, convert: Callable[[], T]) -> T:
    """What `convert` gives; its ValueError or TypeError becomes the refusal of `field`."""
    try:
        return convert()
    except UnicodeEncodeError as error:
        raise refuse(field, f"holds what is no UTF-8 text, such as {error.object[error.start]!a}") from error
    except (ValueError, TypeError) as error:
        raise refuse(field, str(error)) from error


def completion_request(prompt: Prompt, options: CompletionOptions) -> chat_pb2.CompletionRequest:
    """The request for a prompt with its options.

    Raises:
        InvalidRequest: an option cannot be expressed; nothing was sent.
        TypeError: there is no option of that name.
    """
    _check_names(options, CompletionOptions)
    return _checked("request", lambda: _completion(prompt, options))


def _completion(prompt: Prompt, options: CompletionOptions) -> chat_pb2.CompletionRequest:
    given = cast(Mapping[str, Any], options)
    request = chat_pb2.CompletionRequest(
        messages=_checked("messages", lambda: _messages(prompt, options.get("system"))),
        tools=[_tool(index, tool) for index, tool in enumerate(options.get("tools", ()))],
        parameters=_parameters(options),
        routing=_routing(options),
        provider_options=_provider_options(options),
        **_present(given, _PLAIN_REQUEST),
    )
    if "tool_choice" in options:
        request.tool_choice.CopyFrom(_tool_choice(options["tool_choice"]))
    if "response_format" in options:
        request.response_format.CopyFrom(_response_format(options["response_format"]))
    return request


def _check_names(options: CompletionOptions | EmbeddingOptions, kind: type[Any]) -> None:
    """Make sure that every option is one of its kind.

    Raises:
        TypeError: one is not.
    """
    known = list(kind.__annotations__)
    for name in sorted(options.keys() - set(known)):
        raise TypeError(f'there is no option "{name}".{did_you_mean(name, known)}')


def _provider_options(options: CompletionOptions | EmbeddingOptions) -> dict[str, str]:
    """Backend names with the options for each as JSON."""
    given = options.get("provider_options") or {}
    return _checked("provider_options", lambda: {name: json.dumps(value) for name, value in given.items()})


def _present(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The options of these names that were given; None means not given."""
    return {name: options[name] for name in names if options.get(name) is not None}


def _word(name: str, word: str | None, enum: WireEnum[Number]) -> Number:
    """The member that `word`, given as the option `name`, means; the unspecified one where none was given."""
    return enum.values()[0] if word is None else _checked(name, lambda: number_of(enum, word))


def _messages(prompt: Prompt, system: str | None) -> list[chat_pb2.Message]:
    """The conversation, the instructions first."""
    if isinstance(prompt, str):
        turns = [Message("user", prompt)]
    elif isinstance(prompt, Message):
        turns = [prompt]
    else:
        turns = list(prompt)
    if system is not None:
        turns.insert(0, Message("system", system))
    return [_message(index, turn) for index, turn in enumerate(turns)]


def _message(index: int, turn: Message) -> chat_pb2.Message:
    """One turn; `index` is for the mistakes."""
    path = f"messages[{index}]"
    parts = [turn.content] if isinstance(turn.content, str) else list(turn.content)
    if turn.role in ("assistant", "tool"):  # a turn of calls only has no text at all
        parts = [part for part in parts if part != ""]
    return chat_pb2.Message(
        role=_checked(f"{path}.role", lambda: number_of(chat_pb2.Role, turn.role)),
        content=[_part(f"{path}.content[{position}]", part) for position, part in enumerate(parts)],
        tool_calls=[
            chat_pb2.ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json)
            for call in turn.tool_calls
        ],
        tool_call_id=turn.tool_call_id,
        name=turn.name,
    )


def _part(path: str, part: Part) -> chat_pb2.ContentPart:
    """One part of a message."""
    if isinstance(part, str):
        return chat_pb2.ContentPart(text=part)
    if isinstance(part, File):
        return chat_pb2.ContentPart(file=chat_pb2.File(data=part.data, media_type=part.media_type, name=part.name))
    if not isinstance(part, Image):
        raise refuse(path, f"a part is a str, an Image or a File, not {type(part).__name__}")
    if (part.url is None) == (part.data is None):
        raise refuse(path, "an image has either a url or data, exactly one of them")
    detail = chat_pb2.IMAGE_DETAIL_UNSPECIFIED
    if part.detail is not None:
        wanted = part.detail
        detail = _checked(path, lambda: number_of(chat_pb2.ImageDetail, wanted))
    image = chat_pb2.Image(media_type=part.media_type, detail=detail)
    if part.url is not None:
        image.url = part.url
    elif part.data is not None:
        image.data = part.data
    return chat_pb2.ContentPart(image=image)


def _tool(index: int, tool: Tool) -> chat_pb2.Tool:
    """One function that the model may call."""
    schema = _checked(f"tools[{index}].parameters", lambda: json.dumps(tool.parameters))
    return chat_pb2.Tool(
        name=tool.name,
        description=tool.description,
        parameters_json_schema="" if tool.parameters is None else schema,
        strict=tool.strict,
    )


def _tool_choice(choice: str) -> chat_pb2.ToolChoice:
    """A mode, or the function that must be called."""
    if choice in ("auto", "none", "required"):
        mode = number_of(chat_pb2.ToolChoiceMode, choice)
        return chat_pb2.ToolChoice(mode=mode)
    return chat_pb2.ToolChoice(tool_name=choice)


def _response_format(shape: str | JsonSchema) -> chat_pb2.ResponseFormat:
    """The shape of the answer."""
    if isinstance(shape, JsonSchema):
        schema = _checked("response_format.schema", lambda: json.dumps(shape.schema))
        return chat_pb2.ResponseFormat(
            json_schema=chat_pb2.JsonSchemaFormat(name=shape.name, schema_json=schema, strict=shape.strict)
        )
    if shape == "json":
        return chat_pb2.ResponseFormat(json=chat_pb2.JsonFormat())
    if shape == "text":
        return chat_pb2.ResponseFormat(text=chat_pb2.TextFormat())
    raise refuse("response_format", f'"{shape}" is neither "text" nor "json" nor a JsonSchema')


def _parameters(options: CompletionOptions) -> chat_pb2.GenerationParameters:
    """Sampling and limits."""
    stop = options.get("stop", ())
    effort = _word("reasoning_effort", options.get("reasoning_effort"), chat_pb2.ReasoningEffort)
    plain = _present(cast(Mapping[str, Any], options), _PLAIN_PARAMETERS)
    return _checked(
        "parameters",
        lambda: chat_pb2.GenerationParameters(
            stop=[stop] if isinstance(stop, str) else stop,
            reasoning_effort=effort,
            **plain,
        ),
    )


def _routing(options: CompletionOptions) -> chat_pb2.RoutingOptions:
    """What the caller wants of the routing."""
    plain = _present(cast(Mapping[str, Any], options), _PLAIN_ROUTING)
    task = _word("task", options.get("task"), classification_pb2.Task)
    complexity = _word("complexity", options.get("complexity"), classification_pb2.Complexity)
    sensitivity = _word("sensitivity", options.get("sensitivity"), classification_pb2.Sensitivity)
    recovery = _word("recovery", options.get("recovery"), chat_pb2.StreamRecovery)
    routing = _checked(
        "routing",
        lambda: chat_pb2.RoutingOptions(
            task=task,
            complexity=complexity,
            sensitivity=sensitivity,
            stream_recovery=recovery,
            required_capabilities=_capabilities(options.get("require", ())),
            preferred_capabilities=_capabilities(options.get("prefer", ())),
            **plain,
        ),
    )
    if (max_cost := options.get("max_cost")) is not None:
        routing.max_cost_nanodollars = _checked("max_cost", lambda: to_nanodollars(max_cost))
    if (per_1k := options.get("max_cost_per_1k")) is not None:
        routing.max_cost_per_1k_nanodollars = _checked("max_cost_per_1k", lambda: to_nanodollars(per_1k))
    if (max_latency := options.get("max_latency")) is not None:
        routing.max_latency.CopyFrom(_checked("max_latency", lambda: duration_of(max_latency)))
    return routing


def _capabilities(wanted: Capabilities) -> list[chat_pb2.CapabilityRequirement]:
    """Capabilities with their least rating, or names alone."""
    pairs = wanted.items() if isinstance(wanted, Mapping) else [(name, None) for name in wanted]
    return [chat_pb2.CapabilityRequirement(name=name, min_rating=rating) for name, rating in pairs]


def embed_request(inputs: str | Sequence[str], model: str, options: EmbeddingOptions) -> router_pb2.EmbedRequest:
    """The request for vectors.

    Raises:
        InvalidRequest: an option cannot be expressed; nothing was sent.
        TypeError: there is no option of that name.
    """
    _check_names(options, EmbeddingOptions)
    given = cast(Mapping[str, Any], options)
    level = _word("sensitivity", options.get("sensitivity"), classification_pb2.Sensitivity)
    return _checked(
        "embed",
        lambda: router_pb2.EmbedRequest(
            inputs=[inputs] if isinstance(inputs, str) else inputs,
            model=model,
            sensitivity=level,
            provider_options=_provider_options(options),
            **_present(given, _PLAIN_EMBEDDING),
        ),
    )
