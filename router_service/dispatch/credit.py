"""Flow control of one attempt: how many bytes of deltas a worker may send before its caller has read."""

from router_service.domain.events import Delta, ToolCallDelta

CREDIT_WINDOW = 64 * 1024
"""Bytes of deltas that one attempt may have unread."""


def delta_size(delta: Delta) -> int:
    """What a delta costs: the bytes (UTF-8) of its text, or of a tool call's arguments. Workers count the same."""
    text = delta.arguments_json if isinstance(delta, ToolCallDelta) else delta.text
    return len(text) if text.isascii() else len(text.encode())


class CreditLine:
    """Counts what a worker has sent and what the caller has read."""

    __slots__ = ("_renew_at", "_unread", "_unrenewed", "_window")

    def __init__(self, window: int = CREDIT_WINDOW) -> None:
        """Begin with `window` bytes, renewed in steps of at least half of it."""
        self._window = window
        self._renew_at = max(1, window // 2)
        self._unread = 0
        self._unrenewed = 0

    def receive(self, size: int) -> bool:
        """Count what arrived; False: the worker sent twice what it was allowed."""
        self._unread += size
        return self._unread <= 2 * self._window

    def read(self) -> int:
        """Count everything that waited as read; returns the bytes of credit to be granted now, 0: none yet."""
        self._unrenewed += self._unread
        self._unread = 0
        if self._unrenewed < self._renew_at:
            return 0
        granted, self._unrenewed = self._unrenewed, 0
        return granted
