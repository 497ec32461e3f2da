"""Server-sent events as litellm can read them: whole, one at a time, without what only keeps a connection busy.

litellm builds an object of every line, of comments and empty ones too (1 ms each), reads one line of data per event
alone, and takes the separators of Unicode inside a text for ends of lines.
"""

from provider_workers.backends.lines import MAX_LINE, LineSplitter, LineTooLongError
from provider_workers.backends.shapes import broken

_NO_EVENT = (b":", b"id:", b"retry:")
_DATA = b"data:"
_ESCAPED = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


class WholeEvents:
    """Cuts a body into events, whatever its chunking. Lines that belong to no event stream pass as they are."""

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._event: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes, each with its empty line.

        Raises:
            ProviderFailure: `STREAM_BROKEN`, a line or an event without an end.
        """
        try:
            return self._take(self._lines.feed(chunk))
        except LineTooLongError as error:
            raise broken(f"the provider sent {error}") from error

    def end(self) -> list[bytes]:
        """The last event, where the body ended without its empty line."""
        return self._take([self._lines.rest(), b""])

    def _take(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if not line:
                if self._event:
                    events.append(_written(self._event))
                    self._event, self._size = [], 0
            elif not line.startswith(_NO_EVENT):
                self._event.append(line)
                self._size += len(line)
                if self._size > MAX_LINE:
                    raise broken(f"the provider sent an event of more than {MAX_LINE} bytes")
        return events


def _written(event: list[bytes]) -> bytes:
    """An event with JSON on a single line: line ends are blanks to JSON, and its texts may be escaped."""
    data = [line for line in event if line.startswith(_DATA)]
    whole = b"\n".join(event)
    if data and data[0][len(_DATA) :].lstrip().startswith((b"{", b"[")):
        if len(data) > 1:
            named = [line for line in event if not line.startswith(_DATA)]
            whole = b"\n".join((*named, _DATA + b" ".join(line[len(_DATA) :] for line in data)))
        for separator, escape in _ESCAPED:
            if separator in whole:
                whole = whole.replace(separator, escape)
    return whole + b"\n\n"
