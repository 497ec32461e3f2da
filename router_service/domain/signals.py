"""What a worker says of one attempt, as the attempt loop reads it."""

from msgspec import Struct

from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.events import Delta


class Responded(Struct, frozen=True):
    """The provider accepted the request and began to answer."""

    http_status: int


class PullProgressed(Struct, frozen=True):
    """How far a model pull has come; bytes, 0 where not known."""

    status: str
    completed_bytes: int
    total_bytes: int


class Finished(Struct, frozen=True):
    """The answer is whole. `usage` None: the provider reported none. `body`: an embedding's serialised result."""

    answer: Answer
    usage: Usage | None
    body: bytes = b""


class Failed(Struct, frozen=True):
    """The attempt failed. `usage` None: not known."""

    failure: Failure
    usage: Usage | None


AttemptSignal = Delta | Responded | Usage | PullProgressed | Finished | Failed
