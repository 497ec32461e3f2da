"""What a wire is: it reads requests of one provider's API and writes answers and errors in that API's own format."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, Protocol

from provider_workers.simulated.catalogue import Catalogue
from provider_workers.simulated.exchange import Answer, ApiError, Ask, Operation, Reply, RequestRefused
from provider_workers.simulated.steps import Step, Substitutes

HeaderList = tuple[tuple[str, str], ...]

compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Context:
    """Who answers, to which request (a serial number), when (seconds since the epoch)."""

    provider: str
    serial: int
    now: float

    @property
    def request_id(self) -> str:
        """The id of the request, as the provider gives it in headers and bodies."""
        return f"req_sim{self.serial:012d}"


@dataclass(frozen=True, slots=True)
class Limits:
    """A provider's rate limits and what is left of them; `reset` is in seconds."""

    requests: int
    requests_left: int
    tokens: int
    tokens_left: int
    reset: float


class Wire(Protocol):
    """One provider's API."""

    @property
    def name(self) -> str:
        """The name of the wire, as it is given on the command line."""
        ...

    @property
    def stream_content_type(self) -> str:
        """The content type of a streamed answer."""
        ...

    def base_url(self, origin: str) -> str:
        """The URL that a client is configured with."""
        ...

    def operation(self, method: str, path: str) -> Operation | None:
        """The endpoint of that path, or None."""
        ...

    def read(self, operation: Operation, body: Mapping[str, Any]) -> Ask:
        """The request in the body. Raises `RequestRefused` for what the real API refuses."""
        ...

    def reply(self, ask: Ask, answer: Answer, context: Context) -> Reply:
        """A whole answer."""
        ...

    def steps(self, ask: Ask, answer: Answer, context: Context) -> Iterator[Step]:
        """A streamed answer, event by event."""
        ...

    def embedding(self, ask: Ask, context: Context) -> Reply:
        """The vectors of `ask.inputs`."""
        ...

    def metadata(
        self, operation: Operation, body: Mapping[str, Any], catalogue: Catalogue, context: Context
    ) -> Reply | Iterator[Step]:
        """The answer of an endpoint that does no inference."""
        ...

    def error(self, error: ApiError, context: Context) -> Reply:
        """A refusal."""
        ...

    def substitutes(self, ask: Ask, error: ApiError, context: Context) -> Substitutes:
        """The events that faults put into a stream."""
        ...

    def other_shape(self, ask: Ask) -> bytes:
        """Valid JSON, framed as this wire frames it, of a shape that no answer has."""
        ...

    def presented_key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The key that the request shows."""
        ...

    def headers(self, context: Context, limits: Limits | None) -> HeaderList:
        """The headers that every response of this provider has; with rate limits where `limits` is given."""
        ...


def retry_headers(error: ApiError) -> HeaderList:
    """The Retry-After header of an error, where it has one."""
    return (("retry-after", error.retry_after),) if error.retry_after is not None else ()


def retry_after_value(seconds: float, form: str, now: float) -> str:
    """Retry-After as seconds (whole ones where they are) or as an HTTP date."""
    if form == "date":
        return formatdate(now + seconds, usegmt=True)
    return str(int(seconds)) if float(seconds).is_integer() else str(seconds)


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts of which those with a `text` count."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part)
    return ""


def require(body: Mapping[str, Any], name: str, kind: type, message: str) -> Any:
    """The value of a required field. Raises `RequestRefused` with `message` where it is missing or of another type."""
    value = body.get(name)
    if not isinstance(value, kind):
        raise RequestRefused(ApiError("400", message=message, param=name))
    return value


def objects(body: Mapping[str, Any], name: str, message: str) -> list[Mapping[str, Any]]:
    """A required list of JSON objects. Raises `RequestRefused`, with `message` where the field is missing."""
    items = require(body, name, list, message)
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            text = f"Invalid type for '{name}[{index}]': expected an object."
            raise RequestRefused(ApiError("400", message=text, param=f"{name}[{index}]"))
    return list(items)


def optional_int(value: object, name: str) -> int | None:
    """A whole number or None. Raises `RequestRefused` for anything else."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise RequestRefused(ApiError("400", message=f"Invalid type for '{name}': expected an integer.", param=name))


def strings(value: object) -> tuple[str, ...]:
    """One string or a list of them as a tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, Iterable) else ()
