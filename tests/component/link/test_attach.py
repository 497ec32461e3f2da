"""A worker attaches over real gRPC: who is let in, who is not, and how sessions end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from router_service.dispatch.link import DRAIN_GRACE
from router_service.domain.attempt import Failure
from router_service.domain.signals import Failed
from service_common.failures import FailureClass
from service_common.vocabulary import TargetState
from tests.support.link_parts import catalogue, spec
from tests.support.scripted_worker import LinkServer, hello_frame, scripted_worker, until
from trunkline.types.v1.attempt_pb2 import FAILURE_CLASS_CANCELLED
from trunkline.types.v1.chat_pb2 import Usage
from trunkline.types.v1.target_pb2 import ModelFacts
from trunkline.worker.v1 import worker_service_pb2 as pb


@pytest.fixture
async def router() -> AsyncIterator[LinkServer]:
    """A router that knows backend `a` with the models `m` and `n`."""
    async with LinkServer.listening(catalogue(spec("a/m"), spec("a/n")), heartbeat_interval=0.1) as server:
        yield server


async def test_a_worker_is_welcomed_and_its_targets_become_ready(router: LinkServer) -> None:
    """The welcome names session and pace; the table shows the announced target ready and the other detached."""
    async with scripted_worker(router.address) as worker:
        await worker.attach()
        assert worker.session_id
        assert worker.heartbeat_interval == pytest.approx(0.1)
        rows = router.table.snapshot().targets
        assert rows["a/m"].state is TargetState.READY
        assert rows["a/n"].state is TargetState.DETACHED
        assert "no attached worker has the model n" in rows["a/n"].state_reason


@pytest.mark.parametrize(("token", "said"), [("", "no token"), ("wrong", "a wrong token")])
async def test_a_worker_without_the_token_is_refused(router: LinkServer, token: str, said: str) -> None:
    """It is UNAUTHENTICATED and told which variable holds the token."""
    async with scripted_worker(router.address, token) as worker:
        code, details = await worker.status()
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert said in details
        assert "TRUNKLINE_WORKER_TOKEN" in details
        assert not router.link.sessions


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"protocol_version": 2}, grpc.StatusCode.INVALID_ARGUMENT, "version 2, this router 1"),
        ({"backend": "b"}, grpc.StatusCode.FAILED_PRECONDITION, 'no backend "b". Known: a.'),
        ({"worker_id": ""}, grpc.StatusCode.INVALID_ARGUMENT, "hello.worker_id is empty"),
        ({"capacity": 0}, grpc.StatusCode.INVALID_ARGUMENT, "at least 1"),
        ({"models": [ModelFacts()]}, grpc.StatusCode.INVALID_ARGUMENT, "models[0].model is empty"),
        ({"models": [ModelFacts(model="m")] * 2}, grpc.StatusCode.INVALID_ARGUMENT, '"m" is there twice'),
    ],
)
async def test_a_wrong_hello_is_refused(
    router: LinkServer, changes: dict[str, Any], code: grpc.StatusCode, said: str
) -> None:
    """Each mistake has its status and says what would be right; no session begins."""
    async with scripted_worker(router.address) as worker:
        await worker.send(pb.WorkerFrame(hello=hello_frame(**changes)))
        found, details = await worker.status()
        assert found is code
        assert said in details
        assert not router.link.sessions


async def test_a_model_that_is_not_configured_is_not_routed_to(router: LinkServer) -> None:
    """A worker may have more models than the configuration allows; they do not become targets."""
    async with scripted_worker(router.address) as worker:
        await worker.attach(models=[ModelFacts(model="m"), ModelFacts(model="secret")])
        assert list(router.table.snapshot().targets) == ["a/m", "a/n"]


async def test_bytes_that_are_no_frame_end_the_session_as_the_workers_mistake(
    router: LinkServer, caplog: pytest.LogCaptureFixture
) -> None:
    """INVALID_ARGUMENT, its attempts fail over, and the log holds no traceback."""
    async with scripted_worker(router.address) as worker:
        attach: Any = worker.channel.stream_stream("/trunkline.worker.v1.WorkerService/Attach")
        worker.call = call = attach(metadata=worker.metadata)
        await call.write(pb.AttachRequest(frames=[pb.WorkerFrame(hello=hello_frame())]).SerializeToString())
        await until(lambda: len(router.link.sessions) == 1)
        attempt = router.start("a/m")
        await call.write(b"\xff" * 9)
        (last,) = await attempt.read()
        assert isinstance(last, Failed)
        assert (await worker.status())[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert not router.link.sessions
        assert "Traceback" not in caplog.text


async def test_a_refusal_fits_the_headers_that_carry_it(router: LinkServer) -> None:
    """However long the name that is wrong: a status over 8 KiB would arrive as RESOURCE_EXHAUSTED."""
    async with scripted_worker(router.address) as worker:
        await worker.send(pb.WorkerFrame(hello=hello_frame(backend="b" * 30_000)))
        code, details = await worker.status()
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert details.startswith("the configuration has no backend")


async def test_the_first_frame_must_be_hello(router: LinkServer) -> None:
    """A stream that begins otherwise is ended with INVALID_ARGUMENT."""
    async with scripted_worker(router.address) as worker:
        await worker.send(pb.WorkerFrame(draining=pb.Draining()))
        assert (await worker.status())[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_second_hello_ends_the_session(router: LinkServer) -> None:
    """Only the first frame may be hello."""
    async with scripted_worker(router.address) as worker:
        await worker.attach()
        await worker.send(pb.WorkerFrame(hello=hello_frame()))
        code, details = await worker.status()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "hello came again" in details
        assert not router.link.sessions


@pytest.mark.parametrize("sequence", [0, 1, 3])
async def test_a_heartbeat_out_of_order_ends_the_session(router: LinkServer, sequence: int) -> None:
    """The status names the number that came and the one that was due."""
    async with scripted_worker(router.address) as worker:
        await worker.attach()
        await worker.heartbeat()
        await worker.heartbeat(sequence=sequence)
        code, details = await worker.status()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert f"heartbeat {sequence} came where 2 was due" in details


async def test_a_newer_stream_of_a_worker_fences_the_older(router: LinkServer) -> None:
    """The older stream ends, its attempts fail over, and the newer serves."""
    async with scripted_worker(router.address) as older, scripted_worker(router.address) as newer:
        await older.attach()
        attempt = router.start("a/m")
        await newer.attach(epoch=2)
        assert await older.status() == (grpc.StatusCode.OK, "")
        (signal,) = await attempt.read()
        assert isinstance(signal, Failed)
        assert signal.failure.failure_class is FailureClass.WORKER_LOST
        assert [session.session_id for session in router.link.sessions] == [newer.session_id]
        router.start("a/m")
        await newer.next("dispatch")


async def test_an_older_start_of_a_worker_cannot_return(router: LinkServer) -> None:
    """A process that was replaced is told so and does not fence its successor."""
    async with scripted_worker(router.address) as newer, scripted_worker(router.address) as older:
        await newer.attach(epoch=7)
        await older.send(pb.WorkerFrame(hello=hello_frame(epoch=6)))
        code, details = await older.status()
        assert code is grpc.StatusCode.ABORTED
        assert "epoch 7" in details
        assert len(router.link.sessions) == 1


async def test_a_broken_connection_is_noticed_at_once(router: LinkServer) -> None:
    """Its attempts fail over well before any heartbeat is missed, and its targets are detached."""
    async with scripted_worker(router.address) as worker:
        await worker.attach()
        attempt = router.start("a/m")
        await worker.next("dispatch")
    async with asyncio.timeout(2):
        (signal,) = await attempt.read()
    assert isinstance(signal, Failed)
    assert signal.failure.failure_class is FailureClass.WORKER_LOST
    assert router.table.snapshot().targets["a/m"].state is TargetState.DETACHED
    assert router.table.snapshot().targets["a/m"].in_flight == 0


async def test_a_silent_worker_is_suspect_and_its_attempts_fail_over(router: LinkServer) -> None:
    """The stream stays open; a heartbeat later the worker serves again."""
    async with scripted_worker(router.address) as worker:
        await worker.attach()
        await worker.heartbeat()
        attempt = router.start("a/m")
        (signal,) = await attempt.read()
        assert isinstance(signal, Failed)
        assert signal.failure.failure_class is FailureClass.WORKER_LOST
        assert router.table.snapshot().targets["a/m"].state is TargetState.SUSPECT
        cancel = (await worker.next("cancel")).cancel
        assert cancel.attempt_id == attempt.attempt_id
        await worker.heartbeat()
        await until(lambda: router.table.snapshot().targets["a/m"].state is TargetState.READY)
        router.start("a/m")


async def test_a_draining_worker_gets_nothing_new_but_finishes(router: LinkServer) -> None:
    """Its running attempt ends well; a new one is refused."""
    async with scripted_worker(router.address) as worker:
        await worker.attach()
        attempt = router.start("a/m")
        await worker.send(pb.WorkerFrame(draining=pb.Draining(reason="an update")))
        await until(lambda: router.table.snapshot().targets["a/m"].state is TargetState.DRAINING)
        await worker.report(attempt.attempt_id, finished=pb.Finished())
        await attempt.read()
        assert attempt.record is not None
        assert attempt.record.outcome.succeeded


async def test_the_last_word_of_a_cancelled_attempt_arrives_before_the_router_ends(router: LinkServer) -> None:
    """A router that ends asks its workers to leave first: what an abandoned answer cost is told, not guessed."""
    async with scripted_worker(router.address) as worker:
        await worker.attach()
        attempt = router.start("a/m")
        attempt.cancel(Failure(FailureClass.CANCELLED, "the caller went away"))
        closing = asyncio.create_task(router.link.close("the router stops"))
        drain = (await worker.next("drain")).drain
        assert (drain.grace.ToTimedelta().total_seconds(), drain.reason) == (DRAIN_GRACE, "the router stops")
        usage = Usage(input_tokens=7, output_tokens=3)
        await worker.report(attempt.attempt_id, failed=pb.Failed(failure_class=FAILURE_CLASS_CANCELLED, usage=usage))
        await worker.call.done_writing()
        await closing
        assert not router.link.sessions
        assert attempt.record is not None
        assert (attempt.record.outcome.usage.output_tokens, attempt.record.outcome.usage.estimated) == (3, False)


async def test_a_worker_that_does_not_leave_does_not_keep_the_router(router: LinkServer) -> None:
    """Its stream is ended for it; where calls are cut off anyway, at once."""
    async with scripted_worker(router.address) as worker, scripted_worker(router.address) as busy:
        await worker.attach()
        async with asyncio.timeout(10):
            await router.link.close("the router stops")
        assert not router.link.sessions
        await busy.attach()
        attempt = router.start("a/m")
        await router.link.close("the router stops")
        assert attempt.record is not None
        assert not router.link.sessions
