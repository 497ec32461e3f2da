"""Tells whether the provider really finished, and what it really sent.

litellm ends a stream that was cut as if it were whole. `received_finish_reason` of its wrapper is None then. Where that
is not enough (Anthropic and Gemini, litellm 1.106.2), the provider's own events are watched.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from litellm.llms.anthropic.chat.handler import ModelResponseIterator as AnthropicReader
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import ModelResponseIterator as GeminiReader

from provider_workers.backends.litellm.anthropic_events import AnthropicEvents
from provider_workers.backends.litellm.gemini_events import GeminiEvents
from provider_workers.backends.litellm.watched_lines import Events, WatchedLines

_LONGEST_TAIL = 1.0
"""Seconds that it may go on for, whatever it says."""

_TAIL = 0.25
"""Seconds that a provider which has said why it finished may take for what else it has to say."""

_BETWEEN = 5.0
"""Seconds for the same where it has said so with every text, so that more of them may follow."""

_EVENTS: Mapping[type, type[Events]] = {AnthropicReader: AnthropicEvents, GeminiReader: GeminiEvents}
"""By litellm's reader of the wire, whichever provider speaks it."""


class Watch:
    """Learns from what the provider itself sent whether, and why, it finished."""

    def __init__(self, wrapper: Any) -> None:
        """Watch `wrapper`, litellm's stream, whose connection must be open already, and of which nothing was read."""
        self._wrapper = wrapper
        self._events: Events | None = None
        self._lines: WatchedLines | None = None
        reader = wrapper.completion_stream
        if type(reader) in _EVENTS:
            self._events = _EVENTS[type(reader)]()
            self._lines = reader.streaming_response = WatchedLines(reader.streaming_response, self._events)

    def reason(self) -> str:
        """The finish reason that the provider sent, in OpenAI's words; empty where it sent none."""
        return str(self._wrapper.received_finish_reason or "") if self._events is None else self._events.reason

    def stops(self) -> int:
        """How many texts came, where each had a finish reason; 0: the reason is the end."""
        return 0 if self._events is None else self._events.stops

    def check(self) -> None:
        """Raise what is wrong with the provider's events, once litellm has read all before it.

        Raises:
            ProviderFailure: the provider reported an error; `STREAM_BROKEN`, an event cannot be read or taken.
        """
        if self._lines is not None and self._lines.failure is not None:
            raise self._lines.failure


async def until_finished(wrapper: Any, watch: Watch) -> AsyncGenerator[Any, None]:
    """litellm's chunks. It waits for the end of the body; a provider that has finished and keeps it open is left.

    Raises:
        ProviderFailure: as `Watch.check`.
    """
    chunks = aiter(wrapper)
    loop = asyncio.get_running_loop()
    until = math.inf
    stops = 0
    while loop.time() < until:
        reading = asyncio.ensure_future(anext(chunks))
        try:
            silent = 0.0
            while not (await asyncio.wait((reading,), timeout=_TAIL))[0]:
                if silent >= (_BETWEEN if watch.stops() else _TAIL):
                    return
                silent += _TAIL if watch.reason() else 0.0
            chunk = reading.result()
        except StopAsyncIteration:
            watch.check()
            return
        finally:
            if not reading.done():
                reading.cancel()
                await asyncio.wait((reading,))
        watch.check()
        yield chunk
        if watch.stops() != stops:
            stops, until = watch.stops(), math.inf
        if watch.reason():
            until = min(until, loop.time() + (_BETWEEN if stops else _LONGEST_TAIL))
