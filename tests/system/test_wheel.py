"""The wheel, installed into empty environments: what each kind of host gets, and that it runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command_line import clean_environment
from tests.support.up_process import up_process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # each environment downloads what it holds

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALL_TIMEOUT = 400.0
CALL_TIMEOUT = 60.0

CALL = """
import sys
from trunkline import Client
with Client(sys.argv[1], timeout=30) as client:
    answer = client.complete("Why is the sky blue?")
    print(answer.simulated, answer.text)
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of its own, with nothing but what was installed into it."""

    folder: Path

    def install(self, requirement: str) -> None:
        """Install a requirement with what it needs."""
        self.run("-m", "pip", "install", "--quiet", requirement, timeout=INSTALL_TIMEOUT).check_returncode()

    def distributions(self) -> set[str]:
        """The names of what is installed, without pip and setuptools."""
        listed = self.run("-m", "pip", "list", "--format", "freeze")
        names = {line.partition("==")[0].partition(" @ ")[0].lower() for line in listed.stdout.splitlines()}
        return names - {"pip", "setuptools"}

    def run(self, *arguments: str, timeout: float = CALL_TIMEOUT) -> "subprocess.CompletedProcess[str]":
        """Run its Python, in its own folder and with its packages alone."""
        return self._run(self.folder / "bin" / "python", *arguments, timeout=timeout)

    def trunkline(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run its command line."""
        return self._run(self.folder / "bin" / "trunkline", *arguments, timeout=CALL_TIMEOUT)

    def _run(self, program: Path, *arguments: str, timeout: float) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}
        return subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def new_environment(folder: Path) -> Environment:
    """An empty environment in `folder`."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=CALL_TIMEOUT)
    return Environment(folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built out of the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = folder.glob("trunkline-*.whl")
    return file


@pytest.fixture(scope="module")
def caller(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The host of an application that only calls."""
    environment = new_environment(tmp_path_factory.mktemp("caller") / "venv")
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="module")
def router_host(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The host of a router."""
    environment = new_environment(tmp_path_factory.mktemp("router") / "venv")
    environment.install(f"trunkline[router] @ {wheel.as_uri()}")
    return environment


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a router that runs out of the tree."""
    with up_process(tmp_path_factory.mktemp("up")) as running:
        yield running


def test_an_application_that_calls_needs_grpcio_and_protobuf_alone(caller: Environment, address: str) -> None:
    """Nothing else is installed (typing-extensions is grpcio's own), and a call is answered."""
    assert caller.distributions() == {"trunkline", "grpcio", "protobuf", "typing_extensions"}
    called = caller.run("-c", CALL, address)
    assert called.returncode == 0, called.stderr
    assert called.stdout.startswith("True [simulated ")


def test_the_command_line_says_what_is_missing(caller: Environment) -> None:
    """Without its extra it names the one to install, instead of a traceback."""
    said = caller.trunkline("chat", "hello")
    assert said.returncode == 1
    assert re.search(r"needs (typer|rich).*pip install \"trunkline\[cli\]\"", said.stderr)
    assert "Traceback" not in said.stderr


def test_a_router_host_has_no_provider_library(router_host: Environment) -> None:
    """Neither litellm nor any client of a provider; the router's own program starts there."""
    installed = router_host.distributions()
    assert not installed & {"litellm", "openai", "tiktoken", "tokenizers", "aiohttp"}
    assert {"grpcio-health-checking", "grpcio-reflection", "google-re2"} <= installed
    configuration = router_host.folder / "trunkline.yaml"
    configuration.write_text("backends:\n  local: {kind: ollama}\nmodels:\n  local/llama3.1: {quality: 0.5}\n")
    checked = router_host.trunkline("config", "check", str(configuration))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    refused = router_host.trunkline("up")
    assert refused.returncode == 1
    assert 'pip install "trunkline[worker]"' in refused.stderr


def test_router_and_workers_run_out_of_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """With their extras `trunkline up` answers; nothing of the source tree is used, nor litellm."""
    host = new_environment(tmp_path / "venv")
    host.install(f"trunkline[router,worker,cli] @ {wheel.as_uri()}")
    assert "litellm" not in host.distributions()
    located = host.run("-c", "import router_service, provider_workers; print(router_service.__file__)")
    assert located.stdout.startswith(f"{host.folder}{os.sep}"), located.stderr
    with up_process(tmp_path, [host.folder / "bin" / "trunkline"]) as address:
        called = host.run("-c", CALL, address)
        assert called.returncode == 0, called.stderr
        assert called.stdout.startswith("True [simulated ")
        asked = host.trunkline("chat", "--json", "hello", "--router", address)
        assert '"simulated": true' in asked.stdout, asked.stderr
