"""Which requests a simulated provider received and how each ended."""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

COMPLETED: Final = "completed"
CLIENT_CLOSED: Final = "client_closed"
IN_PROGRESS: Final = "in_progress"
SHUT_DOWN: Final = "shut_down"

_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"}
)


@dataclass(slots=True)
class RecordedRequest:
    """One request. Times are seconds since the epoch; `outcome` is `completed`, `client_closed`, `fault:NAME`,
    `refused` (an ordinary 4xx), `shut_down` or, still under way, `in_progress`. `fault` is the fault that struck,
    whatever the outcome. `path` has no query; keys in the headers are scrubbed. `body` is the request's JSON, where the
    recorder keeps bodies.
    """

    id: int
    provider: str
    path: str
    started: float
    headers: dict[str, str]
    model: str = ""
    stream: bool = False
    first_byte: float | None = None
    ended: float | None = None
    tokens_sent: int = 0
    status: int | None = None
    outcome: str = IN_PROGRESS
    fault: str | None = None
    prompt_sha256: str | None = None
    body: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(slots=True)
class Recorder:
    """The last `limit` requests, with `bodies` or without, and exact counts of all of them by provider and outcome."""

    limit: int = 10_000
    bodies: bool = False
    now: Callable[[], float] = time.time
    _ring: deque[RecordedRequest] = field(init=False)
    _counts: dict[str, Counter[str]] = field(init=False, default_factory=dict)
    _ids: Iterator[int] = field(init=False, default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._ring = deque(maxlen=self.limit)

    def begin(self, provider: str, path: str, headers: Mapping[str, str]) -> RecordedRequest:
        """Record that a request arrived."""
        scrubbed = {name: "[scrubbed]" if name.lower() in _SECRET_HEADERS else value for name, value in headers.items()}
        record = RecordedRequest(next(self._ids), provider, path, self.now(), scrubbed)
        self._ring.append(record)
        self._counts.setdefault(provider, Counter())["received"] += 1
        return record

    def end(self, record: RecordedRequest, outcome: str) -> None:
        """Record how a request ended; the first ending counts."""
        if record.ended is not None:
            return
        record.ended = self.now()
        record.outcome = outcome
        self._counts.setdefault(record.provider, Counter())[outcome] += 1

    def requests(self, provider: str | None = None) -> list[RecordedRequest]:
        """The requests that are still held, oldest first."""
        return [record for record in self._ring if provider is None or record.provider == provider]

    def counts(self) -> dict[str, dict[str, int]]:
        """By provider: `received`, and one count per outcome. Never truncated."""
        return {provider: dict(counter) for provider, counter in self._counts.items()}

    def clear(self) -> None:
        """Forget the requests and the counts."""
        self._ring.clear()
        self._counts.clear()
