"""Traces as a real Jaeger shows them: one tree per call, from the caller's span to the provider's HTTP request."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from service_common.tracing import EXPORT_TIMEOUT_SECONDS
from tests.support.caller import TIMEOUT, Caller, ask, failure_of, routed
from tests.support.components import free_ports
from tests.support.configurations import FIRST, SECOND, Target, configuration, write_configuration
from tests.support.jaeger import Jaeger, Span, children, tree
from tests.support.router_process import RunningProcess, attached, deployment
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import chat_pb2 as chat

pytestmark = [pytest.mark.jaeger, pytest.mark.asyncio(loop_scope="module")]

METHOD = "trunkline.router.v1.RouterService"
CANARY = "canary-7f3a-in-the-prompt"
ANSWER = "canary-9b2c-in-the-answer"
MOST_ATTRIBUTES = 128
"""OpenTelemetry's limit per span."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For configuration files."""
    return tmp_path_factory.mktemp("tracing")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulated() -> AsyncIterator[SimulatedProviders]:
    """Two providers."""
    specs = [ProviderSpec(target.backend, models=(target.model,)) for target in (FIRST, SECOND)]
    async with SimulatedProviders(specs, seed=1) as providers:
        yield providers


@asynccontextmanager
async def traced(folder: Path, content: dict[str, Any], endpoint: str) -> AsyncIterator[tuple[Caller, RunningProcess]]:
    """A router and its workers as processes that export to `endpoint`."""
    config = write_configuration(folder, content)
    async with deployment(config, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}) as processes:
        router = await processes.router()
        for backend in content["backends"]:
            await processes.worker(backend)
        caller = await processes.caller()
        await attached(caller, len(content["backends"]))
        yield caller, router


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployed(folder: Path, simulated: SimulatedProviders, jaeger: Jaeger) -> AsyncIterator[Caller]:
    """A caller of a router over two targets, both traced."""
    content = configuration((FIRST, SECOND), simulated)
    async with traced(folder, content, jaeger.otlp_endpoint) as (called, _):
        yield called


@pytest.fixture
def caller(deployed: Caller, simulated: SimulatedProviders) -> Iterator[Caller]:
    """The caller, with providers that are well again afterwards."""
    yield deployed
    for name in simulated.names:
        simulated.reset_behaviour(name)


def only(spans: list[Span], kind: str, service: str) -> Span:
    """The one span of a kind and a service."""
    found = [span for span in spans if (span.kind, span.service) == (kind, service)]
    assert len(found) == 1, tree(spans)
    return found[0]


def roots(spans: list[Span]) -> list[Span]:
    """Spans whose parent is not among them."""
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id not in known]


async def test_a_call_is_one_tree_over_both_processes(caller: Caller, jaeger: Jaeger) -> None:
    """Server span, below it the decision and the attempt, below that the worker's HTTP request."""
    answer = await caller.complete(ask(labels={"team": "search"}, request_id="r-1"))
    done = answer.completed
    spans = await jaeger.wait_for_trace(done.trace_id, 4)
    assert len(spans) == 4, tree(spans)
    [server] = roots(spans)
    assert (server.name, server.kind, server.service) == (f"{METHOD}/Complete", "server", "trunkline-router")
    route, attempt = sorted(children(spans, server), key=lambda span: span.kind, reverse=True)
    assert (route.name, route.kind) == ("route", "internal")
    assert (attempt.name, attempt.kind, attempt.service) == (f"chat {FIRST.model}", "client", "trunkline-router")
    [http] = children(spans, attempt)
    assert (http.name, http.kind, http.service) == ("POST", "client", "trunkline-worker")
    assert children(spans, route) == children(spans, http) == []
    for span in spans:
        assert span.duration > 0 or span is route
        assert server.start <= span.start
        assert span.start + span.duration <= server.start + server.duration + 0.002
        assert span.status != "ERROR"


async def test_the_spans_tell_what_happened(caller: Caller, jaeger: Jaeger) -> None:
    """Semantic conventions of RPC, GenAI and HTTP, and this project's own attributes beside them."""
    answer = await caller.complete(ask(labels={"team": "search"}, request_id="r-1"))
    done = answer.completed
    spans = await jaeger.wait_for_trace(done.trace_id, 4)
    [server] = roots(spans)
    expected = {
        "rpc.system.name": "grpc",
        "rpc.method": f"{METHOD}/Complete",
        "rpc.response.status_code": "OK",
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": done.usage.input_tokens,
        "gen_ai.usage.output_tokens": done.usage.output_tokens,
        "trunkline.target": FIRST.name,
        "trunkline.attempts": 1,
        "trunkline.is_fallback": False,
        "trunkline.simulated": True,
        "trunkline.request_id": "r-1",
        "trunkline.labels": ["team=search"],
        "network.peer.address": "127.0.0.1",
    }
    assert {name: server.tags.get(name) for name in expected} == expected
    assert server.tags["network.peer.port"] > 0
    assert server.tags["trunkline.cost_usd"] == pytest.approx(done.cost_nanodollars / 1e9)
    attempt = next(span for span in children(spans, server) if span.kind == "client")
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": FIRST.model,
        "gen_ai.response.model": done.provider_model,
        "gen_ai.response.id": done.provider_request_id,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": done.usage.input_tokens,
        "gen_ai.usage.output_tokens": done.usage.output_tokens,
        "trunkline.target": FIRST.name,
        "trunkline.hop": 1,
        "trunkline.attempt.kind": "first",
        "trunkline.decision.id": done.decision_id,
        "trunkline.worker_id": "openai-1",
    }
    assert {name: attempt.tags.get(name) for name in expected} == expected
    assert 0 < attempt.tags["gen_ai.response.time_to_first_chunk"] < attempt.duration + 0.01
    assert not any(name.startswith("trunkline.replaced") for name in attempt.tags)
    [http] = children(spans, attempt)
    assert (http.tags["http.request.method"], http.tags["http.response.status_code"]) == ("POST", 200)
    assert http.tags["url.full"].endswith("/v1/chat/completions")
    assert http.tags["server.port"] > 0
    assert (http.process["trunkline.backend"], http.process["service.instance.id"]) == ("openai", "openai-1")


async def test_the_decision_is_in_the_trace(caller: Caller, jaeger: Jaeger) -> None:
    """Classification, scores and plan of `Route`, and each rejection with its filter and reason; no attempt."""
    decision = await caller.route(routed("Summarise this text.", exclude=[SECOND.name]))
    spans = await jaeger.wait_for_trace(decision.trace_id, 2)
    assert [span.name for span in spans] == [f"{METHOD}/Route", "route"]
    tags = only(spans, "internal", "trunkline-router").tags
    assert tags["trunkline.decision.id"] == decision.decision_id
    assert (tags["trunkline.profile"], tags["trunkline.picker"]) == ("ordered", "best")
    assert tags["trunkline.task"] == "summarization"
    assert tags["trunkline.sensitivity"] == "internal"
    assert tags["trunkline.plan"] == tags["trunkline.candidates"] == [FIRST.name]
    assert tags["trunkline.candidates.score"] == [pytest.approx(0.9)]
    assert tags["trunkline.scorer.quality"] == [pytest.approx(0.9)]
    assert tags["trunkline.rejections"] == [SECOND.name]
    assert len(tags["trunkline.rejections.filter"]) == len(tags["trunkline.rejections.reason"]) == 1


async def test_a_fallback_hop_says_what_it_replaced(
    caller: Caller, simulated: SimulatedProviders, jaeger: Jaeger
) -> None:
    """The failed attempt and its HTTP request are errors; the next names class and reason of the failure."""
    simulated.set_behaviour("openai", Behaviour(faults=(Fault("500", message="it broke"),)))
    done = (await caller.complete(ask())).completed
    spans = await jaeger.wait_for_trace(done.trace_id, 6)
    [server] = roots(spans)
    failed, won = [span for span in children(spans, server) if span.kind == "client"]
    assert (failed.status, failed.tags["error.type"]) == ("ERROR", "unavailable")
    assert (failed.tags["trunkline.hop"], failed.tags["http.response.status_code"]) == (1, 500)
    assert "it broke" in failed.status_message
    [http] = children(spans, failed)
    assert (http.status, http.tags["http.response.status_code"], http.tags["error.type"]) == ("ERROR", 500, "500")
    assert (won.status, won.tags["trunkline.hop"], won.tags["trunkline.attempt.kind"]) == ("UNSET", 2, "fallback")
    assert won.tags["trunkline.replaced.failure_class"] == "unavailable"
    assert "it broke" in won.tags["trunkline.replaced.reason"]
    assert (server.status, server.tags["trunkline.is_fallback"], server.tags["trunkline.attempts"]) == (
        "UNSET",
        True,
        2,
    )


async def test_the_callers_trace_is_continued(caller: Caller, jaeger: Jaeger) -> None:
    """The server span is a child of the caller's, in the caller's trace; one that is not sampled leaves nothing."""
    trace_id, parent = secrets.token_hex(16), secrets.token_hex(8)
    request = pb.CompleteRequest(completion=ask())
    sampled = (("traceparent", f"00-{trace_id}-{parent}-01"),)
    answer = await caller.router.Complete(request, timeout=TIMEOUT, metadata=sampled)
    assert answer.completed.trace_id == trace_id
    spans = await jaeger.wait_for_trace(trace_id, 4)
    [server] = roots(spans)
    assert server.parent_id == parent
    silent_id = secrets.token_hex(16)
    unsampled = (("traceparent", f"00-{silent_id}-{parent}-00"),)
    await caller.router.Complete(request, timeout=TIMEOUT, metadata=unsampled)
    await jaeger.wait_for_trace((await caller.complete(ask())).completed.trace_id, 4)
    assert await jaeger.trace(silent_id) == []


async def test_a_cancelled_calls_spans_end(caller: Caller, simulated: SimulatedProviders, jaeger: Jaeger) -> None:
    """All four spans are there, with the time until the cancel; leaving is no error of the router."""
    simulated.set_behaviour("openai", Behaviour(answer_tokens=500, tokens_per_second=50))
    call = caller.open(ask())
    trace_id = ""
    async for event in call:
        trace_id = trace_id or event.decision.trace_id
        if event.text_delta:
            break
    await asyncio.sleep(0.2)
    call.cancel()
    spans = await jaeger.wait_for_trace(trace_id, 4)
    [server] = roots(spans)
    attempt = next(span for span in children(spans, server) if span.kind == "client")
    [http] = children(spans, attempt)
    assert (server.status, server.tags["rpc.response.status_code"]) == ("UNSET", "CANCELLED")
    assert (attempt.status, attempt.tags["error.type"]) == ("UNSET", "cancelled")
    assert attempt.tags["trunkline.usage.estimated"] is True
    for span in (server, attempt, http):
        assert 0.15 < span.duration < 5.0


async def test_a_failed_calls_spans_end(caller: Caller, simulated: SimulatedProviders, jaeger: Jaeger) -> None:
    """The server span is an error with the call's status, and every attempt below it has its own."""
    for backend in ("openai", "groq"):
        simulated.set_behaviour(backend, Behaviour(faults=(Fault("cut", after_tokens=3),)))
    failure = await failure_of(caller.complete(ask()))
    spans = await jaeger.wait_for_trace(failure.error.trace_id, 6)
    [server] = roots(spans)
    assert (server.status, server.tags["rpc.response.status_code"]) == ("ERROR", "UNAVAILABLE")
    assert server.tags["error.type"] == "UNAVAILABLE"
    hops = [span for span in children(spans, server) if span.kind == "client"]
    assert [hop.tags["error.type"] for hop in hops] == ["stream_broken", "stream_broken"]
    assert all(children(spans, hop)[0].status == "ERROR" for hop in hops)


async def test_a_refused_request_has_its_span(caller: Caller, jaeger: Jaeger) -> None:
    """The caller's mistake is no error of the server, and the status can be searched for."""
    failure = await failure_of(caller.complete(chat.CompletionRequest()))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    [server] = await jaeger.wait_for_trace(failure.error.trace_id, 1)
    assert (server.status, server.tags["rpc.response.status_code"]) == ("UNSET", "INVALID_ARGUMENT")
    assert "messages" in server.tags["trunkline.error"]


def private() -> chat.CompletionRequest:
    """A request with the canary wherever text of a caller can stand."""
    request = ask(CANARY, tools=[chat.Tool(name="look_up", description=CANARY)])
    request.messages.insert(0, chat.Message(role=chat.ROLE_SYSTEM, content=[chat.ContentPart(text=CANARY)]))
    return request


def as_text(spans: list[Span]) -> str:
    """Everything that the spans hold."""
    return json.dumps([[s.name, dict(s.tags), dict(s.process), s.status_message, repr(s.events)] for s in spans])


async def test_no_text_of_caller_or_model_is_in_a_trace(folder: Path, jaeger: Jaeger) -> None:
    """By default not in names, attributes, events or messages, for answered, failed-over and broken calls alike."""
    own = folder / "private"
    own.mkdir()
    text = f"{ANSWER} and more text to follow"
    specs = [ProviderSpec(t.backend, models=(t.model,), behaviour=Behaviour(answer_text=text)) for t in (FIRST, SECOND)]
    async with SimulatedProviders(specs) as providers:
        content = configuration((FIRST, SECOND), providers)
        async with traced(own, content, jaeger.otlp_endpoint) as (caller, _):
            for faults in ((), (Fault("malformed_chunk", after_tokens=2),), (Fault("error_in_stream"),)):
                providers.set_behaviour("openai", Behaviour(answer_text=text, faults=faults))
                answer = await caller.complete(private())
                assert ANSWER in answer.text
                assert len(answer.completed.attempts) == 1 + len(faults)
                spans = await jaeger.wait_for_trace(answer.completed.trace_id, 4 + 2 * len(faults))
                assert CANARY not in as_text(spans)
                assert ANSWER not in as_text(spans)


async def test_content_is_recorded_where_it_is_configured(
    folder: Path, simulated: SimulatedProviders, jaeger: Jaeger
) -> None:
    """Prompt and answer stand in the attributes that the GenAI conventions have for them."""
    own = folder / "content"
    own.mkdir()
    simulated.set_behaviour("openai", Behaviour(answer_text=ANSWER))
    try:
        content = configuration((FIRST,), simulated, tracing={"content": True})
        async with traced(own, content, jaeger.otlp_endpoint) as (caller, _):
            done = (await caller.complete(private())).completed
            [server] = roots(await jaeger.wait_for_trace(done.trace_id, 4))
    finally:
        simulated.reset_behaviour("openai")
    messages = server.tags["gen_ai.input.messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert messages[1]["parts"] == [{"type": "text", "content": CANARY}]
    assert server.tags["gen_ai.output.messages"][0]["parts"][0]["content"] == ANSWER


async def test_content_is_the_answer_that_the_caller_was_left_with(
    folder: Path, simulated: SimulatedProviders, jaeger: Jaeger
) -> None:
    """What a reset made void is not recorded; a continuation follows what it continues."""
    own = folder / "recovered"
    own.mkdir()
    simulated.set_behaviour(
        "openai", Behaviour(answer_text="one two three four", faults=(Fault("cut", after_tokens=4),))
    )
    simulated.set_behaviour("groq", Behaviour(answer_text=ANSWER))
    recoveries = (chat.STREAM_RECOVERY_RESET, chat.STREAM_RECOVERY_CONTINUE)
    continuing = replace(SECOND, model_section={"abilities": ["prefill"]})
    try:
        content = configuration((FIRST, continuing), simulated, tracing={"content": True})
        async with traced(own, content, jaeger.otlp_endpoint) as (caller, _):
            for recovery in recoveries:
                told = await caller.stream(routed(stream_recovery=recovery))
                assert told.all("stream_reset")
                [server] = roots(await jaeger.wait_for_trace(told.completed.trace_id, 4))
                recorded = server.tags["gen_ai.output.messages"][0]["parts"][0]["content"]
                kept = "" if recovery == chat.STREAM_RECOVERY_RESET else told.text.removesuffix(ANSWER)
                assert recorded == kept + ANSWER
                assert kept or recovery == chat.STREAM_RECOVERY_RESET
    finally:
        for name in simulated.names:
            simulated.reset_behaviour(name)


async def test_sixty_targets_fit_one_span(folder: Path, jaeger: Jaeger) -> None:
    """Arrays, not an attribute per candidate: far below the limit, and all sixty are there."""
    own = folder / "many"
    own.mkdir()
    targets = tuple(Target("openai", f"model-{number:02}") for number in range(60))
    async with SimulatedProviders([ProviderSpec("openai", models=tuple(t.model for t in targets))]) as many:
        content = configuration(targets, many, default_profile="balanced")
        async with traced(own, content, jaeger.otlp_endpoint) as (caller, _):
            request = routed(exclude=[target.name for target in targets[:20]])
            decision = await caller.route(request)
            spans = await jaeger.wait_for_trace(decision.trace_id, 2)
    for span in spans:
        assert len(span.tags) < MOST_ATTRIBUTES / 2
    tags = only(spans, "internal", "trunkline-router").tags
    assert len(tags["trunkline.candidates"]) == len(tags["trunkline.scorer.cost"]) == 40
    assert len(tags["trunkline.rejections"]) == len(tags["trunkline.rejections.reason"]) == 20


async def test_a_missing_collector_costs_one_line(folder: Path, simulated: SimulatedProviders) -> None:
    """Calls are as quick as ever, the log says once where traces cannot go, and the router ends in time."""
    own = folder / "missing"
    own.mkdir()
    [port] = free_ports(1)
    content = configuration((FIRST,), simulated)
    async with traced(own, content, f"http://127.0.0.1:{port}") as (caller, router):
        await caller.complete(ask())
        took = []
        for _ in range(40):
            began = time.monotonic()
            assert (await caller.complete(ask())).completed.trace_id
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.05)
        assert sorted(took)[len(took) // 2] < 1.0  # a call that waited for an export would take that one's 5 s
        await router.said(re.compile("Traces cannot be sent"))
        await asyncio.sleep(EXPORT_TIMEOUT_SECONDS + 1)  # further exports fail meanwhile
        assert len([line for line in router.lines if "Traces cannot be sent" in line]) == 1, router.log
        assert f"127.0.0.1:{port}" in router.log
        assert "Traceback" not in router.log
        router.process.terminate()
        assert await router.ended(10.0) == 0
