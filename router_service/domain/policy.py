"""What the configuration says about kinds of requests: rules, domains, lengths, tasks, tiers and ensembles."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from service_common.vocabulary import Complexity, Sensitivity, Task

NO_WORDS: Mapping[str, str] = MappingProxyType({})


class Preference(Struct, frozen=True):
    """Whom a kind of request is meant for.

    Attributes:
        targets: in the order of preference, aliases resolved; empty: as the profile ranks them.
        restrict: whether others are out, or only come after them.
        profile: the profile to apply instead of the default and of the caller's; empty: none.
    """

    targets: tuple[str, ...] = ()
    restrict: bool = False
    profile: str = ""


class Domain(Struct, frozen=True):
    """A subject (medical, legal, ...) and whom it is meant for.

    Attributes:
        keywords: whole words or phrases, in any case, that tell the subject.
        min_keywords: how many different ones must occur.
        labels: request labels, all of which tell the subject.
    """

    name: str
    use: Preference
    keywords: tuple[str, ...] = ()
    min_keywords: int = 1
    labels: Mapping[str, str] = NO_WORDS


class Condition(Struct, frozen=True):
    """When a rule applies: everything that is said must hold; what is empty or None is not asked.

    Attributes:
        input_tokens_above, input_tokens_below: estimated tokens of the prompt.
        output_tokens_above: of the answer, as the caller limits it, else as expected.
        min_context_above: of the context window that the caller asks for, tokens.
        labels: all of them, with these values.
        regions: of the caller.
        hours: minutes of the day in UTC, from and until (exclusive); a span may pass midnight.
        weekdays: 0 Monday .. 6 Sunday, UTC.
    """

    sensitivities: frozenset[Sensitivity] = frozenset()
    complexities: frozenset[Complexity] = frozenset()
    tasks: frozenset[Task] = frozenset()
    domains: frozenset[str] = frozenset()
    input_tokens_above: int | None = None
    input_tokens_below: int | None = None
    output_tokens_above: int | None = None
    min_context_above: int | None = None
    labels: Mapping[str, str] = NO_WORDS
    tenants: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    hours: tuple[int, int] | None = None
    weekdays: frozenset[int] = frozenset()


class Rule(Struct, frozen=True):
    """One of the ordered rules; the first whose condition holds steers the request."""

    name: str
    when: Condition
    use: Preference


class CacheLimits(Struct, frozen=True):
    """How long (seconds) and how many classifications are kept; 0 entries: none."""

    ttl: float
    entries: int


class RoutingPolicy(Struct, frozen=True):
    """The sections of the configuration that steer requests. Where several fit, the first in this order does.

    Attributes:
        cache: of classifications.
        rules, domains: in order; the first that fits.
        lengths: rules about the length of prompt and answer, in order.
        tasks, tiers: by the detected or given task and complexity.
        ensembles: weights by profile name, by the ensemble's name.
        classifiers: the classifiers' settings, by classifier name.
    """

    cache: CacheLimits
    rules: tuple[Rule, ...] = ()
    domains: tuple[Domain, ...] = ()
    lengths: tuple[Rule, ...] = ()
    tasks: Mapping[Task, Preference] = MappingProxyType({})
    tiers: Mapping[Complexity, Preference] = MappingProxyType({})
    ensembles: Mapping[str, Mapping[str, float]] = MappingProxyType({})
    classifiers: Mapping[str, Any] = MappingProxyType({})
