"""A provider that cannot serve is named when its worker starts, in the table, and by the error of a call."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from tests.support.caller import Caller, failure_of, routed
from tests.support.configurations import write_configuration
from tests.support.router_process import attached, deployment
from tests.support.web_server import nothing_but_404
from trunkline.types.v1 import target_pb2 as target

pytestmark = pytest.mark.timeout(240)

FACTS = {"price": {"input": 1, "output": 2}, "context_window": 100_000, "mode": "chat"}
OUT, READY = target.TARGET_STATE_OUT, target.TARGET_STATE_READY
DETACHED = target.TARGET_STATE_DETACHED
LITELLM_STARTS = 60.0
HEALTHY = Behaviour()


@dataclass(frozen=True)
class Bad:
    """One way to be wrong: how it is set up, and what must be said (patterns) in the table and by a call's error.

    `lacks_calls`: a call shows that none can work, so that it is the last.
    """

    name: str
    state: target.TargetState.ValueType
    table: str
    error: str
    behaviour: Behaviour = HEALTHY
    nowhere: bool = False
    model: str = ""
    wire: str = ""
    lacks_calls: bool = False


CLAUDES = "answers as Anthropic's API does: `kind: litellm, provider: anthropic`"
GOOGLES = "answers as Gemini's API does: `kind: litellm, provider: gemini`"
OPENAIS = "answers as OpenAI's API does: `kind: openai_wire`"
WRONG_KEY = Bad(
    "wrong_key", OUT, r"auth: .*(key|credential|unauthorized)", r"(?i)auth", Behaviour(api_key="right-1234567890")
)
PAGE = Bad(
    "page",
    OUT,
    r"not JSON but text/html",
    r"base_url|JSON|html",
    Behaviour(faults=(Fault("html_200", operation="any"),)),
)
OPENAI = (
    WRONG_KEY,
    PAGE,
    Bad("elsewhere", READY, "lists no models", "base_url", nowhere=True, lacks_calls=True),
    Bad("unknown_model", READY, "does not list this model", "gpt-nine", model="gpt-nine"),
    Bad(
        "other_wire",
        READY,
        "lists no models .*is base_url right",
        "404 page not found",
        wire="ollama",
        lacks_calls=True,
    ),
    Bad("anthropic", READY, CLAUDES, CLAUDES, wire="anthropic", lacks_calls=True),
    Bad("gemini", OUT, GOOGLES, GOOGLES, Behaviour(api_key="right-1234567890"), wire="gemini"),
)
OLLAMA = (
    WRONG_KEY,
    PAGE,
    Bad("elsewhere", OUT, "is base_url an Ollama", "is base_url an Ollama", nowhere=True),
    Bad("unknown_model", DETACHED, "not there: llama9; `ollama pull`", "llama9", model="llama9"),
    Bad("other_wire", OUT, "base_url", "base_url", wire="openai"),
)
ANTHROPIC = (
    WRONG_KEY,
    PAGE,
    Bad("unknown_model", READY, "does not list this model", "claude-nine", model="claude-nine"),
    Bad("other_wire", READY, OPENAIS, OPENAIS, wire="openai", lacks_calls=True),
)
GEMINI = (
    WRONG_KEY,
    Bad("unknown_model", READY, "does not list this model", "gemini-nine", model="gemini-nine"),
)


@pytest.mark.parametrize(
    ("kind", "wire", "model", "ways"),
    [
        pytest.param("openai_wire", "openai", "gpt-4o-mini", OPENAI, id="openai_wire"),
        pytest.param("ollama", "ollama", "llama3.1", OLLAMA, id="ollama"),
        pytest.param("litellm", "anthropic", "claude-haiku-4-5", ANTHROPIC, id="litellm-anthropic"),
        pytest.param("litellm", "gemini", "gemini-2.5-flash", GEMINI, id="litellm-gemini"),
    ],
)
async def test_a_bad_provider_is_named(kind: str, wire: str, model: str, ways: Sequence[Bad], tmp_path: Path) -> None:
    """Wrong key, a web page, a wrong path, an unknown model, another wire: each says so before any call and by it."""
    specs = [ProviderSpec(bad.name, wire=bad.wire or wire, behaviour=bad.behaviour) for bad in ways]
    async with SimulatedProviders(specs) as simulated, nothing_but_404() as nowhere:
        content: dict[str, Any] = {"router": {"heartbeat_interval": "200ms"}, "backends": {}, "models": {}}
        for bad in ways:
            base_url = nowhere if bad.nowhere else simulated.base_url(bad.name)
            backend = {"kind": kind, "provider": wire, "base_url": base_url, "api_key": "${WRONG_KEY}"}
            content["backends"][bad.name] = backend
            content["models"][f"{bad.name}/{bad.model or model}"] = FACTS
        config = write_configuration(tmp_path, content)
        async with deployment(config, {"WRONG_KEY": "wrong-1234567890"}) as processes:
            await processes.router()
            for bad in ways:
                await processes.worker(bad.name, patience=LITELLM_STARTS)
            caller = await processes.caller()
            await attached(caller, len(ways))
            for bad in ways:
                await _named(caller, bad, f"{bad.name}/{bad.model or model}")


async def _named(caller: Caller, bad: Bad, name: str) -> None:
    row = await caller.row(name)
    assert row.state == bad.state, f"{name}: {target.TargetState.Name(row.state)} {row.state_reason}"
    assert re.search(bad.table, row.state_reason), f"{name}: {row.state_reason}"
    failure = await failure_of(caller.complete(routed(model=name)))
    said = f"{failure.message} {failure.error}"
    assert re.search(bad.error, said), f"{name}: {said}"
    assert "wrong-1234567890" not in said + row.state_reason
    if bad.lacks_calls:
        row = await until_out(caller, name)
        again = await failure_of(caller.complete(routed(model=name)))
        assert "out: unsupported (404)" in again.message, f"{name} was asked again: {again.message}"
        assert row.attempts == 1


async def until_out(caller: Caller, name: str) -> target.TargetRow:
    """The row once it says why no call can work: its worker's remark follows the failure that took it out."""
    async with asyncio.timeout(20):
        while True:
            row = await caller.row(name)
            assert row.state == OUT, f"{name}: {target.TargetState.Name(row.state)} {row.state_reason}"
            if re.search(r"unsupported \(404\); its calls are answered with HTTP 404: .*base_url", row.state_reason):
                return row
            await asyncio.sleep(0.05)
