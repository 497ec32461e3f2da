"""`trunkline.router.v1.RouterService`: what applications call. Validates, converts, and leaves the rest to `calls`."""

from contextlib import aclosing
from typing import Any

import grpc
from msgspec.structs import asdict

from router_service.calls.completion import Calls
from router_service.calls.idempotency import IdempotentCalls
from router_service.domain.events import Completed
from router_service.server.catalogue import models_response
from router_service.server.decisions import fill_decision
from router_service.server.events import Collector, embedding_response, event_message
from router_service.server.handling import CallBoundary, Context, Received, receive, serialise, time_left
from router_service.server.requests import completion_request, embedding_fields, embedding_request
from router_service.server.validation import check_completion, check_embedding, check_outcome
from trunkline.router.v1 import router_service_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["RouterService"].full_name


class RouterServicer:
    """Answers applications."""

    def __init__(self, calls: Calls, repeats: IdempotentCalls, boundary: CallBoundary) -> None:
        """Serve `calls`, each inside `boundary`; completions, which may be repeated, through `repeats`."""
        self._calls = calls
        self._repeats = repeats
        self._boundary = boundary

    async def route(self, received: Received[pb.RouteRequest], context: Context) -> pb.RouteResponse:
        """Decide only."""
        async with self._boundary.recorded(f"{SERVICE}/Route", context) as recording:
            check_completion(received.message.completion)
            request = completion_request(received.message.completion, received.body)
            decision = self._calls.route(request, recording, time_left(context))
            response = pb.RouteResponse()
            fill_decision(response.decision, decision, recording.trace_id)
            return response

    async def complete(self, received: Received[pb.CompleteRequest], context: Context) -> pb.CompleteResponse:
        """The collected stream. Its caller has seen nothing, so a failed provider is always replaced."""
        async with self._boundary.recorded(f"{SERVICE}/Complete", context) as recording:
            check_completion(received.message.completion)
            request = completion_request(received.message.completion, received.body, whole=True)
            collector = Collector()
            async with aclosing(self._repeats.stream(request, recording, time_left(context))) as events:
                async for event in events:
                    collector.add(event)
            return collector.answer()

    async def stream_complete(self, received: Received[pb.StreamCompleteRequest], context: Context) -> None:
        """The answer as it comes."""
        async with self._boundary.recorded(f"{SERVICE}/StreamComplete", context) as recording:
            check_completion(received.message.completion)
            request = completion_request(received.message.completion, received.body)
            async with aclosing(self._repeats.stream(request, recording, time_left(context))) as events:
                async for event in events:
                    await context.write(event_message(event))

    async def embed(self, received: Received[pb.EmbedRequest], context: Context) -> pb.EmbedResponse:
        """Vectors, from the same model elsewhere where a provider fails."""
        async with self._boundary.recorded(f"{SERVICE}/Embed", context) as recording:
            check_embedding(received.message)
            request = embedding_request(received.message, received.body)
            completed: Completed | None = None
            events = self._calls.stream(request, recording, time_left(context))
            with embedding_fields():
                async with aclosing(events):
                    async for event in events:
                        if isinstance(event, Completed):
                            completed = event
            assert completed is not None
            return embedding_response(completed)

    async def count_tokens(self, received: Received[pb.CountTokensRequest], context: Context) -> pb.CountTokensResponse:
        """Estimates, per target that the request names or per model family."""
        async with self._boundary.recorded(f"{SERVICE}/CountTokens", context):
            check_completion(received.message.completion)
            counts = self._calls.count_tokens(completion_request(received.message.completion, received.body))
            return pb.CountTokensResponse(counts=[pb.TokenCount(**asdict(count)) for count in counts])

    async def report_outcome(
        self, received: Received[pb.ReportOutcomeRequest], context: Context
    ) -> pb.ReportOutcomeResponse:
        """A caller's judgement of an earlier answer, which counts for the quality of the target that gave it."""
        async with self._boundary.recorded(f"{SERVICE}/ReportOutcome", context):
            report = received.message
            check_outcome(report)
            target = self._calls.judgements.report(report.decision_id, report.quality)
            return pb.ReportOutcomeResponse(target=target)

    async def list_models(self, received: Received[pb.ListModelsRequest], context: Context) -> pb.ListModelsResponse:
        """The targets with facts, prices and state."""
        async with self._boundary.recorded(f"{SERVICE}/ListModels", context):
            return models_response(
                self._calls.engine().catalogue, self._calls.table.snapshot(), received.message.backend
            )


def router_handlers(servicer: RouterServicer) -> grpc.GenericRpcHandler:
    """The service's procedures. Requests that are passed on keep their bytes, so they are not registered as generated.

    A procedure that is not listed answers UNIMPLEMENTED.
    """
    unary = grpc.unary_unary_rpc_method_handler
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Route": unary(servicer.route, receive(pb.RouteRequest), serialise),
        "Complete": unary(servicer.complete, receive(pb.CompleteRequest), serialise),
        "StreamComplete": grpc.unary_stream_rpc_method_handler(
            servicer.stream_complete, receive(pb.StreamCompleteRequest), serialise
        ),
        "Embed": unary(servicer.embed, receive(pb.EmbedRequest), serialise),
        "CountTokens": unary(servicer.count_tokens, receive(pb.CountTokensRequest), serialise),
        "ReportOutcome": unary(servicer.report_outcome, receive(pb.ReportOutcomeRequest), serialise),
        "ListModels": unary(servicer.list_models, receive(pb.ListModelsRequest), serialise),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)
