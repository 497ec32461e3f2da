"""The settings of the router's parts, as the configuration's defaults make them."""

from typing import Any, TypeVar

from msgspec import Struct

from router_service.calls.idempotency import IdempotencySettings
from router_service.calls.upkeep import UpkeepSettings
from router_service.calls.waiting import WaitingSettings
from router_service.domain.policy import CacheLimits
from router_service.domain.profile import AttemptLimits
from router_service.state.circuit import CircuitSettings
from router_service.state.shared_limits import SharingSettings
from router_service.state.table import TableSettings
from service_common.configuration.capacity import IdempotencySection, SharedSection, WaitingSection
from service_common.configuration.policies import DecisionCacheSection
from service_common.configuration.profiles import AttemptsSection
from service_common.configuration.reliability import CircuitSection, ProbesSection
from service_common.configuration.section import Section

_Settings = TypeVar("_Settings", bound=Struct)


def attempt_limits(**changes: Any) -> AttemptLimits:
    """How often and how long targets are tried."""
    return _settings(AttemptLimits, AttemptsSection(), changes)


def cache_limits(**changes: Any) -> CacheLimits:
    """How many classifications are kept, and how long."""
    return _settings(CacheLimits, DecisionCacheSection(), changes)


def circuit_settings(**changes: Any) -> CircuitSettings:
    """When a circuit opens and for how long."""
    return _settings(CircuitSettings, CircuitSection(), changes)


def idempotency_settings(**changes: Any) -> IdempotencySettings:
    """How long answers are kept for those who repeat a call."""
    return _settings(IdempotencySettings, IdempotencySection(), changes)


def sharing_settings(**changes: Any) -> SharingSettings:
    """How replicas exchange what they count."""
    return _settings(SharingSettings, SharedSection(), changes)


def table_settings() -> TableSettings:
    """What the table goes by."""
    return TableSettings(circuit=circuit_settings(), default_cooldown=CircuitSection().default_cooldown)


def upkeep_settings(**changes: Any) -> UpkeepSettings:
    """How targets are kept fit, with neither a prompt nor a model to keep warm."""
    return _settings(UpkeepSettings, ProbesSection(), {"prompt": b"", "warm_up": {}, **changes})


def waiting_settings(**changes: Any) -> WaitingSettings:
    """How calls wait."""
    return _settings(WaitingSettings, WaitingSection(), changes)


def _settings(kind: type[_Settings], section: Section, changes: dict[str, Any]) -> _Settings:
    said = {name: getattr(section, name) for name in kind.__struct_fields__ if name not in changes}
    return kind(**said, **changes)
