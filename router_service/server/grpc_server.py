"""The gRPC server: its options, the services beside our own (health, reflection), and how it stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from router_service.server.handling import CallBoundary

log = logging.getLogger(__name__)

KEEPALIVE_MILLISECONDS = 10_000
SHORTEST_PING_MILLISECONDS = 5_000
STOP_TIMEOUT = 5.0
MOST_PENDING = 100_000
"""Calls that wait until the event loop takes them. Of more than 1,000 gRPC itself would cancel some, which no metric
and no log line would show; how many may be in progress is for the waiting room to say."""


class PortInUse(Exception):
    """Another process listens on the address; the message says what to do."""


def new_server(max_message_bytes: int) -> grpc.aio.Server:
    """A server that neither grows its buffers for an unread stream, nor retries, nor shares its port unnoticed."""
    return grpc.aio.server(
        options=[
            ("grpc.http2.bdp_probe", 0),
            ("grpc.so_reuseport", 0),
            ("grpc.enable_retries", 0),
            ("grpc.server.max_pending_requests", MOST_PENDING),
            ("grpc.server.max_pending_requests_hard_limit", MOST_PENDING),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.keepalive_time_ms", KEEPALIVE_MILLISECONDS),
            ("grpc.keepalive_timeout_ms", KEEPALIVE_MILLISECONDS),
            ("grpc.http2.ping_timeout_ms", KEEPALIVE_MILLISECONDS),  # else a lost caller is noticed after 60 s more
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", SHORTEST_PING_MILLISECONDS),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    )


def listen(server: grpc.aio.Server, address: str) -> int:
    """Bind the server; the port that it got.

    Raises:
        PortInUse: the address is taken or is not this host's.
    """
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise PortInUse(
            f"cannot listen on {address}: another process has the port, or the address is not this host's. "
            "Stop it, or choose another with --listen HOST:PORT (port 0: any free one)."
        ) from error
    return port


class Lifecycle:
    """Starts serving, and stops so that no call is lost: NOT_SERVING, lame duck, drain, then stop."""

    def __init__(self, server: grpc.aio.Server, services: Sequence[str], boundary: CallBoundary) -> None:
        """Add health and reflection for `services` to the server. The first is the one that applications call."""
        self._server = server
        self._services = services
        self._boundary = boundary
        self._health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(
            (*services, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME), server
        )

    async def start(self) -> None:
        """Begin to serve operators and workers; balancers are told to send applications elsewhere until `admit`."""
        calls, *others = self._services
        await self._health.set(calls, health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()
        for service in ("", *others):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def admit(self) -> None:
        """Say that applications may call; without effect once it stops."""
        await self._health.set(self._services[0], health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, lame_duck: float, grace: float, close_workers: Callable[[str], Awaitable[None]]) -> None:
        """Stop serving.

        Args:
            lame_duck: seconds in which balancers learn that this router leaves, while it still takes calls.
            grace: seconds for the calls in progress.
            close_workers: ends the workers' streams, once no call needs them.
        """
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(lame_duck)
        stopping = asyncio.ensure_future(self._server.stop(grace + STOP_TIMEOUT))
        if not await self._boundary.wait_until_idle(grace):
            log.warning("%d calls were still in progress after %.0f s; they are cut off", self._boundary.active, grace)
        await close_workers("the router is stopping")
        await self._server.stop(None)
        await stopping
