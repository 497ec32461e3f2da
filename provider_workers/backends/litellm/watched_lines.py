"""Reads a provider's own events ahead of litellm, which leaves out what it cannot read and makes up what is missing.

litellm 1.106.2 drops events that are no JSON, says "stop" where no finish reason came, joins in what follows one, and
knows neither events on several lines nor, for Gemini, comments. So its readers of Anthropic's and Gemini's streams are
given lines of which each holds one event that was checked; the first that is unsound ends the stream.
"""

import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.litellm.errors import reported
from provider_workers.backends.ndjson import parse_object
from provider_workers.backends.shapes import broken, count_of
from provider_workers.backends.sse import SseParser


class Events(Protocol):
    """One answer's events on one wire.

    Attributes:
        reason: why the answer ended, in OpenAI's words; empty as long as it did not.
        ended: the wire's end mark came.
        stops: texts so far, where each came with a reason of its own, so that none of them need be the last; else 0.
    """

    reason: str
    ended: bool
    stops: int

    def read(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What litellm is to read of an event; None: nothing.

        Raises:
            ProviderFailure: the provider reports an error; `STREAM_BROKEN`, what the event should hold is lost.
        """
        ...

    def check(self) -> None:
        """Raise the failure that the last event told of behind what litellm is to read of it.

        Raises:
            ProviderFailure: as `read`.
        """
        ...


class WatchedLines:
    """The lines of a response for litellm. `failure` is why they ended early, once all before it was handed out."""

    def __init__(self, lines: AsyncGenerator[str, None], events: Events) -> None:
        """Read `lines`, as httpx cuts them, when they are asked for."""
        self._lines = lines
        self._events = events
        self._parser = SseParser()
        self._ready: deque[str] = deque()
        self._found: ProviderFailure | None = None
        self._over = False
        self._any = False
        self.failure: ProviderFailure | None = None

    def __aiter__(self) -> "WatchedLines":
        return self

    async def __anext__(self) -> str:
        while not self._ready:
            if self._over or self._found is not None:
                self.failure = self._found
                raise StopAsyncIteration
            try:
                line = await anext(self._lines)
            except StopAsyncIteration:
                self._over = True
                self._take(self._parser.end())
                self._check_error_alone()
            else:
                self._take(self._parser.feed(f"{line}\n".encode()))
        return self._ready.popleft()

    async def aclose(self) -> None:
        """Let go of the response."""
        await self._lines.aclose()

    def _take(self, found: list[bytes]) -> None:
        try:
            self._check_foreign()
            for data in found:
                event = self._parsed(data)
                kept = self._events.read(event) if event else None
                if kept is not None:
                    self._ready.append(f"data: {json.dumps(kept)}")
                self._events.check()
        except ProviderFailure as failure:
            self._found = failure

    def _parsed(self, data: bytes) -> Mapping[str, Any]:
        """The event's object; empty where it holds nothing, and for rubbish behind the end mark."""
        try:
            event = parse_object(data)
        except ValueError as error:
            if self._events.ended or data.strip() in (b"", b"null", b"[DONE]"):
                return {}
            raise broken(f"the stream holds a malformed event ({len(data)} bytes)") from error
        if not self._any:
            self._any = True
            self._parser.foreign = b""  # what stands before the first event is none that was lost
        return event

    def _check_foreign(self) -> None:
        """Break an answer among whose events stands a line of none: it may be the rest of one that was lost."""
        if self._any and self._parser.foreign.strip() and not self._events.ended:
            raise broken("the stream holds a line that belongs to no event")

    def _check_error_alone(self) -> None:
        """Take bare JSON in the place of an event stream for the error that it may hold."""
        if self._any or not self._parser.foreign.startswith(b"{"):
            return
        try:
            said = parse_object(self._parser.foreign).get("error")
        except ValueError:
            return  # no event came, which the reader of litellm's chunks tells as it is
        if said:
            self._found = reported(said)


def sound_usage(usage: object) -> Mapping[str, Any] | None:
    """A provider's counts of tokens without those that are null; None where one of them is no count.

    litellm reckons with whatever stands there, and breaks the answer over it or makes a sum of it.
    """
    return _without_null(usage) if isinstance(usage, dict) and _sound(usage) else None


def _sound(value: object, name: str = "") -> bool:
    if isinstance(value, dict):
        return all(_sound(inner, key) for key, inner in value.items())
    if isinstance(value, list):
        return all(isinstance(inner, dict) and _sound(inner) for inner in value)
    if name.endswith(("okenCount", "_tokens", "sDetails")):
        return value is None or (count_of(value) is not None and not name.endswith("sDetails"))
    return True


def _without_null(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in usage.items() if value is not None}
