"""Answers that are none, and messages that are too large, against a real gRPC server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import grpc
import pytest
from grpc import aio

from tests.support.scripted_router import Failure, ScriptedRouter
from trunkline import AsyncClient, Client, Exhausted, InvalidRequest, ProtocolError, TrunklineError
from trunkline.router.v1 import router_service_pb2 as router_pb2

LIMIT = 64 * 1024 * 1024


class _Rubbish(grpc.GenericRpcHandler):
    """Answers every call with bytes that are no message."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        method = str(handler_call_details.method)
        if "Health" in method:
            return None
        if "Stream" in method or "Watch" in method:
            return grpc.unary_stream_rpc_method_handler(cast(Any, self._stream))
        return grpc.unary_unary_rpc_method_handler(cast(Any, self._unary))

    async def _unary(self, request: bytes, context: object) -> bytes:
        return b"\xff" * 9

    async def _stream(self, request: bytes, context: object) -> AsyncIterator[bytes]:
        yield b"\xff" * 9


@pytest.fixture
async def rubbish() -> AsyncIterator[str]:
    """The address of a server that is no router."""
    server = aio.server()
    server.add_generic_rpc_handlers((_Rubbish(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def test_an_answer_that_cannot_be_read_breaks_the_contract(rubbish: str) -> None:
    """Of every kind of call."""
    async with AsyncClient(rubbish, timeout=5) as client:
        for call in (client.route("hi"), client.table(), client.stream("hi").collect(), anext(client.watch_table())):
            with pytest.raises(ProtocolError, match="the answer cannot be read: is it a router"):
                await call


async def test_an_answer_that_the_sync_client_cannot_read_breaks_the_contract(rubbish: str) -> None:
    """Of every kind of call."""

    def use() -> None:
        with Client(rubbish, timeout=5) as client:
            calls: Iterator[Callable[[], object]] = iter(
                (
                    lambda: client.route("hi"),
                    client.table,
                    lambda: client.stream("hi").collect(),
                    lambda: next(client.watch_table()),
                )
            )
            for call in calls:
                with pytest.raises(ProtocolError, match="the answer cannot be read: is it a router"):
                    call()

    await asyncio.to_thread(use)


async def test_an_empty_answer_is_none(router: ScriptedRouter, client: AsyncClient) -> None:
    """A decision, vectors and the list of targets are asked for because they are needed."""
    router.script.answers["Route"] = router_pb2.RouteResponse()
    with pytest.raises(ProtocolError, match="without a decision"):
        await client.route("hi")
    router.script.answers["ListModels"] = router_pb2.ListModelsResponse()
    with pytest.raises(ProtocolError, match="no default profile"):
        await client.models()
    router.script.answers["Embed"] = router_pb2.EmbedResponse(embeddings=[router_pb2.Embedding(values=[1.0])])
    with pytest.raises(ProtocolError, match="do not match the texts: 1 for 2"):
        await client.embed(["a", "b"], model="m")
    assert (await client.embed("a", model="m")).vectors == ((1.0,),)


async def test_a_request_that_is_too_large_names_the_limit(client: AsyncClient) -> None:
    """Waiting helps nothing, so it is the request that is wrong."""
    with pytest.raises(InvalidRequest, match="this client sends at most 67,108,864") as caught:
        await client.route("x" * LIMIT)
    assert [violation.field for violation in caught.value.violations] == ["request"]


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "SERVER: Received",
            InvalidRequest,
            "the request has 200,000 bytes; the router (its `max_message`) takes at most",
        ),
        (
            "SERVER: Sent",
            Exhausted,
            "the answer has 200,000 bytes; the router (its `max_message`) sends at most 102,400",
        ),
        ("CLIENT: Received", Exhausted, "the answer has 200,000 bytes; this client takes at most 102,400"),
    ],
)
async def test_whose_limit_it_is_stands_in_the_message(
    router: ScriptedRouter, client: AsyncClient, said: str, kind: type[TrunklineError], message: str
) -> None:
    """In gRPC's words of each case, with the status kept."""
    details = f"{said} message larger than max (200000 vs. 102400)"
    router.script.answers["Route"] = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, details)
    with pytest.raises(TrunklineError) as caught:
        await client.route("hi")
    assert type(caught.value) is kind
    assert caught.value.message.startswith(message)
    assert caught.value.details.status == "RESOURCE_EXHAUSTED"
