"""The client against a real gRPC server on loopback that plays a script."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator

import grpc
import pytest
from google.protobuf.message import Message

from tests.support.scripted_router import Failure, ScriptedRouter, Wait, completed, table_of
from trunkline import (
    AsyncClient,
    CallFailed,
    Client,
    Completed,
    DeadlineExceeded,
    Decided,
    Exhausted,
    InternalError,
    InvalidRequest,
    NoTarget,
    ProtocolError,
    TextDelta,
    TrunklineError,
    Unavailable,
    Unimplemented,
)
from trunkline.admin.v1 import admin_service_pb2 as admin_pb2
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.types.v1 import attempt_pb2

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def all_failed() -> attempt_pb2.CallError:
    """What a router says when two targets failed."""
    error = attempt_pb2.CallError(reason="TIMEOUT_IDLE", message="2 targets failed", decision_id="d9", trace_id="t9")
    for number, failure in enumerate((attempt_pb2.FAILURE_CLASS_RATE_LIMITED, attempt_pb2.FAILURE_CLASS_TIMEOUT_IDLE)):
        attempt = error.attempts.add(number=number + 1, target=f"b{number}/m", failure_class=failure)
        attempt.outcome = attempt_pb2.ATTEMPT_OUTCOME_FAILED
        attempt.latency.FromMilliseconds(84)
    error.retry_after.FromSeconds(12)
    return error


async def test_complete(router: ScriptedRouter, client: AsyncClient) -> None:
    """A whole answer has its text, figures and decision; the request arrived with its options and a deadline."""
    events = completed("Hello")
    router.script.answers["Complete"] = router_pb2.CompleteResponse(
        text="Hello", completed=events[-1].completed, decision=events[0].decision
    )
    answer = await client.complete("hi", model="fast", timeout=3.0, traceparent=TRACEPARENT)
    assert (answer.text, answer.finish_reason, answer.target) == ("Hello", "stop", "openai/gpt-4o-mini")
    assert str(answer.cost_usd) == "0.00013"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 34)
    assert [attempt.outcome for attempt in answer.attempts] == ["succeeded"]
    assert answer.decision.plan == ("openai/gpt-4o-mini",)
    assert router.script.requests[0].completion.routing.model == "fast"
    assert router.script.metadata[0]["traceparent"] == TRACEPARENT
    assert router.script.deadlines[0] is not None
    assert router.script.deadlines[0] <= 3.0


async def test_every_call_has_a_deadline(router: ScriptedRouter, client: AsyncClient) -> None:
    """Without a timeout of its own a call takes the client's."""
    router.script.answers["Route"] = router_pb2.RouteResponse(decision=completed("Hello")[0].decision)
    await client.route("hi")
    assert router.script.deadlines[0] is not None
    assert 4.0 < router.script.deadlines[0] < 6.0


async def test_stream_yields_events_and_the_answer(router: ScriptedRouter, client: AsyncClient) -> None:
    """Events come in order, `Completed` last; the stream then knows the whole answer."""
    router.script.answers["StreamComplete"] = completed("Hel|lo")
    async with client.stream("hi") as stream:
        events = [event async for event in stream]
    assert [type(event) for event in events] == [Decided, TextDelta, TextDelta, Completed]
    assert stream.answer.text == "Hello"


async def test_stream_cut_without_its_end_raises(router: ScriptedRouter, client: AsyncClient) -> None:
    """A stream that ends with OK but without `completed` is no answer."""
    router.script.answers["StreamComplete"] = completed("Hel|lo")[:-1]
    with pytest.raises(ProtocolError, match="not whole"):
        await client.stream("hi").collect()


async def test_completed_counts_only_with_status_ok(router: ScriptedRouter, client: AsyncClient) -> None:
    """A failure after `completed` is a failure: the event is held back until the status is known."""
    router.script.answers["StreamComplete"] = [*completed("Hello"), Failure(grpc.StatusCode.INTERNAL, "broke")]
    stream = client.stream("hi")
    seen = [type(await anext(stream)), type(await anext(stream))]
    with pytest.raises(InternalError, match="broke"):
        await anext(stream)
    assert seen == [Decided, TextDelta]


async def test_leaving_a_stream_cancels_the_call(router: ScriptedRouter, client: AsyncClient) -> None:
    """The router learns at once that nobody reads any more."""
    router.script.answers["StreamComplete"] = [*completed("Hello")[:2], Wait(30)]
    async with client.stream("hi") as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    await asyncio.wait_for(router.script.ended.wait(), 2)


async def test_cancelling_the_task_cancels_the_call(router: ScriptedRouter, client: AsyncClient) -> None:
    """`CancelledError` passes through, and the router learns of it."""
    router.script.answers["StreamComplete"] = [Wait(30)]
    task = asyncio.create_task(client.stream("hi").collect())
    await asyncio.wait_for(router.script.asked.wait(), 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(router.script.ended.wait(), 2)


async def test_failed_call_carries_its_attempts(router: ScriptedRouter, client: AsyncClient) -> None:
    """The error names every attempt, when to come back, the decision and the trace."""
    router.script.answers["Complete"] = Failure(grpc.StatusCode.UNAVAILABLE, "2 targets failed", all_failed())
    with pytest.raises(CallFailed, match="2 targets failed") as caught:
        await client.complete("hi")
    error = caught.value
    assert [(a.target, a.failure_class, a.outcome) for a in error.attempts] == [
        ("b0/m", "rate_limited", "failed"),
        ("b1/m", "timeout_idle", "failed"),
    ]
    assert (error.retry_after, error.decision_id, error.trace_id) == (12.0, "d9", "t9")
    assert (error.reason, error.details.status) == ("TIMEOUT_IDLE", "UNAVAILABLE")


def tried(reason: str) -> attempt_pb2.CallError:
    """An account of a call that failed for this reason after one attempt."""
    return attempt_pb2.CallError(reason=reason, attempts=[attempt_pb2.Attempt(number=1, target="a/b")])


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (
            Failure(grpc.StatusCode.INVALID_ARGUMENT, "x", attempt_pb2.CallError(reason="INVALID_REQUEST")),
            InvalidRequest,
        ),
        (Failure(grpc.StatusCode.FAILED_PRECONDITION, "x", attempt_pb2.CallError(reason="NO_TARGET")), NoTarget),
        (Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "x", attempt_pb2.CallError(reason="NEWER")), Exhausted),
        (Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "x", tried("RATE_LIMITED")), CallFailed),
        (Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "x", tried("EXHAUSTED")), Exhausted),
        (Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "x"), Exhausted),
        (Failure(grpc.StatusCode.UNIMPLEMENTED, "x"), Unimplemented),
        (Failure(grpc.StatusCode.UNKNOWN, "x"), InternalError),
        (Failure(grpc.StatusCode.INTERNAL, "x", raw_details=b"\xff\xff"), ProtocolError),
    ],
)
async def test_statuses_become_exceptions(
    router: ScriptedRouter, client: AsyncClient, failure: Failure, kind: type[TrunklineError]
) -> None:
    """The router's own reason decides, then the status; details that cannot be read are said to be so."""
    router.script.answers["Complete"] = failure
    with pytest.raises(TrunklineError) as caught:
        await client.complete("hi")
    assert type(caught.value) is kind


async def test_deadline(router: ScriptedRouter, client: AsyncClient) -> None:
    """A stream that falls silent ends with the call's deadline."""
    router.script.answers["StreamComplete"] = [Wait(30)]
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await client.stream("hi", timeout=0.2).collect()
    assert time.monotonic() - began < 2


async def test_no_router_is_said_at_once() -> None:
    """Nobody listens: the error names the address and comes long before the deadline."""
    began = time.monotonic()
    async with AsyncClient("127.0.0.1:1", timeout=30) as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await client.complete("hi")
    assert time.monotonic() - began < 5


async def test_a_draining_router_gets_no_new_calls(router: ScriptedRouter, client: AsyncClient) -> None:
    """Client health checking: once the router says NOT_SERVING, calls fail without reaching it."""
    router.script.answers["GetTable"] = table_of("openai/gpt-4o-mini")
    assert [row.target for row in await client.table()] == ["openai/gpt-4o-mini"]
    await router.serving(False)
    await asyncio.sleep(0.2)
    with pytest.raises(Unavailable, match="takes no calls now: it is starting or stopping") as failed:
        await client.table()
    assert failed.value.reason == "NOT_SERVING"
    assert len(router.script.requests) == 1


async def test_table_watch(router: ScriptedRouter, client: AsyncClient) -> None:
    """The table comes again after every change, until the caller has seen enough."""
    rows = table_of("openai/gpt-4o-mini").rows
    router.script.answers["WatchTable"] = [admin_pb2.WatchTableResponse(rows=rows)] * 2 + [Wait(30)]
    seen = []
    watch = client.watch_table(0.5)
    async for table in watch:
        seen.append([row.state for row in table])
        if len(seen) == 2:
            break
    await watch.aclose()
    assert seen == [["ready"], ["ready"]]
    assert router.script.requests[0].min_interval.ToMilliseconds() == 500
    await asyncio.wait_for(router.script.ended.wait(), 2)


async def test_sync_client_does_the_same(router: ScriptedRouter) -> None:
    """`Client` answers, streams, watches and fails as `AsyncClient` does."""
    events = completed("Hel|lo")
    router.script.answers["StreamComplete"] = events
    router.script.answers["Complete"] = Failure(grpc.StatusCode.UNAVAILABLE, "failed", all_failed())
    router.script.answers["GetTable"] = table_of("a/b")
    router.script.answers["ListWorkers"] = admin_pb2.ListWorkersResponse(
        workers=[admin_pb2.WorkerInfo(backend="a", worker_id="w")]
    )
    router.script.answers["CountTokens"] = router_pb2.CountTokensResponse(
        counts=[router_pb2.TokenCount(family="llama", input_tokens=3)]
    )

    def use() -> None:
        with Client(router.address, timeout=5) as client:
            with client.stream("hi") as stream:
                assert [type(event) for event in stream] == [Decided, TextDelta, TextDelta, Completed]
            assert stream.answer.text == "Hello"
            with pytest.raises(CallFailed) as caught:
                client.complete("hi")
            assert len(caught.value.attempts) == 2
            assert client.table()[0].backend == "a"
            assert client.workers()[0].backend == "a"
            assert client.count_tokens("hi")[0].input_tokens == 3

    await asyncio.to_thread(use)


async def test_sync_stream_left_early_is_cancelled(router: ScriptedRouter) -> None:
    """Leaving the `with` of a sync stream reaches the router too."""
    router.script.answers["StreamComplete"] = [*completed("Hello")[:2], Wait(30)]

    def use() -> None:
        with Client(router.address, timeout=5) as client, client.stream("hi") as stream:
            next(stream)

    await asyncio.to_thread(use)
    await asyncio.wait_for(router.script.ended.wait(), 2)


ENDLESS: dict[str, list[Message | Failure | Wait]] = {
    "WatchTable": [admin_pb2.WatchTableResponse(), Wait(30)],
    "RunDrill": [admin_pb2.RunDrillResponse(), Wait(30)],
    "PullModel": [admin_pb2.PullModelResponse(), Wait(30)],
}
"""Calls of operators that give one answer after the other, and never an end."""


@pytest.mark.parametrize("method", ENDLESS)
async def test_closing_what_operators_follow_cancels_the_call(
    router: ScriptedRouter, client: AsyncClient, method: str
) -> None:
    """`aclose` reaches the router, whoever still holds the iterator."""
    router.script.answers.update(ENDLESS)
    followed: dict[str, AsyncGenerator[object, None]] = {
        "WatchTable": client.watch_table(),
        "RunDrill": client.admin.drill(),
        "PullModel": client.admin.pull_model("ollama/qwen3:8b"),
    }
    await anext(followed[method])
    await followed[method].aclose()
    await asyncio.wait_for(router.script.ended.wait(), 5)


@pytest.mark.parametrize("method", ENDLESS)
async def test_closing_what_the_sync_client_follows_cancels_the_call(router: ScriptedRouter, method: str) -> None:
    """`close` reaches the router while the client stays open."""
    router.script.answers.update(ENDLESS)
    loop = asyncio.get_running_loop()

    def use() -> None:
        with Client(router.address, timeout=5) as client:
            followed: dict[str, Generator[object, None, None]] = {
                "WatchTable": client.watch_table(),
                "RunDrill": client.admin.drill(),
                "PullModel": client.admin.pull_model("ollama/qwen3:8b"),
            }
            next(followed[method])
            followed[method].close()
            asyncio.run_coroutine_threadsafe(router.script.ended.wait(), loop).result(5)

    await asyncio.to_thread(use)


async def test_bad_timeout_is_refused_before_sending(client: AsyncClient) -> None:
    """A timeout of nothing is a mistake of the caller's, not a deadline that passed."""
    with pytest.raises(InvalidRequest, match="timeout"):
        await client.complete("hi", timeout=0)
    with pytest.raises(InvalidRequest, match=r"min_interval: .* not a length of time"):
        client.watch_table(float("nan"))
    async with AsyncClient(client.address, timeout=float("nan")) as without_time:
        with pytest.raises(InvalidRequest, match="timeout"):
            await without_time.table()
