"""What the configuration says of kinds of requests, as the engine reads it."""

from collections.abc import Iterable, Mapping

from router_service.domain.policy import CacheLimits, Condition, Domain, Preference, RoutingPolicy, Rule
from service_common.configuration.policies import ConditionSection, DomainSection, PreferenceSection, RuleSection
from service_common.configuration.schema import Configuration

Aliases = Mapping[str, tuple[str, ...]]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MINUTES_PER_DAY = 24 * 60


def build_policy(configuration: Configuration, aliases: Aliases) -> RoutingPolicy:
    """The steering sections of a configuration, with `aliases` (nested ones resolved) put in."""
    return RoutingPolicy(
        rules=tuple(_rule("rules", i, rule, aliases) for i, rule in enumerate(configuration.rules)),
        domains=tuple(_domain(name, domain, aliases) for name, domain in configuration.domains.items()),
        lengths=tuple(_rule("lengths", i, rule, aliases) for i, rule in enumerate(configuration.lengths)),
        tasks={task: _preference(section, aliases) for task, section in configuration.tasks.items()},
        tiers={tier: _preference(section, aliases) for tier, section in configuration.tiers.items()},
        ensembles={name: dict(ensemble.profiles) for name, ensemble in configuration.ensembles.items()},
        classifiers=dict(configuration.classifiers),
        cache=CacheLimits(ttl=configuration.decision_cache.ttl, entries=configuration.decision_cache.entries),
    )


def expand(members: Iterable[str], aliases: Aliases) -> tuple[str, ...]:
    """The targets that `members` stand for, in order, each once."""
    return tuple(dict.fromkeys(target for member in members for target in aliases.get(member, (member,))))


def _preference(section: PreferenceSection, aliases: Aliases) -> Preference:
    return Preference(expand(section.use, aliases), section.restrict, section.profile)


def _domain(name: str, section: DomainSection, aliases: Aliases) -> Domain:
    return Domain(name, _preference(section, aliases), section.keywords, section.min_keywords, dict(section.labels))


def _rule(section: str, position: int, rule: RuleSection, aliases: Aliases) -> Rule:
    return Rule(rule.name or f"{section}[{position}]", _condition(rule.when), _preference(rule, aliases))


def _condition(when: ConditionSection) -> Condition:
    return Condition(
        sensitivities=frozenset(when.sensitivity),
        complexities=frozenset(when.complexity),
        tasks=frozenset(when.task),
        domains=frozenset(when.domain),
        input_tokens_above=when.input_tokens_above,
        input_tokens_below=when.input_tokens_below,
        output_tokens_above=when.output_tokens_above,
        min_context_above=when.min_context_above,
        labels=dict(when.labels),
        tenants=frozenset(when.tenant),
        regions=frozenset(when.region),
        hours=_hours(when),
        weekdays=frozenset(_WEEKDAYS.index(day) for day in when.weekdays),
    )


def _hours(when: ConditionSection) -> tuple[int, int] | None:
    if when.after is None and when.before is None:
        return None
    start = 0 if when.after is None else _minutes(when.after)
    return start, _MINUTES_PER_DAY if when.before is None else _minutes(when.before)


def _minutes(time_of_day: str) -> int:
    hours, minutes = time_of_day.split(":")
    return int(hours) * 60 + int(minutes)
