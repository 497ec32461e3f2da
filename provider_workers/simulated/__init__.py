"""Simulated providers: the real wire formats, byte for byte, with faults on demand.

Every response says that it is simulated.
"""

from provider_workers.simulated.behaviour import Behaviour
from provider_workers.simulated.faults import Fault
from provider_workers.simulated.providers import SimulatedProviders
from provider_workers.simulated.recorder import RecordedRequest
from provider_workers.simulated.spec import ProviderSpec

__all__ = ["Behaviour", "Fault", "ProviderSpec", "RecordedRequest", "SimulatedProviders"]
