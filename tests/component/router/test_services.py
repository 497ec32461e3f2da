"""What stands beside the calls: health per service, reflection, the table, and an end in good order."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from router_service.router import SERVICES
from tests.component.router.conftest import Start
from tests.support.caller import TIMEOUT, Caller, ask, failure_of, routed
from tests.support.configurations import FIRST, SECOND
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import target_pb2 as target

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health_of(caller: Caller) -> Any:
    """The health service's stub, which is untyped for asyncio."""
    return health_pb2_grpc.HealthStub(caller.channel)


@pytest.mark.parametrize("service", ["", *SERVICES])
async def test_each_service_says_that_it_serves(caller: Caller, service: str) -> None:
    """As probes and balancers ask: per name, and for the whole with an empty one."""
    answer = await health_of(caller).Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
    assert answer.status == SERVING


async def test_the_health_of_no_service_is_not_found(caller: Caller) -> None:
    """A probe with a misspelt name must not pass."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await health_of(caller).Check(health_pb2.HealthCheckRequest(service="trunkline.router.v1.Nope"), timeout=5)
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_every_service(caller: Caller) -> None:
    """`grpcurl HOST:PORT list` works without the contracts at hand."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(grpc.Channel, caller.channel))
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    listed = [
        service.name
        async for answer in stub.ServerReflectionInfo(requests, timeout=5)
        for service in answer.list_services_response.service
    ]
    assert {*SERVICES, "grpc.health.v1.Health"} <= set(listed)


async def test_a_provider_that_quotes_the_prompt_tells_nobody_else(
    caller: Caller, simulated: SimulatedProviders, caplog: pytest.LogCaptureFixture
) -> None:
    """The words stand in the failed call's own log; later calls, the table and the log hold the class alone."""
    secret = "PATIENTX has cancer"
    simulated.enqueue("openai", Behaviour(faults=(Fault("429", message=f"too much: {secret}", retry_after=60),)))
    own = await caller.complete(ask(secret))
    assert secret in own.completed.attempts[0].failure_message
    others = str(await caller.route(routed(model=FIRST.name)))
    assert "rate_limited (429)" in others
    others += str(await failure_of(caller.complete(routed(model=FIRST.name), timeout=5)))
    others += str(await caller.admin.GetTable(admin.GetTableRequest(), timeout=5))
    others += str(await caller.admin.GetStatistics(admin.GetStatisticsRequest(), timeout=5))
    assert secret not in others + caplog.text


async def test_the_table_shows_what_happened(caller: Caller, simulated: SimulatedProviders) -> None:
    """After an answer and a failure: attempts, success rate, latency, the last error, workers and heartbeats."""
    simulated.enqueue("openai", Behaviour(faults=(Fault("500", message="it broke"),)))
    await caller.complete(ask())
    await caller.complete(ask())
    failed, answered, untried = [
        await caller.row(name) for name in (FIRST.name, SECOND.name, "mistral/mistral-large-latest")
    ]
    assert (failed.attempts, answered.attempts, untried.attempts) == (2, 1, 0)
    assert failed.success_rate < 1.0
    assert failed.last_error == "unavailable (500)"
    assert failed.last_error_at.seconds > 0
    assert answered.success_rate == 1.0
    assert answered.latency.ToTimedelta() >= answered.first_token.ToTimedelta()
    assert answered.tokens_per_second > 0
    assert answered.spent_nanodollars > 0
    for row in (failed, answered, untried):
        assert (row.workers, row.in_flight, row.simulated) == (1, 0, True)
        assert row.state == target.TARGET_STATE_READY
        assert row.capacity == 64


async def test_the_table_is_watched(start: Start, simulated: SimulatedProviders) -> None:
    """The table comes at once and again when it changes: a worker that comes, an attempt, a worker that goes."""
    simulated.set_behaviour("openai", Behaviour(first_token_latency=1.0))
    async with start(FIRST, workers=False) as (router, caller):
        watching = caller.admin.WatchTable(admin.WatchTableRequest(min_interval=Duration(nanos=100_000_000)))
        tables = aiter(watching)

        async def row_where(wanted: Callable[[target.TargetRow], bool]) -> target.TargetRow:
            async with asyncio.timeout(3):
                while True:
                    [row] = (await anext(tables)).rows
                    if wanted(row):
                        return row

        await row_where(lambda row: row.state == target.TARGET_STATE_DETACHED)
        async with router.worker("openai"):
            await row_where(lambda row: row.state == target.TARGET_STATE_READY and row.in_flight == 0)
            call = asyncio.create_task(caller.complete(ask()))
            await row_where(lambda row: row.in_flight == 1)
            await call
            await row_where(lambda row: row.in_flight == 0 and row.attempts == 1)
        await row_where(lambda row: row.state == target.TARGET_STATE_DETACHED)
        watching.cancel()


async def test_the_table_is_not_sent_more_often_than_asked(caller: Caller) -> None:
    """A busy router does not flood who watches."""
    watching = caller.admin.WatchTable(admin.WatchTableRequest(min_interval=Duration(nanos=300_000_000)))
    tables = aiter(watching)
    await anext(tables)
    began = time.monotonic()
    for _ in range(5):
        await caller.complete(ask())
    await anext(tables)
    assert time.monotonic() - began >= 0.25
    watching.cancel()


async def test_the_workers_are_listed(start: Start) -> None:
    """Who is attached, since when, with how much to do."""
    async with start(FIRST, SECOND) as (_, caller):
        listed = (await caller.admin.ListWorkers(admin.ListWorkersRequest())).workers
        assert {(worker.worker_id, worker.backend) for worker in listed} == {("openai-1", "openai"), ("groq-1", "groq")}
        for worker in listed:
            assert worker.session_id
            assert worker.attached_at.seconds > 0
            assert (worker.in_flight, worker.suspect, worker.draining) == (0, False, False)
            assert worker.peer


async def test_a_router_ends_without_failing_a_call(start: Start, simulated: SimulatedProviders) -> None:
    """It says NOT_SERVING first, still takes calls in the lame-duck time, and a running answer arrives whole."""
    async with start() as (router, caller):
        simulated.set_behaviour("openai", Behaviour(answer_tokens=30, tokens_per_second=30))
        running = asyncio.create_task(caller.stream(ask()))
        await simulated.wait_for_request("openai", lambda request: request.tokens_sent > 1)
        health = health_of(caller)
        watching = health.Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]))
        states = aiter(watching)
        assert (await anext(states)).status == SERVING
        stopping = asyncio.create_task(router.lifecycle.stop(0.3, 5.0, router.router.link.close))
        assert (await asyncio.wait_for(anext(states), 0.25)).status == NOT_SERVING
        simulated.set_behaviour("openai", Behaviour())
        late = await caller.complete(ask())
        assert late.completed.target == FIRST.name
        told = await running
        assert told.completed.usage.output_tokens == 30
        await asyncio.wait_for(stopping, 5.0)
        watching.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await caller.complete(ask(), timeout=2.0)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_answer_that_never_ends_does_not_keep_the_router(start: Start, simulated: SimulatedProviders) -> None:
    """After the grace the call is cut off, and its provider's socket is closed."""
    async with start() as (router, caller):
        simulated.set_behaviour("openai", Behaviour(faults=(Fault("silent_before_headers"),)))
        running = asyncio.create_task(caller.stream(ask()))
        await simulated.wait_for_request("openai", lambda request: request.prompt_sha256 is not None)
        began = time.monotonic()
        await router.lifecycle.stop(0.0, 0.3, router.router.link.close)
        assert time.monotonic() - began < 2.0
        with pytest.raises(grpc.aio.AioRpcError):
            await running
        await simulated.wait_for_request("openai", lambda request: request.outcome == "client_closed")


async def test_a_burst_is_not_thrown_away_unseen(caller: Caller) -> None:
    """Of more than a thousand calls that come at once gRPC would cancel some before anybody has seen them."""
    listings = [caller.router.ListModels(pb.ListModelsRequest(), timeout=TIMEOUT) for _ in range(3000)]
    answers = await asyncio.gather(*listings)
    assert len(answers) == 3000
