"""Fixtures for the whole suite: the real components, each started once and only where a test asks for it."""

pytest_plugins = ["tests.support.jaeger", "tests.support.ollama", "tests.support.postgres", "tests.support.redis"]
