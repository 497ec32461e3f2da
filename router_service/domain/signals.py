"""What a worker says of one attempt, as the attempt loop reads it."""

from dataclasses import dataclass

from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.events import Delta


@dataclass(frozen=True, slots=True)
class Responded:
    """The provider accepted the request and began to answer."""

    http_status: int


@dataclass(frozen=True, slots=True)
class PullProgressed:
    """How far a model pull has come; bytes, 0 where not known."""

    status: str
    completed_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole. `usage` None: the provider reported none. `body`: an embedding's serialised result."""

    answer: Answer
    usage: Usage | None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed. `usage` None: not known."""

    failure: Failure
    usage: Usage | None


AttemptSignal = Delta | Responded | Usage | PullProgressed | Finished | Failed
