"""Notices when the machine's date is set, or its clock stood still: limits that replicas share go by it."""

import asyncio
import logging

from service_common.clock import Clock

LOOK_AGAIN = 1.0
JUMP = 1.0
"""Seconds between two looks, and seconds that the date may differ from what has passed since the last."""

_LOG = logging.getLogger(__name__)


class ClockWatch:
    """Compares the date with a clock that never jumps.

    Attributes:
        jumps: since the start.
    """

    def __init__(self, clock: Clock) -> None:
        """Take the difference of the two clocks as it is now."""
        self._clock = clock
        self._offset = self._difference()
        self.jumps = 0

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            self.look()

    def look(self) -> None:
        """Look once. A clock that is put right little by little does not jump."""
        offset = self._difference()
        jumped, self._offset = offset - self._offset, offset
        if abs(jumped) > JUMP:
            self.jumps += 1
            _LOG.warning("the machine's date jumped by %+.1f s; deadlines and circuits go by another clock", jumped)

    def _difference(self) -> float:
        return self._clock.wall().timestamp() - self._clock.now()
