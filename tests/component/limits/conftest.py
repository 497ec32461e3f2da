"""The simulated providers and routers of the router's tests."""

from tests.component.router.conftest import simulated, start

__all__ = ["simulated", "start"]
