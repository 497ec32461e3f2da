"""Cuts a provider's bytes into lines, whatever their chunking: single bytes, split UTF-8, giant lines."""

MAX_LINE = 32 * 1024 * 1024
"""Bytes after which a line without an end is taken for nonsense rather than kept."""


class LineTooLongError(ValueError):
    """The provider sends a line without an end."""


class LineSplitter:
    """Collects bytes and gives out whole lines without their line ends. Linear in the bytes fed."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._pending_size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes.

        Raises:
            LineTooLongError: more than `MAX_LINE` bytes came without a line end.
        """
        if b"\n" not in chunk:
            self._keep(chunk)
            return []
        if self._pending:
            chunk = b"".join((*self._pending, chunk))
            self._pending.clear()
            self._pending_size = 0
        lines = chunk.split(b"\n")
        tail = lines.pop()
        if tail:
            self._keep(tail)
        return [line.removesuffix(b"\r") for line in lines] if b"\r" in chunk else lines

    def rest(self) -> bytes:
        """What came after the last line end; empties the splitter."""
        rest = b"".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        return rest.rstrip(b"\r")

    def _keep(self, chunk: bytes) -> None:
        self._pending.append(chunk)
        self._pending_size += len(chunk)
        if self._pending_size > MAX_LINE:
            raise LineTooLongError(f"a line of more than {MAX_LINE} bytes")
