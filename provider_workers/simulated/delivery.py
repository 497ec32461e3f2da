"""Sends the steps of a response at the pace of a behaviour."""

import asyncio
from collections.abc import Iterable
from typing import Final

from provider_workers.simulated.recorder import RecordedRequest
from provider_workers.simulated.steps import FOREVER, Step, StepKind
from provider_workers.simulated.writer import ResponseWriter

_BATCH_BYTES: Final = 16 * 1024
_SHORTEST_SLEEP: Final = 0.0005


async def deliver(
    writer: ResponseWriter, steps: Iterable[Step], tokens_per_second: float, record: RecordedRequest
) -> None:
    """Send `steps`, then end the body, unless a step closed the connection.

    What is due at the same moment goes out in one write. Times are kept from the first token on, so that a late timer
    does not slow the stream down.
    """
    loop = asyncio.get_running_loop()
    pending = bytearray()
    due = loop.time()
    interval = 1.0 / tokens_per_second if tokens_per_second > 0 else 0.0
    for step in steps:
        if step.kind is StepKind.TOKEN:
            if interval:
                wait = due - loop.time()
                if wait > _SHORTEST_SLEEP:
                    await _flush(writer, pending)
                    await asyncio.sleep(wait)
                due += interval
            record.tokens_sent += 1
        pending += step.data
        if len(pending) >= _BATCH_BYTES:
            await _flush(writer, pending)
            await asyncio.sleep(0)
        if step.kind in _ACTIONS:
            await _flush(writer, pending)
            started = loop.time()
            if await _act(writer, step):
                return
            due += loop.time() - started
    await _flush(writer, pending)
    await writer.end()


async def pause(seconds: float) -> None:
    """Wait, for ever where `seconds` is infinite (until the client leaves or the server stops)."""
    if seconds == FOREVER:
        await asyncio.Event().wait()
    elif seconds > 0:
        await asyncio.sleep(seconds)


_ACTIONS: Final = frozenset({StepKind.STALL, StepKind.CUT, StepKind.CUT_IN_CHUNK, StepKind.RESET})


async def _flush(writer: ResponseWriter, pending: bytearray) -> None:
    if pending:
        await writer.body(bytes(pending))
        pending.clear()


async def _act(writer: ResponseWriter, step: Step) -> bool:
    """Do what the step says to the connection; whether it is closed now."""
    match step.kind:
        case StepKind.STALL:
            await pause(step.seconds)
            return False
        case StepKind.CUT:
            writer.cut()
        case StepKind.CUT_IN_CHUNK:
            await writer.cut_in_chunk()
        case _:
            await writer.reset()
    return True
