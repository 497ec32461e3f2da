"""What the configuration says, as the settings of the router's parts."""

from typing import TYPE_CHECKING

from router_service.calls.idempotency import IdempotencySettings
from router_service.calls.upkeep import UpkeepSettings
from router_service.calls.waiting import WaitingSettings
from router_service.config.running import Running
from router_service.server.requests import probe_prompt
from router_service.state.circuit import CircuitSettings
from router_service.state.limits import LimitBook
from router_service.state.shared_limits import SharingSettings
from router_service.state.table import TableSettings

if TYPE_CHECKING:
    from router_service.state.redis import RedisSharing


def table_settings(running: Running) -> TableSettings:
    """What the table goes by."""
    section = running.configuration.circuit
    circuit = CircuitSettings(
        failures_in_row=section.failures_in_row,
        window=section.window,
        failure_share=section.failure_share,
        open_for=section.open_for,
        open_for_max=section.open_for_max,
    )
    return TableSettings(circuit=circuit, default_cooldown=section.default_cooldown)


def upkeep_settings(running: Running) -> UpkeepSettings:
    """What is done for targets beside the calls."""
    section = running.configuration.probes
    warm_up = {name: backend.warm_up for name, backend in running.catalogue.backends.items()}
    return UpkeepSettings(
        interval=section.interval,
        timeout=section.timeout,
        paid=section.paid,
        prompt=probe_prompt(),
        warm_up=warm_up,
    )


def waiting_settings(running: Running) -> WaitingSettings:
    """How calls wait."""
    section = running.configuration.waiting
    return WaitingSettings(length=section.length, queue_timeout=section.queue_timeout)


def idempotency_settings(running: Running) -> IdempotencySettings:
    """How long answers are kept for those who repeat a call."""
    section = running.configuration.idempotency
    return IdempotencySettings(ttl=section.ttl, grace=section.grace, entries=section.entries, memory=section.memory)


def sharing(address: str, running: Running, book: LimitBook) -> "RedisSharing":
    """What replicas share through the Redis at `address`.

    Raises:
        ValueError: its packages are not installed.
    """
    section = running.configuration.shared
    # Redis's libraries take 0.2 s to import, which a router that is alone does not pay.
    try:
        from router_service.state.redis import RedisSharing  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(f"shared.redis needs more packages ({error}): pip install 'trunkline[redis]'") from error
    settings = SharingSettings(refresh=section.refresh, timeout=section.timeout, prefix=section.prefix)
    return RedisSharing(address, settings, book)
