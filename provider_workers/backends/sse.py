"""Server-sent events, as the WHATWG HTML standard section 9.2 defines them, from bytes in any chunking.

Lines may end in LF or CRLF; a lone CR, which the standard also allows, no provider sends.
"""

from provider_workers.backends.lines import LineSplitter

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseParser:
    """Turns chunks of bytes into the data of events. Event names and identifiers are not kept: JSON says it all."""

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._data: list[bytes] = []
        self._started = False
        self.foreign: bytes = b""
        """The first line that belongs to no event stream, such as HTML or bare JSON; empty where there was none."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that `chunk` completes.

        Raises:
            LineTooLongError: a line without an end.
        """
        return self._take(self._lines.feed(chunk))

    def end(self) -> list[bytes]:
        """The last event, where the body ended without its blank line."""
        rest = self._lines.rest()
        return self._take([rest, b""] if rest else [b""])

    def _take(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        if lines and not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(b"\n".join(data))
                    data.clear()
            elif line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not self.foreign and not line.startswith((b":", b"event", b"id", b"retry", b"data")):
                self.foreign = line
        return events
