"""Each process knows its own secrets alone."""

import pytest

from trunkline.cli.processes.environment import child_environment, looks_secret

BASE = {
    "PATH": "/bin",
    "HTTPS_PROXY": "http://proxy:3128",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=x",
    "OPENAI_API_KEY": "sk-1",
    "GROQ_API_KEY": "gsk-2",
    "AWS_SECRET_ACCESS_KEY": "s3",
    "UNUSED_TOKEN": "t4",
    "OLLAMA_BASE_URL": "http://ollama:11434",
}


def test_a_worker_gets_its_own_variables_alone() -> None:
    """Another backend's key, and secrets that nobody asked for, stay out; what every program needs stays in."""
    environment = child_environment(
        BASE,
        own=("OPENAI_API_KEY",),
        others=("OPENAI_API_KEY", "GROQ_API_KEY", "OLLAMA_BASE_URL"),
        more={"TRUNKLINE_WORKER_TOKEN": "w"},
    )
    assert environment == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy:3128",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=x",
        "OPENAI_API_KEY": "sk-1",
        "TRUNKLINE_WORKER_TOKEN": "w",
    }


def test_the_router_gets_no_secret() -> None:
    """Neither those of the configuration nor any that looks like one."""
    environment = child_environment(BASE, own=(), others=("OPENAI_API_KEY", "GROQ_API_KEY"), more={})
    assert not {"sk-1", "gsk-2", "s3", "t4"} & set(environment.values())
    assert environment["PATH"] == "/bin"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "HF_TOKEN", "DB_PASSWORD", "AWS_ACCESS_KEY_ID", "openai_key_2"])
def test_names_that_look_secret(name: str) -> None:
    """The usual endings, in any case."""
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["PATH", "KEYBOARD", "MONKEY", "TOKENIZERS_PARALLELISM", "HOME", "SSL_CERT_FILE"])
def test_names_that_do_not(name: str) -> None:
    """A word inside another is no secret."""
    assert not looks_secret(name)
