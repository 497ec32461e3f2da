"""Keeps a worker attached to every router, for ever: dials, re-attaches with jitter, follows the routers' addresses."""

import asyncio
import logging
from collections.abc import Callable
from random import Random

import grpc
from grpc.aio import Channel

from provider_workers.link.resolve import resolve
from provider_workers.link.session import Ended, Session
from provider_workers.worker import Announcement, Worker
from trunkline.worker.v1.worker_service_pb2 import Welcome

FIRST_DELAY = 0.1
LONGEST_DELAY = 2.0
SLOW_DELAY = 5.0
"""Seconds between tries where only a person can help, such as with a wrong token."""

RESOLVE_INTERVAL = 30.0
UNRESOLVED_INTERVAL = 2.0
LEAVE_TIMEOUT = 1.0
CLOSE_TIMEOUT = 1.0

CHANNEL_OPTIONS = (
    ("grpc.http2.bdp_probe", 0),  # else an unread stream may swallow megabytes
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),  # proxies in the environment are for the provider
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 10_000),  # how long one try may take, whatever the name says
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # else a lost router is noticed 60 s later
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    ("grpc.max_send_message_length", 8 * 1024 * 1024),
)
_FINAL = frozenset({grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT})
_SLOW = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED})
_LOG = logging.getLogger(__name__)


class RefusedError(Exception):
    """A router refuses this worker for good: another protocol version, an unknown backend, or a newer start of it."""


class Link:
    """The worker's attachments. `run` it in one task; `leave` it in good order."""

    def __init__(self, worker: Worker, version: str, random: Random) -> None:
        """Dial nothing yet; the worker's announcements go to every router from now on."""
        self._worker = worker
        self._version = version
        self._random = random
        self._sessions: dict[str, Session] = {}
        self._owners: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refused: asyncio.Future[str] | None = None
        self._leaving = False
        worker.announce = self._announce

    @property
    def attached(self) -> int:
        """Routers that the worker is attached to."""
        return len(self._sessions)

    async def run(self) -> None:
        """Stay attached until cancelled.

        Raises:
            RefusedError: a router has a newer start of this worker, or refuses it for good while no other takes it.
        """
        self._refused = asyncio.get_running_loop().create_future()
        try:
            while not self._refused.done():
                interval = await self._follow()
                await asyncio.wait([self._refused], timeout=interval)
            raise RefusedError(self._refused.result())
        finally:
            await self._cancel(list(self._tasks.values()))

    async def leave(self, reason: str, grace: float) -> None:
        """Take no more work, let what runs finish within `grace` seconds, then end every stream in good order."""
        self._leaving = True
        self._worker.drain(reason)
        for address, task in self._tasks.items():
            if address not in self._sessions:
                task.cancel()  # it dials, or waits to: there is nobody to take leave of
        for session in self._sessions.values():
            session.say_draining(reason)
        try:
            async with asyncio.timeout(grace):
                await self._worker.attempts.idle()
        except TimeoutError:
            _LOG.warning("%d attempts were not done within %g s", self._worker.attempts.in_flight, grace)
            await self._worker.attempts.close()
        for session in self._sessions.values():
            session.leave()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=LEAVE_TIMEOUT)

    async def _follow(self) -> float:
        """Attach to addresses that are new, let go of those that are gone; returns seconds until the next look."""
        addresses, trouble = await resolve(self._worker.settings.routers)
        if trouble:
            _LOG.warning("%s; trying again", trouble)
        for address in addresses:
            known = self._tasks.get(address)
            if (known is None or known.done()) and not self._leaving:
                self._tasks[address] = asyncio.create_task(self._stay_attached(address))
        gone = [address for address in self._tasks if address not in addresses and address not in self._sessions]
        if not trouble:
            await self._cancel([self._tasks.pop(address) for address in gone])
        return UNRESOLVED_INTERVAL if trouble else RESOLVE_INTERVAL

    async def _stay_attached(self, address: str) -> None:
        """Hold the link to one router until the worker leaves; one that breaks down is made anew."""
        while not self._leaving:
            try:
                await self._hold(address)
            except Exception:
                _LOG.exception("the link to the router at %s broke down; dialling again", address)
                await asyncio.sleep(SLOW_DELAY)

    async def _hold(self, address: str) -> None:
        """Attach again and again over one channel, until the worker leaves."""
        channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        complaint = ""
        failures = 0
        try:
            while True:
                ended = await self._attach(address, channel)
                if self._leaving:
                    return
                failures = 0 if ended.router_id else failures + 1
                said = _explained(address, ended)
                if said != complaint or ended.router_id:
                    _LOG.warning("%s", said)
                complaint = "" if ended.router_id else said
                if self._is_final(ended):
                    self._give_up(said)
                await asyncio.sleep(self._delay(ended, failures))
                await self._elsewhere_no_more(ended.router_id, address)
        finally:
            await _close(channel, address)

    async def _elsewhere_no_more(self, router_id: str, address: str) -> None:
        """Wait while the same router, met at another address, has our attachment: a second one would fence it."""
        while self._owners.get(router_id, address) != address:  # noqa: ASYNC110
            await asyncio.sleep(SLOW_DELAY)

    async def _attach(self, address: str, channel: Channel) -> Ended:
        token = self._worker.settings.token
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        session = Session(self._worker, channel, metadata, self._version, self._welcomed(address))
        try:
            ended = await session.run()
        finally:
            if self._sessions.get(address) is session:
                del self._sessions[address]
                for router_id in [known for known, owner in self._owners.items() if owner == address]:
                    del self._owners[router_id]
        return ended

    def _welcomed(self, address: str) -> Callable[[Session, Welcome], None]:
        def take(session: Session, welcome: Welcome) -> None:
            self._sessions[address] = session
            if welcome.router_id:
                self._owners[welcome.router_id] = address
            _LOG.info("attached to the router at %s", address)

        return take

    def _announce(self, said: Announcement) -> None:
        for session in self._sessions.values():
            session.announce(said)

    def _is_final(self, ended: Ended) -> bool:
        """Whether trying again is pointless: this worker is replaced, or refused while no other router takes it."""
        if ended.code is grpc.StatusCode.ABORTED:
            return True
        return ended.code in _FINAL and not ended.router_id and not self._sessions

    def _give_up(self, said: str) -> None:
        if self._refused is not None and not self._refused.done():
            self._refused.set_result(said)

    def _delay(self, ended: Ended, failures: int) -> float:
        """Seconds before the next try: full jitter over a doubling range, the first below 0.2 s."""
        if ended.code in _SLOW or ended.code in _FINAL:
            return SLOW_DELAY
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures, 10))
        return self._random.uniform(FIRST_DELAY / 2, max(FIRST_DELAY, longest))

    async def _cancel(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            _, deaf = await asyncio.wait(tasks, timeout=2 * CLOSE_TIMEOUT)
            if deaf:
                _LOG.warning("%d links did not end within %g s", len(deaf), 2 * CLOSE_TIMEOUT)


async def _close(channel: Channel, address: str) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await channel.close()
    except TimeoutError:
        _LOG.warning("the channel to the router at %s did not close within %g s", address, CLOSE_TIMEOUT)


def _explained(address: str, ended: Ended) -> str:
    """Why the worker is not attached, and what to do, for a person."""
    where = f"the router at {address}"
    match ended.code:
        case None:
            return f"{where} ended the stream; attaching again"
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return f"{where} does not accept this worker's token ({ended.details}). Set TRUNKLINE_WORKER_TOKEN to its"
        case grpc.StatusCode.UNIMPLEMENTED:
            return f"{where} serves no workers: is it a Trunkline router?"
        case grpc.StatusCode.ABORTED:
            return (
                f"{where} has a newer start of this worker: {ended.details}. Give each replica a worker id of its own"
            )
        case grpc.StatusCode.UNAVAILABLE if not ended.router_id:
            return f"{where} cannot be reached; trying again"
        case code if ended.router_id:
            return f"{where} was lost ({code.name}: {ended.details}); attaching again"
        case code:
            return f"{where} refuses this worker ({code.name}): {ended.details}"
