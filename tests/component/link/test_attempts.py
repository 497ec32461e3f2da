"""Attempts over real gRPC: work goes down, results come up, nobody slows his neighbour."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from router_service.domain.attempt import Failure, Usage
from router_service.domain.events import ReasoningDelta, TextDelta, ToolCallDelta
from router_service.domain.signals import Failed, Finished, Responded
from router_service.server.decisions import fill_attempt
from service_common.deadline import Deadline
from service_common.failures import FailureClass
from service_common.link import LONGEST_WAIT
from service_common.tokens import Family, estimate_text
from service_common.vocabulary import Operation, TargetState
from tests.support.fakes import KeptRecording
from tests.support.link_parts import catalogue, spec
from tests.support.scripted_worker import (
    LinkServer,
    ScriptedWorker,
    event_frame,
    failed,
    scripted_worker,
    until,
)
from trunkline.router.v1.router_service_pb2 import Embedding, EmbedRequest, EmbedResponse
from trunkline.types.v1 import attempt_pb2, chat_pb2
from trunkline.worker.v1 import worker_service_pb2 as pb

MIB = 1024 * 1024


@pytest.fixture
async def router() -> AsyncIterator[LinkServer]:
    """A router with one target."""
    async with LinkServer.listening(catalogue(spec("a/m"))) as server:
        yield server


@pytest.fixture
async def worker(router: LinkServer) -> AsyncIterator[ScriptedWorker]:
    """An attached worker."""
    async with scripted_worker(router.address) as attached:
        await attached.attach()
        yield attached


async def test_a_dispatch_carries_everything_that_the_worker_needs(router: LinkServer, worker: ScriptedWorker) -> None:
    """Body, model, times, credit, trace and sensitivity arrive as they were ordered."""
    router.start(
        "a/m",
        body=b"the request",
        prefill="so far",
        whole=True,
        deadline=Deadline.after(router.clock, 20.0),
        recording=KeptRecording("00-aa-bb-01", "vendor=1"),
    )
    dispatch = (await worker.next("dispatch")).dispatch
    assert (dispatch.model, dispatch.body, dispatch.body_size) == ("m", b"the request", 0)
    assert (dispatch.prefill, dispatch.traceparent, dispatch.tracestate) == ("so far", "00-aa-bb-01", "vendor=1")
    assert 19 <= dispatch.time_left.ToTimedelta().total_seconds() <= 20
    assert dispatch.first_token_timeout.seconds == 10
    assert dispatch.credit_bytes == 64 * 1024
    assert dispatch.operation == pb.OPERATION_COMPLETE
    assert dispatch.sensitivity == 2
    assert dispatch.whole


async def test_an_answer_arrives_in_order_with_usage_and_cost(router: LinkServer, worker: ScriptedWorker) -> None:
    """Each kind of event becomes its signal; the record holds usage, cost and times."""
    attempt = router.start("a/m")
    await worker.next("dispatch")
    call = chat_pb2.ToolCallDelta(index=0, id="c1", name="f", arguments_json="{")
    rest = chat_pb2.ToolCallDelta(index=0, arguments_json="}")
    await worker.send(
        event_frame(attempt.attempt_id, provider_responded=pb.ProviderResponded(http_status=200)),
        event_frame(attempt.attempt_id, reasoning_delta="hm"),
        event_frame(attempt.attempt_id, text_delta="Hel"),
        event_frame(attempt.attempt_id, text_delta="lo"),
        event_frame(attempt.attempt_id, tool_call_delta=call),
        event_frame(attempt.attempt_id, tool_call_delta=rest),
        event_frame(
            attempt.attempt_id,
            finished=pb.Finished(
                finish_reason=chat_pb2.FINISH_REASON_TOOL_CALLS,
                usage=chat_pb2.Usage(input_tokens=10, output_tokens=5, cached_input_tokens=4),
                provider_model="m-2026",
            ),
        ),
    )
    *pieces, last = await attempt.read()
    assert pieces == [Responded(200), ReasoningDelta("hm"), TextDelta("Hello"), ToolCallDelta(0, "c1", "f", "{}")]
    assert isinstance(last, Finished)
    assert attempt.record is not None
    outcome = attempt.record.outcome
    assert outcome.usage == Usage(10, 5, 4)
    assert outcome.cost == 6 + 2 + 10
    assert outcome.first_token is not None
    assert 0 < outcome.first_token <= outcome.latency
    assert router.kept.records == [attempt.record]
    with pytest.raises(RuntimeError, match="nothing more to read"):
        await attempt.read()


async def test_a_failure_keeps_what_the_provider_said(router: LinkServer, worker: ScriptedWorker) -> None:
    """Class, message, status and the wait that was asked for reach the record, and the target cools down."""
    attempt = router.start("a/m")
    limited = failed(attempt_pb2.FAILURE_CLASS_RATE_LIMITED, "slow down", http_status=429)
    limited.retry_after.FromMilliseconds(12_500)
    await worker.report(attempt.attempt_id, failed=limited)
    (last,) = await attempt.read()
    assert isinstance(last, Failed)
    assert last.failure == Failure(FailureClass.RATE_LIMITED, "slow down", 429, 12.5)
    row = router.table.snapshot().targets["a/m"]
    assert row.state is TargetState.COOLING
    assert row.available_at is not None
    assert 12 < row.available_at - router.clock.now() <= 12.5
    assert attempt.record is not None
    assert attempt.record.outcome.usage == Usage(estimated=True)


async def test_a_cancel_reaches_the_worker_and_its_late_usage_counts(
    router: LinkServer, worker: ScriptedWorker
) -> None:
    """The attempt settles with the failure that cancelled it and the worker's own usage."""
    attempt = router.start("a/m")
    await worker.report(attempt.attempt_id, text_delta="x" * 40)
    await attempt.read()
    known = attempt.cancel(Failure(FailureClass.CANCELLED, "the caller went away"))
    assert known.outcome.usage == Usage(100, estimate_text("x" * 40, Family.DEFAULT), estimated=True)
    cancel = (await worker.next("cancel")).cancel
    assert (cancel.attempt_id, cancel.reason) == (attempt.attempt_id, "the caller went away")
    late = failed(attempt_pb2.FAILURE_CLASS_CANCELLED, usage=chat_pb2.Usage(input_tokens=90, output_tokens=12))
    await worker.report(attempt.attempt_id, failed=late)
    await until(lambda: attempt.record is not None)
    assert attempt.record is not None
    assert attempt.record.outcome.usage == Usage(90, 12)
    assert attempt.record.outcome.cancelled
    assert router.registry.in_flight == 0


async def test_credit_is_renewed_as_the_caller_reads(router: LinkServer, worker: ScriptedWorker) -> None:
    """Nothing is granted before half of the window was read; then exactly what was read."""
    attempt = router.start("a/m")
    await worker.report(attempt.attempt_id, text_delta="é" * 8_000)
    await attempt.read()
    await worker.report(attempt.attempt_id, text_delta="x" * 20_000)
    await attempt.read()
    credit = (await worker.next("credit")).credit
    assert (credit.attempt_id, credit.bytes) == (attempt.attempt_id, 36_000)


async def test_an_unread_attempt_does_not_slow_its_neighbour(router: LinkServer, worker: ScriptedWorker) -> None:
    """With a whole window of one attempt unread, 2,000 events of another arrive, and heartbeats too."""
    unread, neighbour = router.start("a/m"), router.start("a/m")
    for _ in range(64):
        await worker.report(unread.attempt_id, text_delta="x" * 1024)
    read = 0
    for _ in range(20):
        await worker.send(*(event_frame(neighbour.attempt_id, text_delta="y") for _ in range(100)))
        await worker.heartbeat()
        async with asyncio.timeout(2):
            read += sum(len(delta.text) for delta in await neighbour.read() if isinstance(delta, TextDelta))
    await worker.report(neighbour.attempt_id, finished=pb.Finished())
    while neighbour.record is None:
        read += sum(len(delta.text) for delta in await neighbour.read() if isinstance(delta, TextDelta))
    assert read <= 2_000
    assert neighbour.record.outcome.succeeded
    assert unread.record is None


async def test_a_worker_that_ignores_its_credit_loses_the_attempt(router: LinkServer, worker: ScriptedWorker) -> None:
    """What it sends beyond twice its window ends the attempt, not the session."""
    attempt = router.start("a/m")
    for _ in range(130):
        await worker.report(attempt.attempt_id, text_delta="x" * 1024)
    await until(lambda: attempt.record is not None)
    assert attempt.record is not None
    failure = attempt.record.outcome.failure
    assert failure is not None
    assert failure.failure_class is FailureClass.STREAM_BROKEN
    assert "credit" in failure.message
    assert len(router.link.sessions) == 1


async def test_a_large_body_is_fetched_beside_the_link(router: LinkServer, worker: ScriptedWorker) -> None:
    """32 MiB arrive whole, and heartbeats and a neighbour's answer are not held up meanwhile."""
    body = bytes(range(256)) * (32 * MIB // 256)
    large, small = router.start("a/m", body=body), router.start("a/m")
    dispatch = (await worker.next("dispatch")).dispatch
    assert (dispatch.body, dispatch.body_size) == (b"", 32 * MIB)
    request = pb.FetchBodyRequest(session_id=worker.session_id, attempt_id=large.attempt_id)
    fetch = worker.stub.FetchBody(request, metadata=worker.metadata)
    chunks = [(await anext(aiter(fetch))).chunk]
    await worker.report(small.attempt_id, finished=pb.Finished())
    await small.read()
    chunks += [piece.chunk async for piece in fetch]
    assert max(map(len, chunks)) == 64 * 1024
    assert b"".join(chunks) == body


async def test_a_body_is_given_to_nobody_else(router: LinkServer, worker: ScriptedWorker) -> None:
    """Another session, a settled attempt and a wrong token get nothing."""
    attempt = router.start("a/m", body=b"x" * 100_000)

    async def fetch(session_id: str, metadata: tuple[tuple[str, str], ...]) -> grpc.StatusCode:
        request = pb.FetchBodyRequest(session_id=session_id, attempt_id=attempt.attempt_id)
        call = worker.stub.FetchBody(request, metadata=metadata)
        code: grpc.StatusCode = await call.code()
        return code

    assert await fetch("s999", worker.metadata) is grpc.StatusCode.NOT_FOUND
    assert await fetch(worker.session_id, ()) is grpc.StatusCode.UNAUTHENTICATED
    await worker.report(attempt.attempt_id, finished=pb.Finished())
    await attempt.read()
    assert await fetch(worker.session_id, worker.metadata) is grpc.StatusCode.NOT_FOUND


def embedding_of(*texts: str) -> dict[str, Any]:
    """An order for the vectors of these texts."""
    return {"operation": Operation.EMBED, "body": EmbedRequest(inputs=texts).SerializeToString()}


def vectors(*dimensions: int) -> bytes:
    """A result with one vector of each length."""
    return EmbedResponse(embeddings=[Embedding(values=[1.0] * length) for length in dimensions]).SerializeToString()


async def test_a_large_result_is_uploaded_beside_the_link(router: LinkServer, worker: ScriptedWorker) -> None:
    """An embedding of 1 MiB comes by UploadBody and is part of the last signal."""
    attempt = router.start("a/m", **embedding_of("text"))
    body = vectors(MIB // 4)

    def pieces() -> list[pb.UploadBodyRequest]:
        chunks = [body[start : start + 64 * 1024] for start in range(0, len(body), 64 * 1024)]
        head = pb.UploadBodyRequest(session_id=worker.session_id, attempt_id=attempt.attempt_id, chunk=chunks[0])
        return [head, *(pb.UploadBodyRequest(chunk=chunk) for chunk in chunks[1:])]

    uploaded = await worker.stub.UploadBody(iter(pieces()), metadata=worker.metadata)
    assert uploaded.size == len(body) > MIB
    await worker.report(attempt.attempt_id, finished=pb.Finished(body_uploaded=True))
    (last,) = await attempt.read()
    assert isinstance(last, Finished)
    assert last.body == body


async def test_a_result_of_which_no_more_comes_is_given_up() -> None:
    """The upload ends with a status that says so; nothing waits for the next piece for ever."""
    async with (
        LinkServer.listening(catalogue(spec("a/m")), piece_timeout=0.2) as router,
        scripted_worker(router.address) as worker,
    ):
        await worker.attach()
        attempt = router.start("a/m", **embedding_of("text"))
        upload = worker.stub.UploadBody(metadata=worker.metadata)
        half = pb.UploadBodyRequest(session_id=worker.session_id, attempt_id=attempt.attempt_id, chunk=b"half")
        await upload.write(half)
        assert await asyncio.wait_for(upload.code(), 20.0) is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "0.2 s" in await upload.details()


@pytest.mark.parametrize("body", [b"", b"\xff\xff", vectors(3), vectors(3, 3, 3)])
async def test_vectors_that_do_not_fit_the_texts_are_no_answer(
    router: LinkServer, worker: ScriptedWorker, body: bytes
) -> None:
    """None, too few, too many and garbage fail the attempt, so that another target may serve; the session goes on."""
    attempt = router.start("a/m", **embedding_of("one", "two"))
    await worker.report(attempt.attempt_id, finished=pb.Finished(body=body))
    (last,) = await attempt.read()
    assert isinstance(last, Failed)
    assert last.failure.failure_class is FailureClass.STREAM_BROKEN
    assert [session.lost for session in router.link.sessions] == [False]


BEYOND = 2**63 - 1


@pytest.mark.parametrize(
    "last",
    [
        {
            "finished": pb.Finished(
                usage=chat_pb2.Usage(input_tokens=BEYOND, output_tokens=BEYOND, cached_input_tokens=BEYOND)
            )
        },
        {"failed": pb.Failed(retry_after=Duration(seconds=BEYOND), usage=chat_pb2.Usage(input_tokens=BEYOND))},
        {"failed": pb.Failed(retry_after=Duration(seconds=-BEYOND), backend_wide=True)},
    ],
)
async def test_a_worker_that_exaggerates_does_no_harm(
    router: LinkServer, worker: ScriptedWorker, last: dict[str, Any]
) -> None:
    """Costs and waits beyond all bounds would fit no message, and no table could be shown any more."""
    attempt = router.start("a/m")
    await worker.report(attempt.attempt_id, **last)
    await attempt.read()
    assert attempt.record is not None
    told = attempt_pb2.Attempt()
    fill_attempt(told, attempt.record)
    assert told.ByteSize()
    assert 0 <= attempt.record.outcome.cost < 10**15
    failure = attempt.record.outcome.failure
    assert failure is None or 0 <= (failure.retry_after or 0) <= LONGEST_WAIT


async def test_a_result_that_never_came_is_a_broken_stream(router: LinkServer, worker: ScriptedWorker) -> None:
    """A worker that says it uploaded but did not cannot pass for an empty answer."""
    attempt = router.start("a/m", operation=Operation.EMBED)
    await worker.report(attempt.attempt_id, finished=pb.Finished(body_uploaded=True))
    (last,) = await attempt.read()
    assert isinstance(last, Failed)
    assert last.failure.failure_class is FailureClass.STREAM_BROKEN


async def test_bytes_that_are_no_message_are_refused(router: LinkServer, worker: ScriptedWorker) -> None:
    """Beside the link as on it: with a status that says so, once the token was shown."""
    service = "/trunkline.worker.v1.WorkerService"
    for token, status in ((worker.metadata, grpc.StatusCode.INVALID_ARGUMENT), ((), grpc.StatusCode.UNAUTHENTICATED)):
        fetch: Any = worker.channel.unary_stream(f"{service}/FetchBody")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await fetch(b"\xff\xff", metadata=token).read()
        assert refused.value.code() is status
        upload: Any = worker.channel.stream_unary(f"{service}/UploadBody")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await upload(iter([b"\xff\xff"]), metadata=token)
        assert refused.value.code() is status
