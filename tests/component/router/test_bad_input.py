"""Bad requests over real gRPC: each names its field, says what would be right, and reaches no provider."""

from collections.abc import Callable
from typing import Any, cast

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from provider_workers.simulated import SimulatedProviders
from tests.component.router.conftest import Start
from tests.support.caller import Caller, ask, failure_of, routed
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import chat_pb2 as chat

Parameters = chat.GenerationParameters
Part = chat.ContentPart
Capability = chat.CapabilityRequirement


def said(*parts: chat.ContentPart, **message: Any) -> chat.CompletionRequest:
    """A request whose only message holds these parts."""
    return chat.CompletionRequest(messages=[chat.Message(**{"role": chat.ROLE_USER, "content": parts, **message})])


def tuned(**parameters: Any) -> chat.CompletionRequest:
    """A request with these generation parameters."""
    return ask(parameters=Parameters(**parameters))


ENDLESS = '{"description": "' + "x" * 2_200_000 + '"}'

BAD = {
    "no messages": (chat.CompletionRequest(), "messages", "at least one message"),
    "no role": (said(Part(text="x"), role=0), "messages[0].role", "use system"),
    "an unknown role": (said(Part(text="x"), role=77), "messages[0].role", "use system"),
    "no content": (said(), "messages[0].content", "at least one part"),
    "an empty part": (said(Part()), "messages[0].content[0]", "set text, image or file"),
    "an image without source": (
        said(Part(text="x"), Part(image=chat.Image())),
        "messages[0].content[1].image",
        "neither a URL nor bytes",
    ),
    "an image with empty bytes": (
        said(Part(image=chat.Image(data=b"", media_type="image/png"))),
        "messages[0].content[0].image",
        "neither a URL nor bytes",
    ),
    "an image with another scheme": (
        said(Part(image=chat.Image(url="file:///etc/passwd"))),
        "messages[0].content[0].image.url",
        "https://",
    ),
    "an image without media type": (
        said(Part(image=chat.Image(data=b"x"))),
        "messages[0].content[0].image.media_type",
        "image/png",
    ),
    "a file without bytes": (
        said(Part(file=chat.File(media_type="application/pdf"))),
        "messages[0].content[0].file.data",
        "empty",
    ),
    "a tool result of no call": (
        said(Part(text="x"), role=chat.ROLE_TOOL),
        "messages[0].tool_call_id",
        "names the call",
    ),
    "a tool without a name": (ask(tools=[chat.Tool()]), "tools[0].name", "needs a name"),
    "a tool name with a blank": (ask(tools=[chat.Tool(name="a b")]), "tools[0].name", "letters, digits"),
    "a tool twice": (ask(tools=[chat.Tool(name="a"), chat.Tool(name="a")]), "tools[1].name", "twice"),
    "a tool schema that is no JSON": (
        ask(tools=[chat.Tool(name="a", parameters_json_schema="{")]),
        "tools[0].parameters_json_schema",
        "no JSON",
    ),
    "a chosen tool that is not offered": (
        ask(tool_choice=chat.ToolChoice(tool_name="nope")),
        "tool_choice.tool_name",
        "not among the tools",
    ),
    "a schema that is no object": (
        ask(response_format=chat.ResponseFormat(json_schema=chat.JsonSchemaFormat(schema_json="[]"))),
        "response_format.json_schema.schema_json",
        "object",
    ),
    "a temperature above 2": (tuned(temperature=2.01), "parameters.temperature", "at most 2"),
    "a temperature below 0": (tuned(temperature=-0.1), "parameters.temperature", "at least 0"),
    "a temperature that is no number": (tuned(temperature=float("nan")), "parameters.temperature", "out of range"),
    "an answer beyond every limit": (
        tuned(max_output_tokens=20_000_000),
        "parameters.max_output_tokens",
        "20,000,000 is out of range: at least 1, at most 10,000,000",
    ),
    "a top_p of 0": (tuned(top_p=0), "parameters.top_p", "above 0"),
    "a top_k of 0": (tuned(top_k=0), "parameters.top_k", "at least 1"),
    "a penalty above 2": (tuned(presence_penalty=3), "parameters.presence_penalty", "at most 2"),
    "no output tokens": (tuned(max_output_tokens=0), "parameters.max_output_tokens", "at least 1"),
    "negative output tokens": (tuned(max_output_tokens=-5), "parameters.max_output_tokens", "at least 1"),
    "an empty stop string": (tuned(stop=["a", ""]), "parameters.stop[1]", "empty"),
    "too many stop strings": (tuned(stop=["x"] * 17), "parameters.stop", "at most 16"),
    "an unknown reasoning effort": (tuned(reasoning_effort=99), "parameters.reasoning_effort", "no known value"),
    "a negative cost": (routed(max_cost_nanodollars=-1), "routing.max_cost_nanodollars", "at least 0"),
    "a cost beyond a million dollars": (
        routed(max_cost_nanodollars=2**60),
        "routing.max_cost_nanodollars",
        "out of range",
    ),
    "a latency of 0": (routed(max_latency=Duration()), "routing.max_latency", "above 0"),
    "a negative latency": (routed(max_latency=Duration(seconds=-1)), "routing.max_latency", "above 0"),
    "a latency beyond all bounds": (
        routed(max_latency=Duration(seconds=2**62)),
        "routing.max_latency",
        "at most",
    ),
    "a latency that is no duration": (
        routed(max_latency=Duration(seconds=1, nanos=2_000_000_000)),
        "routing.max_latency",
        "nanos",
    ),
    "a quality above 1": (routed(required_quality=1.5), "routing.required_quality", "at most 1"),
    "a rating of 11": (
        routed(required_capabilities=[Capability(name="coding", min_rating=11)]),
        "routing.required_capabilities[0].min_rating",
        "at most 10",
    ),
    "a capability without a name": (
        routed(required_capabilities=[Capability()]),
        "routing.required_capabilities[0].name",
        "empty",
    ),
    "an unknown sensitivity": (routed(sensitivity=9), "routing.sensitivity", "no known value"),
    "a required region without a name": (routed(region_required=True), "routing.region", "name the region"),
    "an unknown profile": (routed(profile="orderd"), "routing.profile", '"ordered"'),
    "an unknown alias": (routed(model="fst"), "routing.model", '"fast"'),
    "an unknown target": (routed(model="openai/gpt-4"), "routing.model", '"openai/gpt-4o"'),
    "an unknown target that is excluded": (routed(exclude=["opnai"]), "routing.exclude[0]", '"openai"'),
    "an unknown capability": (
        routed(required_capabilities=[Capability(name="codng")]),
        "routing.required_capabilities[0].name",
        '"coding"',
    ),
    "a label that is too long": (ask(labels={"k": "v" * 257}), "labels[k]", "256"),
    "provider options that are no JSON": (
        ask(provider_options={"openai": "nope"}),
        "provider_options[openai]",
        "no JSON",
    ),
    "a tool choice of a later version": (
        ask(tool_choice=chat.ToolChoice(mode=cast(Any, 55))),
        "tool_choice.mode",
        "no known value",
    ),
    "an image detail of a later version": (
        said(Part(image=chat.Image(url="https://x/y", detail=cast(Any, 66)))),
        "messages[0].content[0].image.detail",
        "no known value",
    ),
    "a schema without a bottom": (
        ask(tools=[chat.Tool(name="a", parameters_json_schema='{"a":' * 100_000)]),
        "tools[0].parameters_json_schema",
        "too deeply",
    ),
    "provider options with what is no number": (
        ask(provider_options={"openai": '{"top_p": NaN}'}),
        "provider_options[openai]",
        "NaN",
    ),
    "provider options with half a character": (
        ask(provider_options={"openai": '{"user": "\\ud83d"}'}),
        "provider_options[openai]",
        "half of a character",
    ),
    "an endless name": (routed(model="m" * 1_000_000), "routing.model", "at most 256"),
    "an endless name in a list": (routed(allow=["openai", "m" * 300]), "routing.allow[1]", "at most 256"),
    "an endless list of names": (routed(exclude=["x"] * 10_000), "routing.exclude", "at most 256"),
    "more messages than anybody means": (
        chat.CompletionRequest(messages=list(ask().messages) * 10_001),
        "messages",
        "there are 10,001; at most 10,000 are allowed",
    ),
    "more parts than anybody means": (
        said(*[Part(text="x")] * 20_001),
        "messages",
        "hold 20,001 parts and tool calls; at most 20,000 are allowed",
    ),
    "more tools than anybody means": (
        ask(tools=[chat.Tool(name=f"t{index}") for index in range(1_025)]),
        "tools",
        "there are 1,025; at most 1,024 are allowed",
    ),
    "schemas of tools without an end": (
        ask(tools=[chat.Tool(name=f"t{index}", parameters_json_schema=ENDLESS) for index in range(2)]),
        "tools",
        "characters of JSON; at most 4,194,304 are allowed",
    ),
    "a schema without an end": (
        ask(response_format=chat.ResponseFormat(json_schema=chat.JsonSchemaFormat(schema_json=2 * ENDLESS))),
        "response_format.json_schema.schema_json",
        "characters of JSON; at most 4,194,304 are allowed",
    ),
    "provider options without an end": (
        ask(provider_options={"openai": 2 * ENDLESS}),
        "provider_options",
        "characters of JSON; at most 4,194,304 are allowed",
    ),
    "a request id that is too long": (ask(request_id="x" * 257), "request_id", "256"),
}

BadRow = tuple[chat.CompletionRequest, str, str]


@pytest.fixture
async def caller(start: Start) -> Any:
    """A caller of a router with one alias."""
    async with start(aliases={"fast": ["groq/llama-3.3-70b-versatile"]}) as (_, called):
        yield called


@pytest.mark.parametrize("row", BAD.values(), ids=BAD.keys())
async def test_a_mistake_names_its_field_and_reaches_no_provider(
    caller: Caller, simulated: SimulatedProviders, row: BadRow
) -> None:
    """Streamed, unary and dry: INVALID_ARGUMENT, the field and what would be right, in both kinds of detail."""
    completion, field, description = row
    calls: list[Callable[[], Any]] = [
        lambda: caller.router.Complete(pb.CompleteRequest(completion=completion)),
        lambda: caller.router.Route(pb.RouteRequest(completion=completion)),
        lambda: caller.stream(completion),
    ]
    for call in calls:
        failure = await failure_of(call())
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT, failure.message
        assert failure.reason == failure.error.reason == "INVALID_REQUEST"
        assert list(failure.fields) == [field]
        assert description in failure.fields[field]
        assert field in failure.message
        assert not failure.error.attempts
    assert simulated.requests() == []


async def test_an_embedding_s_mistake_is_named_by_its_own_fields(caller: Caller) -> None:
    """`EmbedRequest` has no `routing`: its model is `model`, whoever finds that there is no such."""
    for model, said in (("fst", '"fast"'), ("", "is empty"), ("m" * 300, "at most 256")):
        failure = await failure_of(caller.router.Embed(pb.EmbedRequest(model=model, inputs=["x"])))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert list(failure.fields) == ["model"]
        assert said in failure.fields["model"]
        assert "routing" not in failure.message
    request = pb.EmbedRequest(model="fast", inputs=["x"], request_id="x" * 257)
    assert "256" in (await failure_of(caller.router.Embed(request))).fields["request_id"]


async def test_all_mistakes_are_named_at_once(caller: Caller) -> None:
    """Nobody has to send a request three times to learn three mistakes."""
    wrong = tuned(temperature=9, max_output_tokens=0)
    wrong.tools.add()
    failure = await failure_of(caller.complete(wrong))
    assert set(failure.fields) == {"tools[0].name", "parameters.temperature", "parameters.max_output_tokens"}


@pytest.mark.parametrize(
    "completion",
    [
        ask(labels={"k" * 100_000: "v"}),
        ask(provider_options={"b" * 100_000: "nope"}),
        ask(tools=[chat.Tool(name="a b" * 100_000)]),
        routed(exclude=[f"{'ä' * 200}{index}" for index in range(200)]),
        chat.CompletionRequest(messages=[chat.Message()] * 10_000),
    ],
    ids=["label", "backend", "tool", "names", "messages"],
)
async def test_a_status_is_never_too_large_to_arrive(caller: Caller, completion: chat.CompletionRequest) -> None:
    """However much is wrong, the caller learns its mistake: a status over the limit arrives as RESOURCE_EXHAUSTED."""
    failure = await failure_of(caller.complete(completion))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.fields
    assert failure.error.message == failure.message


async def test_a_request_that_is_no_request_at_all_is_refused(caller: Caller, simulated: SimulatedProviders) -> None:
    """Bytes that cannot be read are the caller's mistake, not a failure of the router."""
    refused = 0
    for service in (pb.DESCRIPTOR.services_by_name["RouterService"], admin.DESCRIPTOR.services_by_name["AdminService"]):
        for method in service.methods:
            failure = await failure_of(caller.raw(f"/{service.full_name}/{method.name}", b"\xff\xff\xff\xff"))
            if failure.code is grpc.StatusCode.UNIMPLEMENTED:
                continue  # of a later version
            assert failure.code is grpc.StatusCode.INVALID_ARGUMENT, method.full_name
            assert "cannot be read" in failure.message
            refused += 1
    assert refused >= 19
    assert simulated.requests() == []


async def test_a_message_over_the_limit_is_refused(start: Start, simulated: SimulatedProviders) -> None:
    """RESOURCE_EXHAUSTED with both sizes, nothing is sent, and the connection serves on."""
    async with start(router={"max_message": "100KiB"}) as (_, caller):
        failure = await failure_of(caller.complete(ask("x" * 200_000)))
        assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "102400" in failure.message
        assert simulated.requests() == []
        assert (await caller.complete(ask())).completed.target == "openai/gpt-4o"


async def test_a_deadline_that_nobody_should_keep_is_tried_on_the_fastest(caller: Caller) -> None:
    """An estimate may be wrong: where all are too long, one target is asked, with a warning; a century is fine."""
    answer = await caller.complete(ask(), timeout=0.7)
    assert "every target typically takes longer than" in answer.decision.warnings[0]
    answer = await caller.complete(ask(), timeout=3e9)
    assert answer.completed.target == "openai/gpt-4o"
    assert not any("takes longer" in warning for warning in answer.decision.warnings)


async def test_what_is_not_there_says_so(caller: Caller) -> None:
    """A procedure of no service of the router is UNIMPLEMENTED."""
    failure = await failure_of(caller.raw("/trunkline.router.v1.RouterService/Nope", b""))
    assert failure.code is grpc.StatusCode.UNIMPLEMENTED
