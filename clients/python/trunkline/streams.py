"""Answers as they come: an iterator over events that cancels the call when it is left."""

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from grpc import aio

from trunkline._collecting import Collector
from trunkline._failures import foreign_errors, readable
from trunkline._responses import event_of
from trunkline.answers import Answer
from trunkline.events import Completed, Event
from trunkline.router.v1 import router_service_pb2 as router_pb2


class _Stream:
    """What both kinds of stream know."""

    def __init__(self, address: str) -> None:
        """Nothing has come yet."""
        self._address = address
        self._collector = Collector()
        self._ended = False

    @property
    def text(self) -> str:
        """The text that is valid so far."""
        return self._collector.text

    @property
    def answer(self) -> Answer:
        """The whole answer, once the stream has been read to its end.

        Raises:
            ProtocolError: it has not.
        """
        return self._collector.answer()

    def _take(self, message: router_pb2.StreamCompleteResponse) -> Event | None:
        """The message's event, if it is to be shown now: `Completed` waits for the status."""
        event = event_of(message)
        if event is None:
            return None
        self._collector.add(event)
        return None if isinstance(event, Completed) else event


class AsyncAnswerStream(_Stream, AsyncIterator[Event]):
    """An answer as it comes. Leaving `async with`, or `aclose`, cancels what still runs.

    Iterating raises the errors of `trunkline.errors`: `ProtocolError` where a stream ends without its end, `Cancelled`
    where somebody else closes it meanwhile.
    """

    def __init__(self, call: "aio.UnaryStreamCall[Any, router_pb2.StreamCompleteResponse]", address: str) -> None:
        """Read from a call that has begun."""
        super().__init__(address)
        self._call = call

    async def __anext__(self) -> Event:
        """The next event."""
        if self._ended:
            raise StopAsyncIteration
        try:
            event = await self._next()
        except BaseException:
            await self.aclose()
            raise
        self._ended = isinstance(event, Completed)
        return event

    async def _next(self) -> Event:
        """The next event that is to be shown."""
        while True:
            with foreign_errors(self._address):
                message = readable(await self._call.read())
            if not isinstance(message, router_pb2.StreamCompleteResponse):  # the end, with the status OK
                return self._collector.end()
            event = self._take(message)
            if event is not None:
                return event

    async def collect(self) -> Answer:
        """Read to the end; the whole answer."""
        async for _ in self:
            pass
        return self.answer

    async def aclose(self) -> None:
        """Cancel the call, if it still runs."""
        self._ended = True
        self._call.cancel()

    async def __aenter__(self) -> Self:
        """The stream itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what still runs."""
        await self.aclose()


class _SyncCall(Protocol):
    """What a sync stub's stream call offers."""

    def __next__(self) -> router_pb2.StreamCompleteResponse:
        """The next message."""

    def cancel(self) -> object:
        """End the call."""


class AnswerStream(_Stream, Iterator[Event]):
    """As `AsyncAnswerStream`, for code without asyncio."""

    def __init__(self, call: _SyncCall, address: str) -> None:
        """Read from a call that has begun."""
        super().__init__(address)
        self._call = call

    def __next__(self) -> Event:
        """The next event."""
        if self._ended:
            raise StopIteration
        try:
            event = self._next()
        except BaseException:
            self.close()
            raise
        self._ended = isinstance(event, Completed)
        return event

    def _next(self) -> Event:
        """The next event that is to be shown."""
        while True:
            with foreign_errors(self._address):
                message = next(self._call, None)
            if message is None:
                return self._collector.end()
            event = self._take(message)
            if event is not None:
                return event

    def collect(self) -> Answer:
        """Read to the end; the whole answer."""
        for _ in self:
            pass
        return self.answer

    def close(self) -> None:
        """Cancel the call, if it still runs."""
        self._ended = True
        self._call.cancel()

    def __enter__(self) -> Self:
        """The stream itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what still runs."""
        self.close()
