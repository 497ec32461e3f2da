"""What a worker process needs to know, as values. `provider_workers.arguments` builds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from service_common.vocabulary import Sensitivity

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """The one backend that a worker owns.

    Attributes:
        name: as the configuration names it.
        kind: which adapter serves it: `openai_wire`, `ollama`, `litellm`.
        provider: whose models these are, for facts and prices.
        base_url: where the provider is, with the version path (`https://api.openai.com/v1`).
        api_key: the provider's key; None where there is none.
        missing: why the worker cannot serve at all (a variable that is not set); empty where it can.
        models: the models to announce; with `discover` also those that the provider lists.
        discover: whether to announce what the provider lists.
        dialect: the provider's variant of the wire; empty: by the provider's name.
        ca_file: certificate authorities to trust; empty: the system's.
        headers: sent with every request.
        options: merged into every request body, below the caller's own.
        connect_timeout: seconds for connecting.
        keep_alive: how long a local server keeps the model in memory, as it spells it; empty: its default.
        pull: whether models that are not there may be fetched.
        proxied: whether proxies from the environment are used.
        offline: nothing outside this host and private networks may be reached, nor asked for an address.
        simulated: a simulated provider stands in for the real one.
    """

    name: str
    kind: str
    provider: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    missing: str = ""
    models: tuple[str, ...] = ()
    discover: bool = False
    dialect: str = ""
    ca_file: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    options: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    connect_timeout: float = 5.0
    keep_alive: str = ""
    pull: bool = False
    proxied: bool = True
    offline: bool = False
    simulated: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not leave the worker."""
        keys = (self.api_key,) if self.api_key else ()
        return (*keys, *self.headers.values())


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """One worker process.

    Attributes:
        routers: `host:port` of the routers; each address that a name resolves to is attached to.
        token: shown to the routers; empty: none.
        worker_id: identifies the worker across reconnects.
        epoch: grows with each start.
        clearance: the highest sensitivity let through; None: by kind and locality.
        capacity: most attempts at once.
        drain_grace: seconds that running attempts get when the worker is told to stop.
    """

    backend: BackendSettings
    routers: tuple[str, ...]
    worker_id: str
    epoch: int
    token: str = field(default="", repr=False)
    clearance: Sensitivity | None = None
    capacity: int = 64
    region: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    simulated: bool = False
    drain_grace: float = 30.0
