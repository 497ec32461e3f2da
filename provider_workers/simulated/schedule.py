"""Which behaviour the next request meets: a one-shot from the queue, the request's own wish, or the current one."""

import random
from collections import deque
from dataclasses import dataclass

from provider_workers.simulated.behaviour import Behaviour
from provider_workers.simulated.exchange import METADATA, Ask, JsonObject
from provider_workers.simulated.faults import Fault


@dataclass(frozen=True, slots=True)
class Turn:
    """What one request meets."""

    behaviour: Behaviour
    fault: Fault | None


class BehaviourSchedule:
    """The current behaviour, its faults' remaining strikes, and the queue of one-shot behaviours."""

    def __init__(self, initial: Behaviour, rng: random.Random) -> None:
        self._initial = initial
        self._rng = rng
        self._queue: deque[Behaviour] = deque()
        self._current = initial
        self._strikes: list[int] = []

    @property
    def current(self) -> Behaviour:
        """The behaviour that requests meet when the queue is empty."""
        return self._current

    @property
    def queued(self) -> int:
        """How many one-shot behaviours wait."""
        return len(self._queue)

    def set(self, behaviour: Behaviour) -> None:
        """Replace the current behaviour; the faults' strikes are counted anew."""
        self._current = behaviour
        self._strikes = [0] * len(behaviour.faults)

    def reset(self) -> None:
        """Go back to the initial behaviour and empty the queue."""
        self._queue.clear()
        self.set(self._initial)

    def enqueue(self, *behaviours: Behaviour) -> None:
        """Append one-shot behaviours, each for one of the next chat or embedding requests."""
        self._queue.extend(behaviours)

    def next(self, kind: str, model: str, ask: Ask | None, wish: JsonObject | None) -> Turn:
        """What a request of that kind for that model meets.

        Raises:
            ValueError: the request's own wish is not a behaviour.
        """
        if wish is not None:
            behaviour = self._current.merged(wish)
            return Turn(behaviour, self._struck(behaviour, kind, model, ask))
        if self._queue and kind != METADATA:
            behaviour = self._queue.popleft()
            return Turn(behaviour, self._struck(behaviour, kind, model, ask))
        return Turn(self._current, self._struck_again(kind, model, ask))

    def _struck(self, behaviour: Behaviour, kind: str, model: str, ask: Ask | None) -> Fault | None:
        return next((fault for fault in behaviour.faults if self._strikes_now(fault, kind, model, ask)), None)

    def _struck_again(self, kind: str, model: str, ask: Ask | None) -> Fault | None:
        if len(self._strikes) != len(self._current.faults):
            self._strikes = [0] * len(self._current.faults)
        for index, fault in enumerate(self._current.faults):
            # As a lasting behaviour this fault acts on the port: a request that comes through came after it.
            if fault.kind == "refuse_connection":
                continue
            if fault.times is not None and self._strikes[index] >= fault.times:
                continue
            if self._strikes_now(fault, kind, model, ask):
                self._strikes[index] += 1
                return fault
        return None

    def _strikes_now(self, fault: Fault, kind: str, model: str, ask: Ask | None) -> bool:
        if not fault.concerns(kind, model) or not _fits(fault, ask):
            return False
        return fault.probability >= 1.0 or self._rng.random() < fault.probability


def _fits(fault: Fault, ask: Ask | None) -> bool:
    """Whether the request has what a conditional fault takes offence at."""
    if ask is None:
        return True
    match fault.kind:
        case "prefill_refused":
            return ask.ends_with_assistant
        case "unsupported_parameter" if fault.parameter is not None:
            nested = (ask.raw.get("options"), ask.raw.get("generationConfig"))
            return fault.parameter in ask.raw or any(fault.parameter in (inner or {}) for inner in nested)
        case "context_exceeded" if fault.above_tokens is not None:
            return ask.prompt_tokens > fault.above_tokens
    return True
