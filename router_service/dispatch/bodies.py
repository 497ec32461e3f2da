"""Results too large for a frame: they arrive beside the link and wait for the word that the attempt is finished."""

from dataclasses import dataclass, field

MOST_BYTES_EACH = 64 * 1024 * 1024
MOST_BYTES_TOGETHER = 256 * 1024 * 1024


class UploadTooLarge(Exception):
    """A result is larger than the router takes; the message names the limit."""


@dataclass(slots=True)
class Upload:
    """A result that is arriving."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0


class UploadStore:
    """Bodies of results, by attempt, with a bound for each and for all together."""

    def __init__(self, each: int = MOST_BYTES_EACH, together: int = MOST_BYTES_TOGETHER) -> None:
        """Take the bounds in bytes."""
        self._each = each
        self._together = together
        self._uploads: dict[int, Upload] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size

    def append(self, attempt_id: int, chunk: bytes) -> int:
        """Keep one more piece; returns the bytes of this body so far.

        Raises:
            UploadTooLarge: the body, or all bodies together, exceed the bound; what was kept of it is dropped.
        """
        upload = self._uploads.setdefault(attempt_id, Upload())
        if upload.size + len(chunk) > self._each:
            self.drop(attempt_id)
            raise UploadTooLarge(f"the result is larger than {self._each} bytes")
        if self._size + len(chunk) > self._together:
            self.drop(attempt_id)
            raise UploadTooLarge(f"the results that wait are larger than {self._together} bytes together")
        upload.chunks.append(chunk)
        upload.size += len(chunk)
        self._size += len(chunk)
        return upload.size

    def take(self, attempt_id: int) -> bytes | None:
        """The whole body, which is then forgotten; None: none was uploaded."""
        upload = self._uploads.pop(attempt_id, None)
        if upload is None:
            return None
        self._size -= upload.size
        return b"".join(upload.chunks)

    def drop(self, attempt_id: int) -> None:
        """Forget a body; without effect where there is none."""
        upload = self._uploads.pop(attempt_id, None)
        if upload is not None:
            self._size -= upload.size
