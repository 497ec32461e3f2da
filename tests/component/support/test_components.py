"""The real components themselves: what other tests rely on when they use them."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from tests.support import components
from tests.support.jaeger import Jaeger, children, tree
from tests.support.ollama import Ollama


@pytest.mark.jaeger
async def test_a_trace_is_read_back_as_it_was_sent(jaeger: Jaeger) -> None:
    """Parents, kinds, attributes, events and status survive the way through Jaeger."""
    provider = TracerProvider(resource=Resource.create({"service.name": "support-test"}))
    exporter = OTLPSpanExporter(endpoint=jaeger.otlp_endpoint, insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("call", kind=SpanKind.SERVER) as root:
        with tracer.start_as_current_span("attempt", kind=SpanKind.CLIENT) as attempt:
            attempt.set_attribute("targets", ["a/b", "c/d"])
            attempt.set_attribute("hop", 2)
            attempt.add_event("first token", {"seconds": 0.5})
            attempt.set_status(Status(StatusCode.ERROR, "overloaded"))
        trace_id = f"{root.get_span_context().trace_id:032x}"
    provider.shutdown()

    spans = await jaeger.wait_for_trace(trace_id, 2)

    call, hop = spans
    assert (call.name, call.kind, call.parent_id, call.service, call.status) == (
        "call",
        "server",
        None,
        "support-test",
        "UNSET",
    )
    assert children(spans, call) == [hop]
    assert (hop.kind, hop.status, hop.status_message) == ("client", "ERROR", "overloaded")
    assert hop.tags["targets"] == ["a/b", "c/d"]
    assert hop.tags["hop"] == 2
    assert [(event.name, event.fields["seconds"]) for event in hop.events] == [("first token", 0.5)]
    assert tree(spans).splitlines() == [
        "support-test: call (server, UNSET)",
        "  support-test: attempt (client, ERROR)",
    ]
    assert "support-test" in await jaeger.services()


@pytest.mark.jaeger
async def test_a_trace_that_never_comes_is_told_apart_from_a_slow_one(jaeger: Jaeger) -> None:
    """Waiting for an unknown trace ends with how many spans there were."""
    with pytest.raises(AssertionError, match=r"has 0 of 1 spans after 0\.2 s: none"):
        await jaeger.wait_for_trace("0" * 31 + "1", 1, timeout=0.2)


@pytest.mark.ollama
def test_the_tiny_model_answers(ollama: Ollama) -> None:
    """The model made by the set-up chats, and says how many tokens that took."""
    body = {"model": ollama.model, "messages": [{"role": "user", "content": "hello"}], "stream": False}
    request = urllib.request.Request(
        f"{ollama.base_url}/api/chat", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        parsed: dict[str, Any] = json.load(answer)
    assert parsed["done"] is True
    assert parsed["message"]["content"].strip()
    assert parsed["eval_count"] > 0


def test_a_missing_component_skips_and_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without it, the test is skipped with the command that installs it."""
    monkeypatch.setenv("TRUNKLINE_COMPONENTS", str(tmp_path))
    monkeypatch.delenv(components.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="make components"):
        components.find_component("no-such-component")


def test_a_missing_component_fails_where_it_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI forbids the skip: what is missing there is a mistake of the set-up."""
    monkeypatch.setenv("TRUNKLINE_COMPONENTS", str(tmp_path))
    monkeypatch.setenv(components.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="make components"):
        components.find_model()
