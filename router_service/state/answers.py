"""Who answered lately, so that a caller's judgement of an answer finds its target."""

from collections import OrderedDict
from collections.abc import Callable

from router_service.domain.attempt import AttemptRecord
from router_service.domain.errors import NotFound

MOST_ANSWERS = 10_000


class RecentAnswers:
    """Target and task of the newest answers by decision id. An `AttemptObserver`; implements `Judgements`."""

    def __init__(self, report_quality: Callable[[str, float, str], None], most: int = MOST_ANSWERS) -> None:
        """Keep the newest `most`; hand judgements of them to `report_quality` as target, quality and task."""
        self._report_quality = report_quality
        self._most = most
        self._answers: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def attempt_settled(self, record: AttemptRecord) -> None:
        """Remember who answered."""
        if not (record.outcome.succeeded and record.decision_id):
            return
        self._answers[record.decision_id] = (record.target, record.task)
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def report(self, decision_id: str, quality: float) -> str:
        """See `Judgements.report`."""
        answer = self._answers.get(decision_id)
        if answer is None:
            message = f'no answer of decision "{decision_id}" is remembered; the newest {self._most:,} are, per router'
            raise NotFound(message)
        target, task = answer
        self._report_quality(target, quality, task)
        return target
