"""From the wire to the router's own request values. Validation comes first: see `validation.py`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from router_service.domain.errors import InvalidRequest, Violation
from router_service.domain.request import CapabilityRequirement, PromptMessage, Request, RoutingOptions
from service_common.durations import seconds
from service_common.vocabulary import Complexity, Operation, Sensitivity, StreamRecovery, Task
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import chat_pb2 as chat_pb

ROLES = {
    chat_pb.ROLE_SYSTEM: "system",
    chat_pb.ROLE_DEVELOPER: "developer",
    chat_pb.ROLE_USER: "user",
    chat_pb.ROLE_ASSISTANT: "assistant",
    chat_pb.ROLE_TOOL: "tool",
}


def completion_request(completion: chat_pb.CompletionRequest, body: bytes, *, whole: bool = False) -> Request:
    """The request as the stages see it.

    Args:
        completion: a valid request.
        body: the serialised `CompleteRequest` that the worker gets, as it came.
        whole: the caller sees nothing before the end: a broken answer is always begun anew, whatever it says.
    """
    recovery = StreamRecovery.RESET if whole else None
    images = files = 0
    messages = []
    for message in completion.messages:
        texts = []
        for part in message.content:
            kind = part.WhichOneof("part")
            if kind == "text":
                texts.append(part.text)
            elif kind == "image":
                images += 1
            else:
                files += 1
        texts.extend(call.arguments_json for call in message.tool_calls)
        messages.append(PromptMessage(ROLES[message.role], texts[0] if len(texts) == 1 else "\n".join(texts)))
    parameters = completion.parameters
    answer_format = completion.response_format.WhichOneof("format")
    return Request(
        operation=Operation.COMPLETE,
        body=body,
        messages=tuple(messages),
        images=images,
        files=files,
        tools=len(completion.tools),
        tools_characters=sum(_tool_characters(tool) for tool in completion.tools),
        json_schema=answer_format == "json_schema",
        json_answer=answer_format == "json",
        reasoning=parameters.reasoning_effort > chat_pb.REASONING_EFFORT_NONE,
        max_output_tokens=parameters.max_output_tokens if parameters.HasField("max_output_tokens") else None,
        seeded=parameters.HasField("seed"),
        whole=whole,
        options=routing_options(completion.routing, recovery)
        if completion.HasField("routing")
        else RoutingOptions(stream_recovery=recovery),
        labels=dict(completion.labels),
        request_id=completion.request_id,
        idempotency_key=completion.idempotency_key,
        fingerprint=fingerprint(completion) if completion.idempotency_key else b"",
    )


def probe_prompt() -> bytes:
    """The shortest request there is, for a target that cannot be asked otherwise whether it serves."""
    message = chat_pb.Message(role=chat_pb.ROLE_USER, content=[chat_pb.ContentPart(text="ping")])
    parameters = chat_pb.GenerationParameters(max_output_tokens=1)
    completion = chat_pb.CompletionRequest(messages=[message], parameters=parameters)
    return router_pb.CompleteRequest(completion=completion).SerializeToString()


def fingerprint(completion: chat_pb.CompletionRequest) -> bytes:
    """What two requests have in common that ask the same: everything but the caller's own identifier of the request."""
    same = chat_pb.CompletionRequest()
    same.CopyFrom(completion)
    same.ClearField("request_id")
    return sha256(same.SerializeToString(deterministic=True)).digest()


def embedding_request(embed: router_pb.EmbedRequest, body: bytes) -> Request:
    """An embedding as the stages see it: one user message per text."""
    sensitivity = Sensitivity(embed.sensitivity) if embed.sensitivity else None
    return Request(
        operation=Operation.EMBED,
        body=body,
        messages=tuple(PromptMessage("user", text) for text in embed.inputs),
        options=RoutingOptions(model=embed.model, sensitivity=sensitivity),
        labels=dict(embed.labels),
        request_id=embed.request_id,
    )


@contextmanager
def embedding_fields() -> Iterator[None]:
    """Around what names mistakes by a completion's fields: an embedding has no `routing`, its fields stand alone.

    Raises:
        InvalidRequest: as raised inside, with an embedding's fields.
    """
    try:
        yield
    except InvalidRequest as error:
        named = (Violation(found.field.removeprefix("routing."), found.description) for found in error.violations)
        raise InvalidRequest(tuple(named)) from error


def routing_options(options: chat_pb.RoutingOptions, recovery: StreamRecovery | None = None) -> RoutingOptions:
    """What the caller wants of the routing; `recovery` counts in place of what it says, where there is one."""
    has = options.HasField
    if recovery is None and options.stream_recovery:
        recovery = StreamRecovery(options.stream_recovery)
    return RoutingOptions(
        model=options.model,
        profile=options.profile,
        task=Task(options.task) if options.task else None,
        complexity=Complexity(options.complexity) if options.complexity else None,
        sensitivity=Sensitivity(options.sensitivity) if options.sensitivity else None,
        domain=options.domain,
        max_cost=options.max_cost_nanodollars if has("max_cost_nanodollars") else None,
        max_cost_per_1k=options.max_cost_per_1k_nanodollars if has("max_cost_per_1k_nanodollars") else None,
        max_latency=seconds(options.max_latency) if has("max_latency") else None,
        required_quality=options.required_quality if has("required_quality") else None,
        required_capabilities=_capabilities(options.required_capabilities),
        preferred_capabilities=_capabilities(options.preferred_capabilities),
        min_context=options.min_context_tokens if has("min_context_tokens") else None,
        exclude=tuple(options.exclude),
        allow=tuple(options.allow),
        region=options.region,
        region_required=options.region_required,
        stream_recovery=recovery,
        affinity_key=options.affinity_key,
        priority=options.priority,
    )


def _capabilities(requirements: Iterable[chat_pb.CapabilityRequirement]) -> tuple[CapabilityRequirement, ...]:
    return tuple(
        CapabilityRequirement(r.name, r.min_rating if r.HasField("min_rating") else None) for r in requirements
    )


def _tool_characters(tool: chat_pb.Tool) -> int:
    return len(tool.name) + len(tool.description) + len(tool.parameters_json_schema)
