"""Fixtures for the whole suite: the real components, each started once and only where a test asks for it."""

import os
import signal

from hypothesis import settings

pytest_plugins = ["tests.support.jaeger", "tests.support.ollama", "tests.support.postgres", "tests.support.redis"]

settings.register_profile("patient", deadline=None)  # a busy machine takes longer over an example
settings.load_profile("patient")


def pytest_configure() -> None:
    """Heed interrupts, as do then all processes that tests start, and keep litellm's import from the network.

    A shell has what it starts in the background ignore SIGINT, and that is inherited. It is mended here and not in each
    process before its `exec`: Python code between the two (`preexec_fn`) needs a real fork of a process whose other
    threads are in gRPC, and some of those crash.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
