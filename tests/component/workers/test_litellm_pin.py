"""What the litellm backend relies on in the pinned litellm; a newer one must be looked at before it is taken."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str) -> str:
    """The output of a Python process in the project's folder."""
    path = f"{ROOT}:{ROOT / 'clients' / 'python'}"
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_litellm_is_the_pinned_one() -> None:
    """The version that was measured is the one that is installed."""
    pinned = re.search(r"litellm==([\d.]+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pinned is not None
    assert version("litellm") == pinned[1]


@pytest.mark.peer
def test_litellm_ends_cut_answers_as_if_they_were_whole() -> None:
    """A stream without a finish reason is told as "stop"; only what was received tells, for Gemini not even that."""
    found = json.loads(run("-m", "tests.support.litellm_truncation"))
    for provider in ("anthropic", "openai", "mistral"):
        assert found[provider] == {
            "whole": {"told": "stop", "received": "stop"},
            "cut": {"told": "stop", "received": None},
        }
    assert found["gemini"] == {
        "whole": {"told": "stop", "received": None},
        "cut": {"told": "stop", "received": None},
    }


@pytest.mark.parametrize("kind", ["openai_wire", "ollama"])
def test_other_workers_never_import_litellm(kind: str) -> None:
    """A worker of another kind does not pay the seconds and megabytes of litellm."""
    factory = f"provider_workers.backends.{kind}.factory"
    assert run("-c", f"import sys, provider_workers.app, {factory}; print('litellm' in sys.modules)").strip() == "False"


def test_a_worker_has_paid_for_its_first_call_before_it_attaches() -> None:
    """What the first answer would load, holding up heartbeats, is there once the backend is made; no log tells it."""
    made = "create(BackendSettings('a', 'litellm', 'anthropic', 'http://127.0.0.1:1'), SystemClock())"
    program = f"""
import asyncio, logging, sys
logging.basicConfig(level="INFO", stream=sys.stdout)
from provider_workers.backends.litellm.factory import create
from provider_workers.settings import BackendSettings
from service_common.clock import SystemClock
async def main():
    backend = {made}
    from litellm.types.router import LiteLLM_Params  # not before: the factory says how litellm is imported
    print('tokenizer', 'litellm.litellm_core_utils.default_encoding' in sys.modules)
    print('models', LiteLLM_Params.__pydantic_complete__)
    await backend.close()
asyncio.run(main())
"""
    assert run("-W", "ignore", "-c", program).splitlines() == ["tokenizer True", "models True"]
