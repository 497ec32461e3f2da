"""Fixtures for the whole suite: the real components, each started once and only where a test asks for it."""

from hypothesis import settings

pytest_plugins = ["tests.support.jaeger", "tests.support.ollama", "tests.support.postgres", "tests.support.redis"]

settings.register_profile("patient", deadline=None)  # a busy machine takes longer over an example
settings.load_profile("patient")
