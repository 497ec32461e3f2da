"""What outlives a router process, and what keeps it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from router_service.domain.changes import Change


class Journal(Protocol):
    """Keeps operators' changes, for this router's next start and for the other routers."""

    async def append(self, changes: Sequence[Change]) -> None:
        """Keep changes.

        Raises:
            NotKept: they could not be.
        """
        ...

    async def news(self) -> Sequence[Change]:
        """What was kept since the last call (at first: ever) and not by this router, oldest first.

        Raises:
            NotKept: the changes cannot be read.
        """
        ...


class Measured(Protocol):
    """Something that measures, and can go on where an earlier process ended."""

    def export(self) -> Mapping[str, Mapping[str, Any]]:
        """What was measured by name, as plain JSON values; `age`: seconds since the newest measurement."""
        ...

    def restore(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        """Take what `export` gave in an earlier process, with the age that it has by now."""
        ...
