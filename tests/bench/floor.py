"""The floor: what a request costs when nothing is decided, checked, timed, recorded or retried.

The same shape as the router and a worker (unary call, one `Attach` stream, a worker process, an OpenAI-wire upstream
that streams), over the same contracts and libraries, in as little code as that takes. `--tuned` gives it the router's
own transport: uvloop, and what is queued in one turn of the event loop in one message; without, asyncio's own loop and
a message for each frame, as such a program is written first.

    python -m tests.bench.floor router [--tuned]
    python -m tests.bench.floor worker [--tuned] --router HOST:PORT --upstream URL --model NAME
"""

import argparse
import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import grpc

from router_service.server.grpc_server import new_server
from service_common.loops import LOOP_FACTORY
from trunkline.router.v1 import router_service_pb2 as router_pb
from trunkline.types.v1 import chat_pb2
from trunkline.worker.v1 import worker_service_pb2 as pb
from trunkline.worker.v1.worker_service_pb2_grpc import WorkerServiceStub

LARGEST_MESSAGE = 4 * 1024 * 1024
Context = grpc.aio.ServicerContext[Any, Any]


class Batches:
    """Frames on their way, those of one turn of the event loop together; one by one if not `joined`."""

    def __init__(self, *, joined: bool = True) -> None:
        """Begin empty."""
        self._joined = joined
        self._frames: list[Any] = []
        self._wake = asyncio.Event()

    def put(self, frame: Any) -> None:
        """Queue a frame."""
        self._frames.append(frame)
        self._wake.set()

    async def next(self) -> list[Any]:
        """All that waits (or the first of it), as soon as something does."""
        await self._wake.wait()
        most = len(self._frames) if self._joined else 1
        frames, self._frames = self._frames[:most], self._frames[most:]
        if not self._frames:
            self._wake.clear()
        return frames


class FloorRouter:
    """Hands each call to the one worker and its answer back."""

    def __init__(self, *, tuned: bool) -> None:
        """Begin without a worker."""
        self._ids = itertools.count(1)
        self._calls: dict[int, Batches] = {}
        self._down = Batches(joined=tuned)

    async def complete(self, body: bytes, context: Context) -> bytes:
        """One call, whose bytes nobody reads here."""
        events = self._dispatch(body)
        text: list[str] = []
        while True:
            for event in await events.next():
                if not event.text_delta:
                    completed = _completed(event.finished)
                    return router_pb.CompleteResponse(text="".join(text), completed=completed).SerializeToString()
                text.append(event.text_delta)

    async def stream_complete(self, body: bytes, context: Context) -> None:
        """One call whose answer is passed on as it comes."""
        events = self._dispatch(body)
        while True:
            for event in await events.next():
                if not event.text_delta:
                    last = router_pb.StreamCompleteResponse(completed=_completed(event.finished))
                    return await context.write(last.SerializeToString())
                await context.write(router_pb.StreamCompleteResponse(text_delta=event.text_delta).SerializeToString())

    async def attach(self, requests: AsyncIterator[pb.AttachRequest], context: Context) -> None:
        """The worker's stream."""
        reader = asyncio.create_task(self._read(requests))
        try:
            while True:
                await context.write(pb.AttachResponse(frames=await self._down.next()))
        finally:
            reader.cancel()

    def _dispatch(self, body: bytes) -> Batches:
        attempt_id = next(self._ids)
        self._calls[attempt_id] = Batches()
        self._down.put(pb.RouterFrame(dispatch=pb.Dispatch(attempt_id=attempt_id, body=body)))
        return self._calls[attempt_id]

    async def _read(self, requests: AsyncIterator[pb.AttachRequest]) -> None:
        async for message in requests:
            for frame in message.frames:
                event = frame.attempt_event
                events = self._calls[event.attempt_id] if event.text_delta else self._calls.pop(event.attempt_id)
                events.put(event)


class FloorWorker:
    """Asks the upstream for each dispatch."""

    def __init__(self, upstream: str, model: str, session: aiohttp.ClientSession, *, tuned: bool) -> None:
        """Ask `model` at `upstream`."""
        self._url = f"{upstream}/chat/completions"
        self._model = model
        self._session = session
        self._up = Batches(joined=tuned)

    async def run(self, router: str) -> None:
        """Work until the stream ends."""
        async with grpc.aio.insecure_channel(router, options=[("grpc.http2.bdp_probe", 0)]) as channel:
            call: Any = WorkerServiceStub(channel).Attach()
            writer = asyncio.create_task(self._write(call))
            tasks: set[asyncio.Task[None]] = set()
            try:
                async for message in call:
                    for frame in message.frames:
                        task = asyncio.create_task(self._ask(frame.dispatch))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
            finally:
                writer.cancel()

    async def _write(self, call: Any) -> None:
        while True:
            await call.write(pb.AttachRequest(frames=await self._up.next()))

    async def _ask(self, dispatch: pb.Dispatch) -> None:
        request = router_pb.CompleteRequest.FromString(dispatch.body).completion
        messages = [{"role": "user", "content": message.content[0].text} for message in request.messages]
        body = {"model": self._model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        usage: dict[str, Any] = {}
        rest = b""
        async with self._session.post(
            self._url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        ) as response:
            async for data in response.content.iter_any():
                *lines, rest = (rest + data).split(b"\n")
                chunks = [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]
                usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), usage)
                self._report(dispatch.attempt_id, chunks)
        self._finish(dispatch.attempt_id, usage)

    def _report(self, attempt_id: int, chunks: list[dict[str, Any]]) -> None:
        text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
        if text:
            self._up.put(pb.WorkerFrame(attempt_event=pb.AttemptEvent(attempt_id=attempt_id, text_delta=text)))

    def _finish(self, attempt_id: int, usage: dict[str, Any]) -> None:
        finished = pb.Finished(
            finish_reason=chat_pb2.FINISH_REASON_STOP,
            usage=chat_pb2.Usage(input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"]),
        )
        self._up.put(pb.WorkerFrame(attempt_event=pb.AttemptEvent(attempt_id=attempt_id, finished=finished)))


def _completed(finished: pb.Finished) -> router_pb.Completed:
    return router_pb.Completed(usage=finished.usage, finish_reason=finished.finish_reason)


async def serve(*, tuned: bool) -> None:
    """Run the floor's router until it is killed; prints its address."""
    router = FloorRouter(tuned=tuned)
    server = new_server(LARGEST_MESSAGE)
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "trunkline.router.v1.RouterService",
                {
                    "Complete": grpc.unary_unary_rpc_method_handler(router.complete),
                    "StreamComplete": grpc.unary_stream_rpc_method_handler(router.stream_complete),
                },
            ),
            grpc.method_handlers_generic_handler(
                "trunkline.worker.v1.WorkerService",
                {
                    "Attach": grpc.stream_stream_rpc_method_handler(
                        router.attach, pb.AttachRequest.FromString, pb.AttachResponse.SerializeToString
                    )
                },
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


async def work(router: str, upstream: str, model: str, *, tuned: bool) -> None:
    """Run the floor's worker until it is killed."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await FloorWorker(upstream, model, session, tuned=tuned).run(router)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(dest="kind", required=True)
    router, worker = kinds.add_parser("router"), kinds.add_parser("worker")
    for name in ("router", "upstream", "model"):
        worker.add_argument(f"--{name}", required=True)
    for one in (router, worker):
        one.add_argument("--tuned", action="store_true", help="with the router's own loop and joined frames")
    given = parser.parse_args(arguments)
    tuned = given.tuned
    if given.kind == "router":
        program = serve(tuned=tuned)
    else:
        program = work(given.router, given.upstream, given.model, tuned=tuned)
    with asyncio.Runner(loop_factory=LOOP_FACTORY if tuned else None) as runner:
        runner.run(program)


if __name__ == "__main__":
    main()
