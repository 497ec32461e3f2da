"""The load: closed loops of calls to one address, with bytes made beforehand so that the driver stays cheap."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc

from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import chat_pb2 as chat

COMPLETE = "/trunkline.router.v1.RouterService/Complete"
STREAM = "/trunkline.router.v1.RouterService/StreamComplete"
CALL_TIMEOUT = 60.0
SENTENCE = "Our customer bought two tickets last week and could not use them. Tell him in one line what to do. "


@dataclass(frozen=True, slots=True)
class Load:
    """What a closed loop did. `latencies`: seconds of each call. `events`: messages of streams."""

    seconds: float
    latencies: tuple[float, ...]
    events: int = 0


def prompt(size: int) -> chat.CompletionRequest:
    """A request whose one message has `size` characters."""
    text = (SENTENCE * (1 + size // len(SENTENCE)))[:size]
    message = chat.Message(role=chat.ROLE_USER, content=[chat.ContentPart(text=text)])
    return chat.CompletionRequest(messages=[message])


async def complete(address: str, calls: int, in_flight: int, size: int = 200) -> Load:
    """Make `calls` unary calls, `in_flight` at a time.

    Raises:
        AioRpcError: a call failed.
        ValueError: an answer is empty.
    """
    body = pb.CompleteRequest(completion=prompt(size)).SerializeToString()
    async with grpc.aio.insecure_channel(address) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(COMPLETE)

        async def one() -> int:
            answer: bytes = await call(body, timeout=CALL_TIMEOUT)
            if not answer:
                raise ValueError("an empty answer")
            return 0

        return await _closed_loop(one, calls, in_flight)


async def stream(address: str, calls: int, in_flight: int) -> Load:
    """Read `calls` streams, `in_flight` at a time.

    Raises:
        AioRpcError: a call failed.
    """
    body = pb.StreamCompleteRequest(completion=prompt(200)).SerializeToString()
    async with grpc.aio.insecure_channel(address) as channel:
        call: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(STREAM)

        async def one() -> int:
            events = 0
            async for _ in call(body, timeout=CALL_TIMEOUT):
                events += 1
            return events

        return await _closed_loop(one, calls, in_flight)


async def _closed_loop(one: Callable[[], Awaitable[int]], calls: int, in_flight: int) -> Load:
    left = iter(range(calls))
    latencies: list[float] = []
    events = 0

    async def caller() -> None:
        nonlocal events
        for _ in left:
            began = time.perf_counter()
            found = await one()
            events += found
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as callers:
        for _ in range(min(in_flight, calls)):
            callers.create_task(caller())
    return Load(time.perf_counter() - began, tuple(latencies), events)
