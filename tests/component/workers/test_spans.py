"""The worker's span of the HTTP call, as a collector receives it."""

import asyncio
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from tests.support.worker_harness import ScriptedRouter
from tests.support.worker_processes import complete_body, question, worker_process

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(TraceServiceServicer):
    """Keeps the spans that it receives."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.came = asyncio.Event()

    async def Export(  # noqa: N802
        self, request: ExportTraceServiceRequest, context: Any
    ) -> ExportTraceServiceResponse:
        """Take spans."""
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        self.spans += [span for scope in scopes for span in scope.spans]
        self.came.set()
        return ExportTraceServiceResponse()


async def test_the_http_call_is_a_span_below_the_attempt() -> None:
    """The span continues the dispatch's trace, says where and with what status, and holds neither prompt nor key."""
    collector, server = Collector(), grpc.aio.server()
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "TRUNKLINE_BACKEND_API_KEY": "sk-secret-1234567890",
    }
    async with SimulatedProviders([ProviderSpec("openai")]) as sim, ScriptedRouter() as router:
        command = ["--backend", "openai", "--kind", "openai_wire", "--base-url", sim.base_url("openai")]
        command += ["--model", "gpt-4o-mini", "--router", router.address]
        async with worker_process(command, environment):
            worker = await router.worker()
            sim.enqueue("openai", Behaviour(), Behaviour(faults=(Fault("503"),)))
            for _ in range(2):
                parent = f"00-{TRACE}-{PARENT}-01"
                tried = worker.dispatch(complete_body(question("whisper")), "gpt-4o-mini", traceparent=parent)
                await tried.settled()
        async with asyncio.timeout(10):
            while len(calls := [span for span in collector.spans if span.trace_id.hex() == TRACE]) < 2:
                collector.came.clear()
                await collector.came.wait()
    await server.stop(None)
    for span in calls:
        attributes = {entry.key: entry.value.string_value or entry.value.int_value for entry in span.attributes}
        assert (span.name, span.kind, span.parent_span_id.hex()) == ("POST", 3, PARENT)
        assert attributes["url.full"] == f"{sim_url(attributes)}/v1/chat/completions"
        assert "whisper" not in str(span)
        assert "sk-secret" not in str(span)
    statuses = [{entry.key: entry.value.int_value for entry in span.attributes} for span in calls]
    assert sorted(status["http.response.status_code"] for status in statuses) == [200, 503]


def sim_url(attributes: dict[str, Any]) -> str:
    """The address that the span's server attributes make."""
    return f"http://{attributes['server.address']}:{attributes['server.port']}"
