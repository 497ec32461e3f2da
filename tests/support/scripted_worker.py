"""A worker that does what a test tells it, and a real router's end of the link on loopback."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from router_service.contracts.engine import Catalogue
from router_service.dispatch.link import LinkSettings
from router_service.server.worker_servicer import RouterIdentity, WorkerServicer, worker_handlers
from service_common.clock import SystemClock
from tests.support.link_parts import Parts
from trunkline.types.v1.attempt_pb2 import FailureClass
from trunkline.types.v1.classification_pb2 import SENSITIVITY_CONFIDENTIAL
from trunkline.types.v1.target_pb2 import ModelFacts
from trunkline.worker.v1 import worker_service_pb2 as pb
from trunkline.worker.v1.worker_service_pb2_grpc import WorkerServiceStub

TOKEN = "token-of-the-test"
PATIENCE = 5.0
"""Seconds until a test gives up on something that should come at once."""


class LinkServer(Parts):
    """The router's end of the link, listening on loopback."""

    address = ""

    @classmethod
    @asynccontextmanager
    async def listening(cls, catalogue: Catalogue, **settings: float) -> AsyncIterator["LinkServer"]:
        """Serve for as long as the context lasts. `settings`: of the link."""
        parts = cls(catalogue, SystemClock(), LinkSettings(**settings))
        server = grpc.aio.server(options=[("grpc.http2.bdp_probe", 0)])
        servicer = WorkerServicer(parts.link, parts.clock, RouterIdentity("r1", "0", TOKEN))
        server.add_generic_rpc_handlers((worker_handlers(servicer),))
        parts.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        monitor = asyncio.create_task(parts.link.run())
        try:
            yield parts
        finally:
            monitor.cancel()
            await asyncio.gather(monitor, return_exceptions=True)
            parts.link.end("the test is over")
            await server.stop(0.1)


class ScriptedWorker:
    """Speaks `Attach` frame by frame."""

    def __init__(self, address: str, token: str = TOKEN) -> None:
        """Dial; nothing is sent yet."""
        self.channel = grpc.aio.insecure_channel(address)
        self.stub: Any = WorkerServiceStub(self.channel)
        self.metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self.call = self.stub.Attach(metadata=self.metadata)
        self.session_id = ""
        self.heartbeat_interval = 0.0
        self._frames: deque[pb.RouterFrame] = deque()
        self._sequence = 0

    async def attach(self, **changes: Any) -> None:
        """Say hello and wait for the welcome."""
        await self.send(pb.WorkerFrame(hello=hello_frame(**changes)))
        welcome = (await self.next("welcome")).welcome
        self.session_id = welcome.session_id
        self.heartbeat_interval = welcome.heartbeat_interval.ToTimedelta().total_seconds()

    async def send(self, *frames: pb.WorkerFrame) -> None:
        """Send frames in one message."""
        async with asyncio.timeout(PATIENCE):
            await self.call.write(pb.AttachRequest(frames=frames))

    async def report(self, attempt_id: int, **event: Any) -> None:
        """Send one event of an attempt."""
        await self.send(event_frame(attempt_id, **event))

    async def heartbeat(self, **changes: Any) -> None:
        """Send the next heartbeat."""
        self._sequence += 1
        await self.send(pb.WorkerFrame(heartbeat=pb.Heartbeat(**({"sequence": self._sequence} | changes))))

    async def next(self, kind: str) -> pb.RouterFrame:
        """The next frame of that kind; others before it are dropped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self._frames:
                    frame = self._frames.popleft()
                    if frame.WhichOneof("frame") == kind:
                        return frame
                message = await self.call.read()
                if message is grpc.aio.EOF:
                    raise AssertionError(f"the stream ended before {kind}: {await self.call.code()}")
                assert isinstance(message, pb.AttachResponse)
                self._frames.extend(message.frames)

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """How the router ended the stream; what it sent before is read and dropped."""
        async with asyncio.timeout(PATIENCE):
            try:
                while await self.call.read() is not grpc.aio.EOF:
                    pass
            except grpc.aio.AioRpcError:
                return await self.call.code(), await self.call.details()
            return await self.call.code(), await self.call.details()

    async def close(self) -> None:
        """Break the connection."""
        await self.channel.close()


@asynccontextmanager
async def scripted_worker(address: str, token: str = TOKEN) -> AsyncIterator[ScriptedWorker]:
    """A worker whose connection ends with the context."""
    worker = ScriptedWorker(address, token)
    try:
        yield worker
    finally:
        await worker.close()


def hello_frame(**changes: Any) -> pb.Hello:
    """A hello of worker `w1` for backend `a` with the model `m`."""
    values: dict[str, Any] = {
        "protocol_version": 1,
        "worker_id": "w1",
        "epoch": 1,
        "backend": "a",
        "provider": "openai",
        "models": [ModelFacts(model="m")],
        "capacity": 4,
        "clearance": SENSITIVITY_CONFIDENTIAL,
    }
    return pb.Hello(**(values | changes))


def event_frame(attempt_id: int, **event: Any) -> pb.WorkerFrame:
    """One event of an attempt as a frame."""
    return pb.WorkerFrame(attempt_event=pb.AttemptEvent(attempt_id=attempt_id, **event))


def failed(failure_class: "FailureClass.ValueType", message: str = "", **more: Any) -> pb.Failed:
    """The last word of an attempt that failed."""
    return pb.Failed(failure_class=failure_class, message=message, **more)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that should come to be at once."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.002)
