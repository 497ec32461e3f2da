"""A collector for benchmarks: takes OTLP over gRPC, counts the spans, keeps nothing.

    python -m tests.bench.otlp_sink

Prints its address. `bench.Sink/Count` answers with the count in eight bytes.
"""

import asyncio
import sys

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

COUNT = "/bench.Sink/Count"


async def serve() -> None:
    """Run until killed."""
    spans = 0

    async def export(request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:
        nonlocal spans
        spans += sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
        return ExportTraceServiceResponse()

    async def count(request: bytes, context: object) -> bytes:
        return spans.to_bytes(8, "big")

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "opentelemetry.proto.collector.trace.v1.TraceService",
                {
                    "Export": grpc.unary_unary_rpc_method_handler(
                        export, ExportTraceServiceRequest.FromString, ExportTraceServiceResponse.SerializeToString
                    )
                },
            ),
            grpc.method_handlers_generic_handler("bench.Sink", {"Count": grpc.unary_unary_rpc_method_handler(count)}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def spans_at(address: str) -> int:
    """How many spans the sink at `address` has taken."""
    with grpc.insecure_channel(address) as channel:
        count: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(COUNT)
        return int.from_bytes(count(b"", timeout=5.0), "big")


if __name__ == "__main__":
    asyncio.run(serve())
