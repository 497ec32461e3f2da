"""What operators have the router do beside its calls: drills and pulls, from and to the wire."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from router_service.calls.drill import Drills, RequestFor
from router_service.calls.drill_steps import DrillResult, DrillStep, ProblemKind, Verdict
from router_service.calls.pulling import Pulls
from router_service.domain.request import Request
from router_service.server.handling import CallBoundary, Context, Received, time_left
from router_service.server.requests import completion_request, embedding_request
from router_service.server.validation import check_completion, check_embedding
from router_service.server.wire import timestamp
from service_common.durations import duration
from service_common.vocabulary import Operation
from trunkline.admin.v1 import admin_service_pb2 as pb
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import chat_pb2 as chat_pb

SERVICE = pb.DESCRIPTOR.services_by_name["AdminService"].full_name
DEFAULT_PROMPT = "Reply with the single word: ready"
LONGEST_ANSWER = 64
"""Tokens of a drill's answers, so that it costs little."""


PROBLEM_KINDS = {
    None: pb.DRILL_PROBLEM_KIND_UNSPECIFIED,
    ProblemKind.FAULT: pb.DRILL_PROBLEM_KIND_FAULT,
    ProblemKind.PROMPT_UNSUITED: pb.DRILL_PROBLEM_KIND_PROMPT_UNSUITED,
    ProblemKind.NO_FALLBACK: pb.DRILL_PROBLEM_KIND_NO_FALLBACK,
}
VERDICTS = {
    None: pb.DRILL_VERDICT_UNSPECIFIED,
    Verdict.HOLDS: pb.DRILL_VERDICT_HOLDS,
    Verdict.FAULT: pb.DRILL_VERDICT_FAULT,
    Verdict.NO_FALLBACK: pb.DRILL_VERDICT_NO_FALLBACK,
    Verdict.IN_PART: pb.DRILL_VERDICT_IN_PART,
    Verdict.NOT_DRILLED: pb.DRILL_VERDICT_NOT_DRILLED,
}


@dataclass(frozen=True, slots=True)
class ErrandServicer:
    """Answers `RunDrill` and `PullModel`."""

    drills: Drills
    pulls: Pulls
    boundary: CallBoundary

    async def run_drill(
        self, received: Received[pb.RunDrillRequest], context: Context
    ) -> AsyncIterator[pb.RunDrillResponse]:
        """Each step as it is done."""
        async with self.boundary.recorded(f"{SERVICE}/RunDrill", context):
            request = received.message
            prompts = drill_request(request.prompt or DEFAULT_PROMPT)
            steps = self.drills.run(request.aliases, prompts, estimate_only=request.estimate_only)
            async with aclosing(steps):
                async for step in steps:
                    yield _step(step)

    async def pull_model(
        self, received: Received[pb.PullModelRequest], context: Context
    ) -> AsyncIterator[pb.PullModelResponse]:
        """How far the pull has come."""
        async with self.boundary.recorded(f"{SERVICE}/PullModel", context):
            pull = self.pulls.pull(received.message.target, time_left(context))
            async with aclosing(pull):
                async for progress in pull:
                    yield pb.PullModelResponse(
                        status=progress.status,
                        completed_bytes=progress.completed_bytes,
                        total_bytes=progress.total_bytes,
                    )


def drill_request(prompt: str) -> RequestFor:
    """Addresses a prompt to an alias, for an answer or to be embedded."""

    def addressed(alias: str, operation: Operation) -> Request:
        if operation is Operation.EMBED:
            embed = router_pb.EmbedRequest(inputs=[prompt], model=alias)
            check_embedding(embed)
            return embedding_request(embed, embed.SerializeToString())
        message = chat_pb.Message(role=chat_pb.ROLE_USER, content=[chat_pb.ContentPart(text=prompt)])
        parameters = chat_pb.GenerationParameters(max_output_tokens=LONGEST_ANSWER)
        routing = chat_pb.RoutingOptions(model=alias)
        completion = chat_pb.CompletionRequest(messages=[message], parameters=parameters, routing=routing)
        check_completion(completion)
        body = router_pb.CompleteRequest(completion=completion).SerializeToString()
        return completion_request(completion, body)

    return addressed


def drill_results(results: Iterable[DrillResult]) -> list[pb.DrillResult]:
    """What the newest drills came to."""
    return [
        pb.DrillResult(
            alias=result.alias,
            drilled_at=timestamp(result.drilled_at),
            holds=not result.problem,
            problem=result.problem,
        )
        for result in results
    ]


def _step(step: DrillStep) -> pb.RunDrillResponse:
    return pb.RunDrillResponse(
        alias=step.alias,
        failed_targets=step.failed,
        answered_by=step.answered_by,
        problem=step.problem,
        expected_cost_nanodollars=step.expected_cost,
        cost_nanodollars=step.cost,
        latency=duration(step.latency),
        problem_kind=PROBLEM_KINDS[step.problem_kind],
        verdict=VERDICTS[step.verdict],
    )
