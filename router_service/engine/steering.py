"""Which section of the configuration steers a request: rules, domains, lengths, tasks or tiers."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from router_service.domain.decision import Classification
from router_service.domain.policy import Condition, Preference, RoutingPolicy, Rule
from router_service.domain.request import Request

NAMED_MODEL_FOLLOWS = ("rules",)
"""A caller who names a model is only steered by rules: the rest says whom to prefer, and the caller has said it."""


class Steering(Struct, frozen=True):
    """What steers a request.

    Attributes:
        preference: None: nothing does.
        by: the rule's name, or the section and its entry (`task creative`), for a person.
    """

    preference: Preference | None = None
    by: str = ""


UNSTEERED = Steering()


class Steerer:
    """Finds the first section that fits, in the order rules, domains, lengths, tasks, tiers."""

    def __init__(self, policy: RoutingPolicy) -> None:
        """Keep the policy."""
        self._policy = policy
        self._domains = {domain.name: domain.use for domain in policy.domains}
        self._idle = not (policy.rules or policy.domains or policy.lengths or policy.tasks or policy.tiers)

    def steer(self, request: Request, found: Classification, wall: datetime, follows: tuple[str, ...]) -> Steering:
        """What steers a request whose profile follows these sections."""
        if self._idle:
            return UNSTEERED
        policy = self._policy
        if request.options.model:
            follows = tuple(section for section in follows if section in NAMED_MODEL_FOLLOWS)
        if "rules" in follows and (rule := _first(policy.rules, request, found, wall)) is not None:
            return Steering(rule.use, rule.name)
        if "domains" in follows and (use := self._domains.get(found.domain)) is not None:
            return Steering(use, f"domain {found.domain}")
        if "lengths" in follows and (rule := _first(policy.lengths, request, found, wall)) is not None:
            return Steering(rule.use, f"length {rule.name}")
        if "tasks" in follows and (use := policy.tasks.get(found.task)) is not None:
            return Steering(use, f"task {found.task.label}")
        if "tiers" in follows and (use := policy.tiers.get(found.complexity)) is not None:
            return Steering(use, f"tier {found.complexity.label}")
        return UNSTEERED


def holds(when: Condition, request: Request, found: Classification, wall: datetime) -> bool:
    """Whether everything that a condition says is true of a request."""
    return (
        _one_of(when.sensitivities, found.sensitivity)
        and _one_of(when.complexities, found.complexity)
        and _one_of(when.tasks, found.task)
        and _one_of(when.domains, found.domain)
        and _one_of(when.tenants, request.tenant)
        and _one_of(when.regions, request.options.region)
        and _one_of(when.weekdays, wall.weekday())
        and _long_enough(when, request, found)
        and all(request.labels.get(key) == value for key, value in when.labels.items())
        and (when.hours is None or _within(when.hours, wall))
    )


def _one_of(wanted: frozenset[object] | frozenset[str] | frozenset[int], value: object) -> bool:
    return not wanted or value in wanted


def _long_enough(when: Condition, request: Request, found: Classification) -> bool:
    tokens = found.input_tokens
    if when.input_tokens_above is not None and tokens <= when.input_tokens_above:
        return False
    if when.input_tokens_below is not None and tokens >= when.input_tokens_below:
        return False
    if when.min_context_above is not None and (request.options.min_context or 0) <= when.min_context_above:
        return False
    if when.output_tokens_above is None:
        return True
    limit = request.max_output_tokens
    return (found.expected_output_tokens if limit is None else limit) > when.output_tokens_above


def _within(hours: tuple[int, int], wall: datetime) -> bool:
    start, end = hours
    minute = wall.hour * 60 + wall.minute
    return start <= minute < end if start <= end else minute >= start or minute < end


def _first(rules: Iterable[Rule], request: Request, found: Classification, wall: datetime) -> Rule | None:
    return next((rule for rule in rules if holds(rule.when, request, found, wall)), None)
