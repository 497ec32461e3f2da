"""Several simulated providers in one process: the entry for tests and for `python -m provider_workers.simulated`."""

import asyncio
import random
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final

from provider_workers.simulated.behaviour import Behaviour
from provider_workers.simulated.faults import one_of
from provider_workers.simulated.provider import SimulatedProvider
from provider_workers.simulated.recorder import RecordedRequest, Recorder
from provider_workers.simulated.spec import ProviderSpec

_POLL: Final = 0.005


class SimulatedProviders:
    """Simulated providers, each on its own port, within `async with`.

    Raises:
        ValueError: two providers of one name, or none (on construction).
        OSError: a port is in use (on entering).
    """

    def __init__(
        self, specs: Iterable[ProviderSpec], *, seed: int = 0, record_limit: int = 10_000, record_bodies: bool = False
    ) -> None:
        self.recorder = Recorder(record_limit, record_bodies)
        self._providers: dict[str, SimulatedProvider] = {}
        for spec in specs:
            if spec.name in self._providers:
                raise ValueError(f'two providers have the name "{spec.name}"')
            rng = random.Random(f"{seed}/{spec.name}")
            self._providers[spec.name] = SimulatedProvider(spec, self.recorder, rng)
        if not self._providers:
            raise ValueError("name at least one provider to simulate")

    async def __aenter__(self) -> "SimulatedProviders":
        try:
            for provider in self._providers.values():
                await provider.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def names(self) -> list[str]:
        """The providers' names."""
        return list(self._providers)

    def provider(self, name: str) -> SimulatedProvider:
        """The provider of that name. Raises ValueError with the nearest name where there is none."""
        one_of("provider", name, self._providers)
        return self._providers[name]

    def base_url(self, name: str) -> str:
        """The URL that a client of that provider is configured with."""
        return self.provider(name).base_url

    def set_behaviour(self, name: str, behaviour: Behaviour) -> None:
        """Change how a provider behaves from the next request on."""
        self.provider(name).set_behaviour(behaviour)

    def reset_behaviour(self, name: str) -> None:
        """Go back to the behaviour of the start, and forget the queue."""
        self.provider(name).reset_behaviour()

    def enqueue(self, name: str, *behaviours: Behaviour) -> None:
        """Append one-shot behaviours, each for one of the next chat or embedding requests."""
        self.provider(name).schedule.enqueue(*behaviours)

    def requests(self, name: str | None = None) -> list[RecordedRequest]:
        """The recorded requests of one provider or of all, oldest first."""
        if name is not None:
            self.provider(name)
        return self.recorder.requests(name)

    def counts(self) -> dict[str, dict[str, int]]:
        """By provider: `received`, and one count per outcome."""
        return self.recorder.counts()

    def clear_requests(self) -> None:
        """Forget the recorded requests and counts."""
        self.recorder.clear()

    async def wait_for_request(
        self, name: str, matches: Callable[[RecordedRequest], bool], timeout: float = 5.0
    ) -> RecordedRequest:
        """The first recorded request of `name` that matches, once there is one. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while True:
                found = next((record for record in self.requests(name) if matches(record)), None)
                if found is not None:
                    return found
                await asyncio.sleep(_POLL)

    async def _stop(self) -> None:
        await asyncio.gather(*(provider.stop() for provider in self._providers.values()))
