"""A health and load table with workers attached, and what happens to its rows."""

from msgspec.structs import replace

from router_service.contracts.dispatch import Refusal
from router_service.dispatch.attempt import Attempt
from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.signals import Failed, Finished
from router_service.domain.switches import Switch, switched
from router_service.domain.target import BackendPolicy, TargetView
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason, TargetState
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, order, spec

DONE = Finished(Answer(FinishReason.STOP), Usage(10, 20))
DISCOVERING = BackendPolicy("a", "ollama", "ollama", discover=True)


def parts() -> Parts:
    """A router with `a/m`, `a/n` and `b/m`, a worker of each backend attached."""
    found = Parts(catalogue(spec("a/m"), spec("a/n"), spec("b/m")))
    found.link.attach(hello(models=("m", "n")), KeptLink(), "peer")
    found.link.attach(hello("w2", "b"), KeptLink(), "peer")
    return found


def row(parts: Parts, target: str = "a/m") -> TargetView:
    """The target's row now."""
    return parts.table.snapshot().targets[target]


def end(parts: Parts, attempt: Attempt, last: Finished | Failed = DONE) -> None:
    """The worker's last word."""
    session = next(s for s in parts.sessions if attempt.attempt_id in s.attempts)
    parts.link.deliver(session, attempt.attempt_id, last)


def failing(parts: Parts, failure_class: FailureClass, times: int = 1, **more: object) -> None:
    """So many attempts on `a/m` that fail."""
    for _ in range(times):
        failure = replace(Failure(failure_class, "went wrong"), **more)
        end(parts, parts.start("a/m"), Failed(failure, None))


def switch(parts: Parts, name: str, state: TargetState, reason: str = "") -> None:
    """What an operator does."""
    parts.table.apply_switches(switched(parts.table.switches, name, Switch(state, reason)))


def refused(parts: Parts, target: str = "a/m", **changes: object) -> Refusal:
    """The refusal of an attempt."""
    answer = parts.registry.start(order(parts.clock, parts.catalogue.targets[target], **changes))
    assert isinstance(answer, Refusal)
    return answer
