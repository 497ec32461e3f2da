"""A real Ollama with a tiny model of random weights."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.components import find_component, find_model, free_ports, running

MODEL = "tiny:latest"
MODELFILE = Path(__file__).resolve().parents[2] / "tools" / "components" / "Modelfile"
CREATE_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Ollama:
    """A running Ollama. `model` answers with readable noise in well under a second."""

    base_url: str
    model: str = MODEL


@contextmanager
def run_ollama(folder: Path, port: int | None = None) -> Iterator[Ollama]:
    """An Ollama of one's own: home, models and log in `folder`; on `port`, or a free one."""
    binary, weights = find_component("ollama"), find_model()
    address = f"127.0.0.1:{port or free_ports(1)[0]}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "OLLAMA_HOST": address,
        "OLLAMA_MODELS": str(folder / "models"),
        "OLLAMA_NOPRUNE": "1",
    }
    url = f"http://{address}"
    with running([binary, "serve"], ready_url=f"{url}/api/version", log=folder / "ollama.log", environment=environment):
        shutil.copy(weights, folder / "tiny.gguf")
        shutil.copy(MODELFILE, folder / "Modelfile")
        subprocess.run(
            [binary, "create", "tiny", "-f", folder / "Modelfile"],
            env=environment,
            check=True,
            capture_output=True,
            timeout=CREATE_TIMEOUT,
        )
        yield Ollama(url)


@pytest.fixture(scope="session")
def ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ollama]:
    """One Ollama for the session. A test that stops or changes it takes `run_ollama` instead."""
    with run_ollama(tmp_path_factory.mktemp("ollama")) as server:
        yield server
