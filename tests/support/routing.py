"""Small worlds for tests of the engine and its plugins: targets, a table, a clock that stands still."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from msgspec.structs import replace

from router_service.contracts.engine import Catalogue
from router_service.contracts.plugins import Classifier, Filter, Picker, PluginSource, Scorer
from router_service.domain.policy import RoutingPolicy
from router_service.domain.profile import Profile
from router_service.domain.request import PromptMessage, Request, RoutingOptions
from router_service.domain.target import BackendPolicy, Price, TableSnapshot, TargetMetrics, TargetSpec, TargetView
from router_service.engine.engine import RoutingEngine
from router_service.plugins.builtin import built_in_plugins
from router_service.state.token_counter import TokenCounter
from service_common.configuration.defaults import built_in_profiles
from service_common.vocabulary import Operation, PluginKind, TargetState
from tests.support.settings import attempt_limits, cache_limits


def _profile_fields(written: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in written.items()}


BUILT_IN_PROFILES: Mapping[str, Profile] = {
    name: Profile(name, attempts=attempt_limits(), **_profile_fields(fields))
    for name, fields in built_in_profiles().items()
}
WALL = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
"""A Monday noon."""
DOLLAR = 1_000_000_000


class SharedClassifiers:
    """The built-in plugins, with classifiers of default settings built once: compiling patterns takes a while."""

    def __init__(self) -> None:
        self._registry = built_in_plugins()
        self._built: dict[str, Classifier] = {}

    def names(self, kind: PluginKind) -> Sequence[str]:
        return self._registry.names(kind)

    def classifier(self, name: str, settings: Mapping[str, Any]) -> Classifier:
        if settings.get(name) not in (None, {}, {"domains": {}}):
            return self._registry.classifier(name, settings)
        return self._built.setdefault(name, self._built.get(name) or self._registry.classifier(name, {}))

    def filter(self, name: str, settings: Mapping[str, Any]) -> Filter:
        return self._registry.filter(name, settings)

    def scorer(self, name: str, settings: Mapping[str, Any]) -> Scorer:
        return self._registry.scorer(name, settings)

    def picker(self, name: str, settings: Mapping[str, Any]) -> Picker:
        return self._registry.picker(name, settings)


SHARED = SharedClassifiers()


class StillClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: float = 1000.0, wall: datetime = WALL) -> None:
        self.time = now
        self.date = wall

    def now(self) -> float:
        return self.time

    def wall(self) -> datetime:
        return self.date


def price(dollars_in: float, dollars_out: float) -> Price:
    """Dollars per million tokens."""
    return Price(round(dollars_in * DOLLAR), round(dollars_out * DOLLAR), round(dollars_in * DOLLAR / 2))


def spec(name: str, **facts: Any) -> TargetSpec:
    """A chat target that can do everything, at $1 and $2 per million tokens."""
    backend, _, model = name.partition("/")
    given: dict[str, Any] = {
        "price": price(1, 2),
        "context_window": 128_000,
        "quality": 0.7,
        "abilities": frozenset({"vision", "tools", "json_schema", "files", "streaming"}),
    }
    return TargetSpec(name, backend, model, backend, **(given | facts))


def view(target: TargetSpec | str, metrics: Mapping[str, Any] | None = None, **row: Any) -> TargetView:
    """A ready row of the table with room for ten attempts."""
    made = spec(target) if isinstance(target, str) else target
    given: dict[str, Any] = {"state": TargetState.READY, "workers": 1, "capacity": 10}
    return TargetView(made, metrics=TargetMetrics(**(metrics or {})), **(given | row))


def snapshot(*views: TargetView) -> TableSnapshot:
    """The table."""
    return TableSnapshot({one.name: one for one in sorted(views, key=lambda one: one.name)}, 1000.0)


def ask(
    text: str = "Tell me about trunk lines", *, request: Mapping[str, Any] | None = None, **options: Any
) -> Request:
    """A request with one user message; keywords are routing options, `request` holds the request's own fields."""
    made = Request(Operation.COMPLETE, b"", (PromptMessage("user", text),), options=RoutingOptions(**options))
    return replace(made, **(request or {}))


def catalogue(views: Sequence[TargetView], **parts: Any) -> Catalogue:
    """A configuration that lists these targets, with the built-in profiles."""
    given: dict[str, Any] = {
        "version": "test",
        "targets": {one.name: one.spec for one in views},
        "backends": {
            one.spec.backend: BackendPolicy(one.spec.backend, "openai_wire", one.spec.provider) for one in views
        },
        "aliases": {},
        "profiles": BUILT_IN_PROFILES,
        "default_profile": "balanced",
        "policy": policy(),
    }
    given |= parts
    given["profiles"] = {**BUILT_IN_PROFILES, **given["profiles"]}
    return Catalogue(**given)


def engine_for(
    views: Sequence[TargetView],
    *,
    clock: StillClock | None = None,
    random: Random | None = None,
    plugins: PluginSource | None = None,
    **parts: Any,
) -> RoutingEngine:
    """An engine over these targets; keywords are parts of the catalogue."""
    return RoutingEngine(
        catalogue(views, **parts),
        plugins or SHARED,
        clock or StillClock(),
        random or Random(7),
        TokenCounter(),
    )


def with_profile(name: str, **fields: Any) -> dict[str, Profile]:
    """A profile of its own, by quality unless `scorers` says otherwise."""
    return {name: Profile(name, **{"scorers": {"quality": 1.0}, "attempts": attempt_limits(), **fields})}


def policy(**sections: Any) -> RoutingPolicy:
    """The sections that steer requests."""
    return RoutingPolicy(cache_limits(), **sections)
