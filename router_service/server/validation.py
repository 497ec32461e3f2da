"""Mistakes in a request, all of them at once, each with its field and what would be right.

What names a target, alias, profile or capability is the engine's to check: it knows the configuration.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.duration_pb2 import Duration

from router_service.domain.errors import InvalidRequest, Violation
from service_common.durations import NANO
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import chat_pb2 as chat_pb
from trunkline.types.v1 import classification_pb2 as classification_pb

TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
MAX_STOPS = 16
MAX_LABELS = 32
MAX_LABEL_KEY_BYTES = 64
MAX_LABEL_VALUE_BYTES = 256
MAX_IDENTIFIER_CHARACTERS = 256
MAX_INPUTS = 2048
MAX_MESSAGES = 10_000
MAX_PARTS = 20_000
"""Parts and tool calls of all messages. The router looks at each: a million would hold up its other calls."""
MAX_TOOLS = 1_024
MAX_JSON_CHARACTERS = 4 * 1024 * 1024
"""Of all tools' schemas, of all provider options, or of the answer's schema; each is parsed."""
MAX_NAMES = 256
"""Targets or capabilities in one list; each that is unknown is compared with all that are known."""
MAX_OUTPUT_TOKENS = 10_000_000
MAX_COST_NANODOLLARS = 10**15
MAX_LATENCY_SECONDS = 365 * 24 * 3600
ROLES = frozenset(chat_pb.Role.values()) - {chat_pb.ROLE_UNSPECIFIED}
IMAGE_SCHEMES = ("http://", "https://", "data:")


def check_completion(completion: chat_pb.CompletionRequest) -> None:
    """Refuse a completion request that has mistakes.

    Raises:
        InvalidRequest: with every violation found.
    """
    _refuse(_completion(completion))


def check_embedding(embed: router_pb.EmbedRequest) -> None:
    """Refuse an embedding request that has mistakes.

    Raises:
        InvalidRequest: with every violation found.
    """
    _refuse(_embedding(embed))


def check_outcome(report: router_pb.ReportOutcomeRequest) -> None:
    """Refuse an outcome report that has mistakes.

    Raises:
        InvalidRequest: with every violation found.
    """
    _refuse(_outcome(report))


def _refuse(violations: Iterable[Violation]) -> None:
    found = tuple(violations)
    if found:
        raise InvalidRequest(found)


def _completion(completion: chat_pb.CompletionRequest) -> Iterator[Violation]:
    yield from _messages(completion)
    yield from _tools(completion)
    if completion.HasField("response_format"):
        yield from _response_format(completion.response_format)
    if completion.HasField("parameters"):
        yield from _parameters(completion.parameters)
    if completion.HasField("routing"):
        yield from _routing(completion.routing)
    yield from _labels(completion.labels.items())
    yield from _provider_options(completion.provider_options)
    for name, value in (("request_id", completion.request_id), ("idempotency_key", completion.idempotency_key)):
        yield from _length(name, value)


def _messages(completion: chat_pb.CompletionRequest) -> Iterator[Violation]:
    messages = completion.messages
    if not messages:
        yield Violation("messages", "there are none; send at least one message with content")
    if len(messages) > MAX_MESSAGES:
        yield Violation("messages", f"there are {len(messages):,}; at most {MAX_MESSAGES:,} are allowed")
        return  # they are not looked at one by one
    parts = sum(len(message.content) + len(message.tool_calls) for message in messages)
    if parts > MAX_PARTS:
        yield Violation("messages", f"hold {parts:,} parts and tool calls; at most {MAX_PARTS:,} are allowed")
        return
    for index, message in enumerate(messages):
        yield from _message(f"messages[{index}]", message)


def _message(path: str, message: chat_pb.Message) -> Iterator[Violation]:
    if message.role not in ROLES:
        yield Violation(f"{path}.role", "is not set; use system, developer, user, assistant or tool")
    if not message.content and not message.tool_calls:
        yield Violation(f"{path}.content", "is empty; give it at least one part")
    if message.role == chat_pb.ROLE_TOOL and not message.tool_call_id:
        yield Violation(f"{path}.tool_call_id", "is missing; a tool message names the call that it answers")
    for index, call in enumerate(message.tool_calls):
        if not call.name:
            yield Violation(f"{path}.tool_calls[{index}].name", "is empty")
    for index, part in enumerate(message.content):
        yield from _part(f"{path}.content[{index}]", part)


def _part(path: str, part: chat_pb.ContentPart) -> Iterator[Violation]:
    kind = part.WhichOneof("part")
    if kind is None:
        yield Violation(path, "is empty; set text, image or file")
    elif kind == "image":
        yield from _image(f"{path}.image", part.image)
    elif kind == "file":
        if not part.file.data:
            yield Violation(f"{path}.file.data", "is empty")
        if not part.file.media_type:
            yield Violation(f"{path}.file.media_type", "is missing; name the type, such as application/pdf")


def _image(path: str, image: chat_pb.Image) -> Iterator[Violation]:
    if image.detail not in chat_pb.ImageDetail.values():
        yield Violation(f"{path}.detail", f"{image.detail} is no known value")
    source = image.WhichOneof("source")
    if source is None or not (image.url or image.data):
        yield Violation(path, "has neither a URL nor bytes; set url or data")
    elif source == "url" and not image.url.startswith(IMAGE_SCHEMES):
        yield Violation(f"{path}.url", "is no address; it begins with http://, https:// or data:")
    elif source == "data" and not image.media_type:
        yield Violation(f"{path}.media_type", "is missing; name the type, such as image/png")


def _tools(completion: chat_pb.CompletionRequest) -> Iterator[Violation]:
    if len(completion.tools) > MAX_TOOLS:
        yield Violation("tools", f"there are {len(completion.tools):,}; at most {MAX_TOOLS:,} are allowed")
        return
    too_long = tuple(_json_length("tools", (tool.parameters_json_schema for tool in completion.tools)))
    if too_long:
        yield from too_long
        return
    names: set[str] = set()
    for index, tool in enumerate(completion.tools):
        path = f"tools[{index}]"
        if not tool.name:
            yield Violation(f"{path}.name", "is empty; every tool needs a name")
        elif TOOL_NAME.fullmatch(tool.name) is None:
            yield Violation(f"{path}.name", f'"{tool.name}" has other characters than letters, digits, _, - and .')
        elif tool.name in names:
            yield Violation(f"{path}.name", f'"{tool.name}" is there twice')
        names.add(tool.name)
        if tool.parameters_json_schema:
            yield from _json_object(f"{path}.parameters_json_schema", tool.parameters_json_schema)
    chosen = completion.tool_choice
    if chosen.WhichOneof("choice") == "tool_name" and chosen.tool_name not in names:
        yield Violation("tool_choice.tool_name", f'"{chosen.tool_name}" is not among the tools')
    if chosen.mode not in chat_pb.ToolChoiceMode.values():
        yield Violation("tool_choice.mode", f"{chosen.mode} is no known value")
    if chosen.mode == chat_pb.TOOL_CHOICE_MODE_REQUIRED and not completion.tools:
        yield Violation("tool_choice.mode", "a call is required, but there are no tools")


def _response_format(response: chat_pb.ResponseFormat) -> Iterator[Violation]:
    if response.WhichOneof("format") == "json_schema":
        path, schema = "response_format.json_schema.schema_json", response.json_schema.schema_json
        yield from tuple(_json_length(path, (schema,))) or _json_object(path, schema)


def _parameters(parameters: chat_pb.GenerationParameters) -> Iterator[Violation]:
    yield from _between("parameters.temperature", parameters, 0, 2)
    yield from _between("parameters.top_p", parameters, 0, 1, above=True)
    yield from _between("parameters.top_k", parameters, 1, 2**31 - 1)
    yield from _between("parameters.frequency_penalty", parameters, -2, 2)
    yield from _between("parameters.presence_penalty", parameters, -2, 2)
    yield from _between("parameters.max_output_tokens", parameters, 1, MAX_OUTPUT_TOKENS)
    if parameters.reasoning_effort not in chat_pb.ReasoningEffort.values():
        yield Violation("parameters.reasoning_effort", f"{parameters.reasoning_effort} is no known value")
    if len(parameters.stop) > MAX_STOPS:
        yield Violation("parameters.stop", f"has {len(parameters.stop)} strings; at most {MAX_STOPS} are allowed")
    for index, stop in enumerate(parameters.stop):
        if not stop:
            yield Violation(f"parameters.stop[{index}]", "is empty")


def _routing(routing: chat_pb.RoutingOptions) -> Iterator[Violation]:
    for field, enum in (
        ("task", classification_pb.Task),
        ("complexity", classification_pb.Complexity),
        ("sensitivity", classification_pb.Sensitivity),
        ("stream_recovery", chat_pb.StreamRecovery),
    ):
        if getattr(routing, field) not in enum.values():
            yield Violation(f"routing.{field}", f"{getattr(routing, field)} is no known value")
    yield from _between("routing.max_cost_nanodollars", routing, 0, MAX_COST_NANODOLLARS)
    yield from _between("routing.max_cost_per_1k_nanodollars", routing, 0, MAX_COST_NANODOLLARS)
    yield from _between("routing.required_quality", routing, 0, 1)
    yield from _between("routing.min_context_tokens", routing, 0, 2**40)
    if routing.HasField("max_latency"):
        yield from _latency("routing.max_latency", routing.max_latency)
    yield from _names(routing)
    if routing.region_required and not routing.region:
        yield Violation("routing.region", "is empty, but region_required is set; name the region")


def _names(routing: chat_pb.RoutingOptions) -> Iterator[Violation]:
    for field in ("model", "profile", "domain", "region", "affinity_key"):
        yield from _length(f"routing.{field}", getattr(routing, field))
    for field in ("exclude", "allow", "required_capabilities", "preferred_capabilities"):
        if len(getattr(routing, field)) > MAX_NAMES:
            said = f"there are {len(getattr(routing, field))}; at most {MAX_NAMES} are allowed"
            yield Violation(f"routing.{field}", said)
            return  # their names are not looked at one by one
    for field in ("exclude", "allow"):
        for index, name in enumerate(getattr(routing, field)):
            yield from _length(f"routing.{field}[{index}]", name)
    for field in ("required_capabilities", "preferred_capabilities"):
        for index, capability in enumerate(getattr(routing, field)):
            path = f"routing.{field}[{index}]"
            if not capability.name:
                yield Violation(f"{path}.name", "is empty")
            yield from _length(f"{path}.name", capability.name)
            yield from _between(f"{path}.min_rating", capability, 1, 10)


def _length(path: str, text: str) -> Iterator[Violation]:
    if len(text) > MAX_IDENTIFIER_CHARACTERS:
        yield Violation(path, f"has {len(text)} characters; at most {MAX_IDENTIFIER_CHARACTERS} are allowed")


def _latency(path: str, latency: Duration) -> Iterator[Violation]:
    if latency.seconds < 0 or latency.nanos < 0 or (latency.seconds == 0 and latency.nanos == 0):
        yield Violation(path, "is not above 0")
    elif latency.seconds > MAX_LATENCY_SECONDS:
        yield Violation(path, f"{latency.seconds} s is out of range: above 0, at most {MAX_LATENCY_SECONDS} s")
    elif latency.nanos >= NANO:
        yield Violation(path, f"has {latency.nanos} nanos, which make more than a second; carry it over to seconds")


def _embedding(embed: router_pb.EmbedRequest) -> Iterator[Violation]:
    if not embed.inputs:
        yield Violation("inputs", "there are none; send at least one text")
    if len(embed.inputs) > MAX_INPUTS:
        yield Violation("inputs", f"there are {len(embed.inputs)}; at most {MAX_INPUTS} are allowed")
    for index, text in enumerate(embed.inputs[: MAX_INPUTS + 1]):
        if not text:
            yield Violation(f"inputs[{index}]", "is empty")
    if not embed.model:
        yield Violation("model", "is empty; name a target, an alias or a model: vectors of two models do not compare")
    for name, value in (("model", embed.model), ("request_id", embed.request_id)):
        yield from _length(name, value)
    yield from _between("dimensions", embed, 1, 100_000)
    if embed.sensitivity not in classification_pb.Sensitivity.values():
        yield Violation("sensitivity", f"{embed.sensitivity} is no known value")
    yield from _labels(embed.labels.items())
    yield from _provider_options(embed.provider_options)


def _outcome(report: router_pb.ReportOutcomeRequest) -> Iterator[Violation]:
    if not report.decision_id:
        yield Violation("decision_id", "is empty; give the one that came with the answer")
    if not 0 <= report.quality <= 1:
        yield Violation("quality", f"{report.quality:g} is not between 0 and 1")
    yield from _labels(report.labels.items())


def _between(
    path: str,
    message: chat_pb.GenerationParameters
    | chat_pb.RoutingOptions
    | chat_pb.CapabilityRequirement
    | router_pb.EmbedRequest,
    low: float,
    high: float,
    *,
    above: bool = False,
) -> Iterator[Violation]:
    """A violation where the field at the end of `path` is set and out of range (NaN is)."""
    field = path.rpartition(".")[2]
    if not message.HasField(field):  # type: ignore[arg-type]
        return
    value = getattr(message, field)
    if not (low < value if above else low <= value) or not value <= high:
        bound = "above" if above else "at least"
        yield Violation(path, f"{_figure(value)} is out of range: {bound} {_figure(low)}, at most {_figure(high)}")


def _figure(value: float) -> str:
    """A number as people write it: whole ones in full."""
    return f"{int(value):,}" if abs(value) < 1e16 and value == int(value) else f"{value:g}"


def _labels(labels: Iterable[tuple[str, str]]) -> Iterator[Violation]:
    pairs = list(labels)
    if len(pairs) > MAX_LABELS:
        yield Violation("labels", f"there are {len(pairs)}; at most {MAX_LABELS} are allowed")
        return
    for key, value in pairs:
        if not key or len(key.encode()) > MAX_LABEL_KEY_BYTES:
            yield Violation("labels", f'the key "{key[:20]}" is empty or longer than {MAX_LABEL_KEY_BYTES} bytes')
        if len(value.encode()) > MAX_LABEL_VALUE_BYTES:
            yield Violation(f"labels[{key}]", f"is longer than {MAX_LABEL_VALUE_BYTES} bytes")


def _provider_options(given: Mapping[str, str]) -> Iterator[Violation]:
    too_long = tuple(_json_length("provider_options", given.values()))
    yield from too_long
    for backend, options in () if too_long else given.items():
        yield from _json_object(f"provider_options[{backend}]", options)


def _json_length(path: str, texts: Iterable[str]) -> Iterator[Violation]:
    length = sum(map(len, texts))
    if length > MAX_JSON_CHARACTERS:
        yield Violation(path, f"{length:,} characters of JSON; at most {MAX_JSON_CHARACTERS:,} are allowed")


def _json_object(path: str, text: str) -> Iterator[Violation]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        if HALF_A_CHARACTER.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        yield Violation(path, "holds half of a character (a lone \\ud800 to \\udfff), which no UTF-8 text can hold")
    except ValueError as mistake:
        yield Violation(path, f"is no JSON: {mistake}")
    except RecursionError:
        yield Violation(path, "is nested too deeply")
    else:
        if not isinstance(value, dict):
            yield Violation(path, f"is a JSON {type(value).__name__}; an object is needed")


def _refuse_constant(name: str) -> None:
    """Python reads NaN and Infinity, which no JSON has.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is no number in JSON")
