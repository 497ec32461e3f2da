"""A response as a sequence of steps, and what a fault makes of it. Pure: no socket is touched here."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from provider_workers.simulated.faults import Fault

FOREVER = float("inf")


class StepKind(Enum):
    """What a step is: bytes of a meaning, or something done to the connection."""

    HEAD = auto()
    TOKEN = auto()
    FINISH = auto()
    USAGE = auto()
    DONE = auto()
    STALL = auto()
    CUT = auto()
    CUT_IN_CHUNK = auto()
    RESET = auto()


class Step(NamedTuple):
    """One step. `data` are whole events of the wire; `seconds` is the length of a stall."""

    kind: StepKind
    data: bytes = b""
    seconds: float = 0.0


class Substitutes(NamedTuple):
    """What the wire supplies for faults: an error event, a broken event, and the filtered ending."""

    error: Callable[[], bytes]
    malformed: Callable[[], bytes]
    filtered: Callable[[], bytes]


def with_fault(steps: Iterable[Step], fault: Fault, substitutes: Substitutes) -> Iterator[Step]:
    """The steps of a healthy response as `fault` changes them; other faults than those of a stream change nothing."""
    kind = fault.kind
    seconds = FOREVER if fault.seconds is None else fault.seconds
    if kind == "silent_before_first_token":
        return _chain(Step(StepKind.STALL, seconds=seconds), steps)
    if kind in _DROPPED:
        return _dropping(steps, kind, keep_open=fault.keep_open, seconds=seconds)
    if kind == "duplicate_finish":
        return _repeating_finish(steps)
    inserted = _inserted(kind, seconds, substitutes)
    if inserted is None:
        return iter(steps)
    return _interrupted(steps, fault.tokens_before, inserted, goes_on=kind in ("stall", "malformed_chunk"))


_DROPPED = {
    "no_finish_reason": (StepKind.FINISH, StepKind.USAGE, StepKind.DONE),
    "no_done": (StepKind.DONE,),
}


def _inserted(kind: str, seconds: float, substitutes: Substitutes) -> Step | None:
    match kind:
        case "stall":
            return Step(StepKind.STALL, seconds=seconds)
        case "cut":
            return Step(StepKind.CUT)
        case "cut_chunked":
            return Step(StepKind.CUT_IN_CHUNK)
        case "reset":
            return Step(StepKind.RESET)
        case "malformed_chunk":
            return Step(StepKind.HEAD, substitutes.malformed())
        case "error_in_stream":
            return Step(StepKind.HEAD, substitutes.error())
        case "content_filter_mid_stream":
            return Step(StepKind.FINISH, substitutes.filtered())
    return None


def _interrupted(steps: Iterable[Step], after: int, inserted: Step, *, goes_on: bool) -> Iterator[Step]:
    """`inserted` before token number `after` + 1, or at the end of an answer that is shorter."""
    tokens = 0
    struck = False
    for step in steps:
        at_place = step.kind is StepKind.TOKEN and tokens == after
        if not struck and (at_place or step.kind in (StepKind.FINISH, StepKind.DONE)):
            struck = True
            yield inserted
            if not goes_on:
                return
        tokens += step.kind is StepKind.TOKEN
        yield step


def _dropping(steps: Iterable[Step], kind: str, *, keep_open: bool, seconds: float) -> Iterator[Step]:
    dropped = _DROPPED[kind]
    for step in steps:
        if step.kind not in dropped:
            yield step
    if keep_open:
        yield Step(StepKind.STALL, seconds=seconds)


def _repeating_finish(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.kind is StepKind.FINISH:
            yield step


def _chain(first: Step, rest: Iterable[Step]) -> Iterator[Step]:
    yield first
    yield from rest


def whole_with_fault(body: bytes, fault: Fault, error: Callable[[], bytes]) -> Iterator[Step]:
    """The steps of an answer that is not streamed as `fault` changes them: a half of the body counts as a token."""
    half = len(body) // 2
    match fault.kind:
        case "malformed_chunk":
            return iter((Step(StepKind.TOKEN, body[:half]),))
        case "error_in_stream":
            return iter((Step(StepKind.TOKEN, error()),))
        case "silent_before_first_token":
            seconds = FOREVER if fault.seconds is None else fault.seconds
            return iter((Step(StepKind.STALL, seconds=seconds), Step(StepKind.TOKEN, body)))
    inserted = _inserted(fault.kind, FOREVER if fault.seconds is None else fault.seconds, _NOTHING)
    if inserted is None or fault.kind == "content_filter_mid_stream":
        return iter((Step(StepKind.TOKEN, body),))
    halves = (Step(StepKind.TOKEN, body[:half]), Step(StepKind.TOKEN, body[half:]))
    after = 0 if fault.tokens_before == 0 else 1
    return _interrupted(halves, after, inserted, goes_on=fault.kind == "stall")


_NOTHING = Substitutes(error=bytes, malformed=bytes, filtered=bytes)
