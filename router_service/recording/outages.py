"""Says in one line that a target was taken out, since somebody must do something about a key or an account."""

import logging

from router_service.domain.attempt import AttemptRecord

_LOG = logging.getLogger(__name__)


class OutageLog:
    """Implements `AttemptObserver`. An outage is said once, until the target has answered again."""

    def __init__(self) -> None:
        """Begin with none out."""
        self._out: set[str] = set()

    def attempt_settled(self, record: AttemptRecord) -> None:
        """See `AttemptObserver.attempt_settled`."""
        failure = record.outcome.failure
        if failure is None:
            if self._out and record.decision_id:
                self._out.difference_update((record.target, record.target.partition("/")[0]))
            return
        if not record.decision_id or not failure.takes_out:
            return
        name = record.target.partition("/")[0] if failure.backend_wide else record.target
        if name in self._out:
            return
        self._out.add(name)
        _LOG.warning(
            "%s is out, until its configuration changes or a probe succeeds: %s",
            name,
            failure.kind,  # without the provider's words, which may quote a prompt
        )
