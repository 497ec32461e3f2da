"""One attempt without a link: a backend that says what it is told, and a sink that keeps what a router would hear."""

from collections.abc import AsyncIterator, Sequence

from provider_workers.attempt import RunningAttempt
from provider_workers.backends.base import Finish, Piece, Work
from provider_workers.orders import Order, Report
from service_common.vocabulary import FinishReason
from tests.support.backends import TwoModels

PATIENCE = 20.0
STOP = Finish(FinishReason.STOP)


class Says(TwoModels):
    """Answers with these pieces."""

    def __init__(self, *pieces: Piece, finish: Finish = STOP) -> None:
        """Know what to say."""
        super().__init__()
        self._pieces = pieces
        self._finish = finish

    async def complete(self, work: Work) -> AsyncIterator[Sequence[Piece]]:
        """All at once."""
        yield (*self._pieces, self._finish)


class Told:
    """Takes an attempt's reports, and gives it credit for what it says, now and then."""

    def __init__(self, granted: int) -> None:
        """Grant so much, again and again."""
        self.reports: list[Report] = []
        self._granted = granted
        self.attempt: RunningAttempt | None = None

    def report(self, attempt_id: int, report: Report) -> None:
        """Keep a report, and renew the credit."""
        self.reports.append(report)
        if self.attempt is not None:
            self.attempt.credit.add(self._granted)

    async def fetch_body(self, order: Order) -> bytes:
        """None is fetched."""
        raise AssertionError(order)

    async def upload_body(self, attempt_id: int, body: bytes) -> None:
        """None is uploaded."""
        raise AssertionError(attempt_id)
