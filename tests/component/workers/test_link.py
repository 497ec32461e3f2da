"""The worker's side of the link, as a router sees it: real processes, real gRPC."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import pytest

from provider_workers.simulated import Behaviour, ProviderSpec, SimulatedProviders
from service_common.failures import FailureClass
from tests.support.worker_harness import ScriptedRouter, seconds
from tests.support.worker_processes import complete_body, question, worker_process
from trunkline.worker.v1 import worker_service_pb2 as wire

MODEL = "gpt-4o-mini"


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedProviders]:
    """An OpenAI that answers."""
    async with SimulatedProviders([ProviderSpec("openai")]) as providers:
        yield providers


def arguments(sim: SimulatedProviders, router: str) -> list[str]:
    """The command line of a worker for it."""
    base_url = sim.base_url("openai")
    known = ["--backend", "openai", "--kind", "openai_wire", "--base-url", base_url, "--model", MODEL]
    return [*known, "--router", router, "--worker-id", "worker-1"]


async def test_hello_and_heartbeats(sim: SimulatedProviders) -> None:
    """A worker says who it is, then beats at the router's pace with a sequence from 1 and its load."""
    async with ScriptedRouter(heartbeat=0.1) as router, worker_process(arguments(sim, router.address)):
        worker = await router.worker()
        assert worker.hello.protocol_version == 1
        assert worker.hello.worker_id == "worker-1"
        assert worker.hello.epoch > 0
        assert [model.model for model in worker.hello.models] == [MODEL]
        sim.set_behaviour("openai", Behaviour(tokens_per_second=20, answer_tokens=400))
        tried = worker.dispatch(complete_body(), MODEL)
        await worker.heartbeat_where(lambda beat: beat.in_flight == 1)
        worker.cancel(tried)
        await worker.heartbeat_where(lambda beat: beat.sequence > 5 and beat.in_flight == 0)
        assert [beat.sequence for beat in worker.heartbeats] == list(range(1, len(worker.heartbeats) + 1))


async def test_the_rate_limit_left_is_reported(sim: SimulatedProviders) -> None:
    """What the provider's headers say of the rate limit arrives in a heartbeat."""
    async with ScriptedRouter(heartbeat=0.1) as router, worker_process(arguments(sim, router.address)):
        worker = await router.worker()
        await worker.dispatch(complete_body(), MODEL).finished()
        beat = await worker.heartbeat_where(lambda beat: beat.rate_limit.HasField("remaining_requests"))
        assert 0 < beat.rate_limit.remaining_requests < beat.rate_limit.limit_requests


async def test_a_lost_router_is_found_again(sim: SimulatedProviders) -> None:
    """When a router breaks off, its attempts are stopped at the provider, and the worker attaches again to its heir."""
    async with ScriptedRouter() as router:
        port = int(router.address.rpartition(":")[2])
        async with worker_process(arguments(sim, router.address)):
            worker = await router.worker()
            sim.set_behaviour("openai", Behaviour(tokens_per_second=20, answer_tokens=400))
            await worker.dispatch(complete_body(), MODEL).until("text_delta")
            await router.stop()
            async with asyncio.timeout(2):
                while sim.requests("openai")[-1].outcome != "client_closed":  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            sim.reset_behaviour("openai")
            async with ScriptedRouter(port=port) as heir:
                again = await heir.worker()
                assert again.hello.worker_id == worker.hello.worker_id
                assert again.hello.epoch == worker.hello.epoch
                await again.dispatch(complete_body(), MODEL).finished()


async def test_a_stream_that_the_router_ends_is_opened_again_soon(sim: SimulatedProviders) -> None:
    """After a stream ends in good order the worker is back in well under a second."""
    async with ScriptedRouter() as router, worker_process(arguments(sim, router.address)):
        worker = await router.worker()
        loop = asyncio.get_running_loop()
        ended = loop.time()
        worker.hang_up()
        await router.worker(2)
        assert loop.time() - ended < 0.5


async def test_one_worker_serves_several_routers(sim: SimulatedProviders) -> None:
    """A worker attaches to each router, reports its whole load to all, and tells all what one attempt has learnt."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(ScriptedRouter(heartbeat=0.1))
        two = await stack.enter_async_context(ScriptedRouter(heartbeat=0.1))
        await stack.enter_async_context(worker_process(arguments(sim, f"{one.address},{two.address}")))
        first, second = await one.worker(), await two.worker()
        sim.set_behaviour("openai", Behaviour(tokens_per_second=20, answer_tokens=100))
        tried = first.dispatch(complete_body(), MODEL)
        await second.heartbeat_where(lambda beat: beat.in_flight == 1)
        first.cancel(tried)
        sim.set_behaviour("openai", Behaviour().merged({"fault": "429", "retry_after": 30}))
        failed = await first.dispatch(complete_body(), MODEL).failed()
        assert failed.retry_after.seconds == 30
        told = (await second.until("cooldown")).cooldown
        assert (told.model, told.duration.seconds) == (MODEL, 30)
        assert told.reason == "rate_limited (429)"  # the provider's words may quote a prompt: they are the call's alone


async def test_sigterm_drains(sim: SimulatedProviders) -> None:
    """Told to stop, a worker says so, refuses new work, finishes what runs, and leaves with status 0."""
    async with ScriptedRouter() as router, worker_process(arguments(sim, router.address)) as process:
        worker = await router.worker()
        sim.set_behaviour("openai", Behaviour(tokens_per_second=40, answer_tokens=40))
        tried = worker.dispatch(complete_body(), MODEL)
        await tried.until("text_delta")
        process.send_signal(signal.SIGTERM)
        await worker.until("draining")
        refused = worker.dispatch(complete_body(), MODEL)
        assert await refused.failure_class() is FailureClass.REFUSED_BY_WORKER
        await tried.finished()
        async with asyncio.timeout(5):
            assert await process.wait() == 0


async def test_a_router_that_drains_gets_its_answers_first(sim: SimulatedProviders) -> None:
    """Asked to leave, a worker finishes what the router has, ends the stream, and attaches anew."""
    async with ScriptedRouter() as router, worker_process(arguments(sim, router.address)):
        worker = await router.worker()
        sim.set_behaviour("openai", Behaviour(tokens_per_second=40, answer_tokens=20))
        tried = worker.dispatch(complete_body(), MODEL)
        await tried.until("text_delta")
        worker.send(drain=wire.Drain(grace=seconds(5)))
        refused = worker.dispatch(complete_body(), MODEL)
        assert await refused.failure_class() is FailureClass.REFUSED_BY_WORKER
        await tried.finished()
        async with asyncio.timeout(5):
            await worker.over.wait()
        await router.worker(2)


async def test_the_parents_end_is_the_workers(sim: SimulatedProviders) -> None:
    """With --exit-with-parent the end of standard input ends the worker, however its parent died."""
    async with ScriptedRouter() as router:
        started = [*arguments(sim, router.address), "--exit-with-parent"]
        async with worker_process(started, stdin=asyncio.subprocess.PIPE) as process:
            await router.worker()
            assert process.stdin is not None
            process.stdin.close()
            async with asyncio.timeout(5):
                assert await process.wait() == 0


async def test_a_wrong_token_is_explained_and_tried_again(sim: SimulatedProviders) -> None:
    """A worker that the router does not accept says on its standard error what to set, and does not give up."""
    wrong = {"TRUNKLINE_WORKER_TOKEN": "wrong"}
    async with (
        ScriptedRouter(token="right") as router,
        worker_process(arguments(sim, router.address), wrong) as process,
    ):
        assert process.stderr is not None
        async with asyncio.timeout(5):
            while b"TRUNKLINE_WORKER_TOKEN" not in (line := await process.stderr.readline()):
                assert line
        assert process.returncode is None
        assert not router.workers


async def test_a_final_refusal_ends_the_worker(sim: SimulatedProviders) -> None:
    """A backend that the router does not know ends the worker with status 1 and the router's words."""
    async with ScriptedRouter() as router:
        router.refusal = (grpc.StatusCode.FAILED_PRECONDITION, 'no backend "openai"; known: groq, ollama')
        async with worker_process(arguments(sim, router.address)) as process:
            async with asyncio.timeout(5):
                _, said = await process.communicate()
            assert process.returncode == 1
            assert "known: groq, ollama" in said.decode()


async def test_a_newer_start_of_the_worker_ends_the_older(sim: SimulatedProviders) -> None:
    """A worker that the router fenced for a newer start of the same identity leaves instead of fighting back."""
    async with ScriptedRouter() as router:
        router.refusal = (grpc.StatusCode.ABORTED, "worker-1 is attached with a higher epoch")
        async with worker_process(arguments(sim, router.address)) as process:
            async with asyncio.timeout(5):
                _, said = await process.communicate()
            assert process.returncode == 1
            assert "newer start" in said.decode()


async def test_work_above_the_capacity_is_refused(sim: SimulatedProviders) -> None:
    """The attempt that exceeds the capacity is refused at once; the slot of a settled one is free again."""
    async with ScriptedRouter() as router, worker_process([*arguments(sim, router.address), "--capacity", "1"]):
        worker = await router.worker()
        sim.set_behaviour("openai", Behaviour(tokens_per_second=20, answer_tokens=400))
        tried = worker.dispatch(complete_body(), MODEL)
        await tried.until("text_delta")
        refused = worker.dispatch(complete_body(), MODEL)
        assert await refused.failure_class() is FailureClass.REFUSED_BY_WORKER
        assert "capacity" in (await refused.failed()).message
        worker.cancel(tried)
        await tried.settled()
        sim.reset_behaviour("openai")
        await worker.dispatch(complete_body(), MODEL).finished()


async def test_cancel_before_the_first_step_settles(sim: SimulatedProviders) -> None:
    """A dispatch and its cancel in one message end in exactly one failure, and nothing stays in flight."""
    async with ScriptedRouter(heartbeat=0.1) as router, worker_process(arguments(sim, router.address)):
        worker = await router.worker()
        for _ in range(20):
            tried = worker.dispatch_and_cancel(complete_body(), MODEL)
            assert await tried.failure_class() is FailureClass.CANCELLED
        beats = len(worker.heartbeats)
        await worker.heartbeat_where(lambda beat: beat.sequence > beats + 2 and beat.in_flight == 0)
        assert all(len(tried.ends) == 1 for tried in worker.attempts.values())


async def test_a_slow_reader_does_not_hold_its_neighbours_up(sim: SimulatedProviders) -> None:
    """An attempt without credit stops alone: another one on the same stream is answered meanwhile."""
    async with ScriptedRouter() as router, worker_process(arguments(sim, router.address)):
        worker = await router.worker()
        sim.set_behaviour("openai", Behaviour(answer_tokens=50_000))
        stopped = worker.dispatch(complete_body(), MODEL, credit_bytes=1_000)
        await stopped.until("text_delta")
        sim.set_behaviour("openai", Behaviour(answer_tokens=40))
        await worker.dispatch(complete_body(), MODEL).finished()
        assert len(stopped.text.encode()) <= 1_000
        assert not stopped.ends


async def test_a_body_of_another_size_is_not_answered(sim: SimulatedProviders) -> None:
    """A request that was fetched beside the link and has not the size that was announced reaches no provider."""
    body = complete_body(question("word " * 20_000))
    async with ScriptedRouter() as router, worker_process(arguments(sim, router.address)):
        worker = await router.worker()
        for fetched in (body + body, b""):  # each of them can be read as a request
            tried = worker.dispatch(body, MODEL)
            worker.bodies[tried.attempt_id] = fetched
            failed = await tried.failed()
            assert FailureClass(failed.failure_class) is FailureClass.WORKER_LOST
            assert f"has {len(fetched)} bytes instead of {len(body)}" in failed.message
        assert not [request for request in sim.requests("openai") if request.model]
        await worker.dispatch(body, MODEL).finished()
