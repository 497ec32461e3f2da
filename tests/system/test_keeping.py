"""A router that is killed or stopped begins where it ended, out of the file beside its configuration."""

import json
import signal
from pathlib import Path

from provider_workers.simulated import SimulatedProviders
from tests.support.caller import ask
from tests.support.configurations import FIRST, SECOND, configuration, write_configuration
from tests.support.router_process import attached, deployment
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.types.v1 import target_pb2 as target

TIMEOUT = 10.0


async def test_a_killed_router_keeps_what_was_to_be_kept(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """The switch and the model are there when it serves again; the configuration file is as it was."""
    config = write_configuration(tmp_path, configuration((FIRST, SECOND), simulated))
    text = config.read_text()
    async with deployment(config) as running:
        router = await running.router()
        caller = await running.caller()
        disable = admin.SetTargetStateRequest(target=FIRST.name, state=admin.DESIRED_STATE_DISABLED, persist=True)
        await caller.admin.SetTargetState(disable, timeout=TIMEOUT)
        upsert = admin.UpsertModelRequest(target=SECOND.name, settings_json='{"quality": 0.25}', persist=True)
        version = (await caller.admin.UpsertModel(upsert, timeout=TIMEOUT)).configuration_version
        router.send(signal.SIGKILL)
        await router.ended()
        await running.router()
        again = await running.caller()
        assert (await again.row(FIRST.name)).state == target.TARGET_STATE_DISABLED
        request = admin.ExportConfigurationRequest(format=admin.CONFIGURATION_FORMAT_JSON)
        exported = await again.admin.ExportConfiguration(request, timeout=TIMEOUT)
        assert exported.configuration_version == version
        assert json.loads(exported.text)["models"][SECOND.name]["quality"] == 0.25
    assert (tmp_path / "trunkline.db").exists()
    assert config.read_text() == text


async def test_a_stopped_router_saves_what_it_measured(simulated: SimulatedProviders, tmp_path: Path) -> None:
    """The next one knows the times before its first call."""
    config = write_configuration(tmp_path, configuration((FIRST,), simulated))
    async with deployment(config) as running:
        router = await running.router()
        await running.worker(FIRST.backend)
        caller = await running.caller()
        await attached(caller, 1)
        for _ in range(3):
            await caller.complete(ask())
        router.send(signal.SIGTERM)
        assert await router.ended() == 0
        await running.router()
        again = await running.caller()
        request = admin.GetStatisticsRequest(target=FIRST.name)
        [found] = (await again.admin.GetStatistics(request, timeout=TIMEOUT)).targets
        assert (found.latency.samples, found.attempts) == (3, 0)
