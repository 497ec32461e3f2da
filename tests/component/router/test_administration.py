"""Operators change a router while it serves: nothing in flight is lost, what is wrong changes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import grpc
import pytest

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders
from tests.component.router.conftest import Start
from tests.support.caller import Caller, CallFailure, Told, ask, failure_of, routed
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD
from tests.support.router_harness import TOKEN, until
from trunkline.admin.v1 import admin_service_pb2 as admin
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1 import target_pb2 as target

SLOW = Behaviour(answer_tokens=60, tokens_per_second=60)
TIMEOUT = 10.0
ADDED = "openai/gpt-4o-mini"


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedProviders]:
    """As everywhere, and the first has a model that no configuration names."""
    first = ProviderSpec(FIRST.backend, models=(FIRST.model, ADDED.partition("/")[2]))
    others = [ProviderSpec(target.backend, models=(target.model,)) for target in (SECOND, THIRD)]
    local = ProviderSpec(LOCAL.backend, models=(LOCAL.model, "qwen3:8b", "phi4"))
    async with SimulatedProviders([first, *others, local], seed=1) as providers:
        yield providers


async def switch(caller: Caller, name: str, state: Any, reason: str = "") -> list[target.TargetRow]:
    """Switch a target or backend."""
    request = admin.SetTargetStateRequest(target=name, state=state, reason=reason)
    return list((await caller.admin.SetTargetState(request, timeout=TIMEOUT)).rows)


async def upsert(caller: Caller, name: str, **settings: Any) -> str:
    """Add or change a model."""
    request = admin.UpsertModelRequest(target=name, settings_json=json.dumps(settings))
    return (await caller.admin.UpsertModel(request, timeout=TIMEOUT)).configuration_version


async def remove(caller: Caller, name: str) -> str:
    """Remove a model."""
    return (
        await caller.admin.RemoveModel(admin.RemoveModelRequest(target=name), timeout=TIMEOUT)
    ).configuration_version


async def export(caller: Caller) -> dict[str, Any]:
    """The running configuration."""
    request = admin.ExportConfigurationRequest(format=admin.CONFIGURATION_FORMAT_JSON)
    content: dict[str, Any] = json.loads((await caller.admin.ExportConfiguration(request, timeout=TIMEOUT)).text)
    return content


async def put(caller: Caller, content: Mapping[str, Any], *, dry_run: bool = False) -> list[str]:
    """Import a configuration; what changed."""
    request = admin.ImportConfigurationRequest(text=json.dumps(content), dry_run=dry_run)
    return list((await caller.admin.ImportConfiguration(request, timeout=TIMEOUT)).changes)


async def begin(caller: Caller) -> tuple[asyncio.Task[Told], Told]:
    """A stream of which something has arrived."""
    told = Told()
    reading = asyncio.create_task(caller.stream(ask(), told=told))
    await until(lambda: bool(told.all("text_delta")), "the first words")
    return reading, told


async def answered_by(caller: Caller) -> str:
    """Who answers now."""
    return (await caller.complete(ask())).completed.target


async def ready(caller: Caller, name: str) -> None:
    """Wait until a target is ready."""
    async with asyncio.timeout(TIMEOUT):
        while (await caller.row(name)).state != target.TARGET_STATE_READY:  # noqa: ASYNC110 - the table has no event
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("state", [admin.DESIRED_STATE_DISABLED, admin.DESIRED_STATE_DRAINED])
async def test_a_switched_off_target_ends_what_it_has_and_gets_nothing_new(
    caller: Caller, simulated: SimulatedProviders, state: Any
) -> None:
    """The running answer comes whole; the next goes elsewhere; switched on again it serves."""
    simulated.set_behaviour("openai", SLOW)
    reading, told = await begin(caller)
    [row] = await switch(caller, FIRST.name, state, "too dear")
    assert (row.target, row.state_reason, row.in_flight) == (FIRST.name, "too dear", 1)
    assert await answered_by(caller) == SECOND.name
    await reading
    assert (told.completed.target, len(told.completed.attempts)) == (FIRST.name, 1)
    [row] = await switch(caller, FIRST.name, admin.DESIRED_STATE_ENABLED)
    assert row.state == target.TARGET_STATE_READY
    simulated.set_behaviour("openai", Behaviour())
    assert await answered_by(caller) == FIRST.name


async def test_a_target_that_cools_down_for_a_nonsense_time_is_enabled(
    caller: Caller, simulated: SimulatedProviders
) -> None:
    """A provider's Retry-After of a week is lifted by `enable`, of the target or of its backend."""
    for name in (FIRST.name, FIRST.backend):
        simulated.enqueue("openai", Behaviour(faults=(Fault("429", retry_after=604_800),)))
        assert await answered_by(caller) == SECOND.name
        assert (await caller.row(FIRST.name)).state == target.TARGET_STATE_COOLING
        [row] = [row for row in await switch(caller, name, admin.DESIRED_STATE_ENABLED) if row.target == FIRST.name]
        assert row.state == target.TARGET_STATE_READY


async def test_a_call_that_was_planned_drops_the_target_at_its_next_hop(
    start: Start, simulated: SimulatedProviders
) -> None:
    """Plan first, second, third; the second is disabled while the first runs; the first fails: the third answers."""
    async with start(attempts={"retries_per_target": 0}) as (_, caller):
        simulated.set_behaviour(
            "openai", Behaviour(answer_tokens=40, tokens_per_second=40, faults=(Fault("cut", after_tokens=30),))
        )
        told = Told()
        reading = asyncio.create_task(caller.stream(routed(stream_recovery=chat.STREAM_RECOVERY_RESET), told=told))
        await until(lambda: bool(told.all("text_delta")), "the first words")
        assert list(told.all("decision")[0].plan) == [FIRST.name, SECOND.name, THIRD.name]
        await switch(caller, SECOND.name, admin.DESIRED_STATE_DISABLED)
        await reading
        assert [attempt.target for attempt in told.completed.attempts] == [FIRST.name, THIRD.name]


async def test_a_backend_is_switched_with_all_its_targets(caller: Caller) -> None:
    """Also the models that are added to it later; one of them may be switched on again alone."""
    await switch(caller, "openai", admin.DESIRED_STATE_DISABLED, "no more credit")
    await upsert(caller, ADDED, quality=0.95)
    row = await caller.row(ADDED)
    assert (row.state, row.state_reason) == (target.TARGET_STATE_DISABLED, "no more credit")
    await switch(caller, ADDED, admin.DESIRED_STATE_ENABLED)
    assert await answered_by(caller) == ADDED
    assert (await caller.row(FIRST.name)).state == target.TARGET_STATE_DISABLED


async def test_an_added_model_serves_and_a_removed_one_does_not(caller: Caller, simulated: SimulatedProviders) -> None:
    """The worker that runs already serves it, and what the removed one had in flight comes whole."""
    await upsert(caller, ADDED, quality=0.99)
    assert await answered_by(caller) == ADDED
    simulated.set_behaviour("openai", SLOW)
    reading, told = await begin(caller)
    await remove(caller, ADDED)
    await reading
    assert told.completed.target == ADDED
    assert await answered_by(caller) == FIRST.name
    failure = await failure_of(caller.complete(routed(allow=[ADDED])))
    assert failure.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)


async def test_an_ollama_serves_added_and_pulled_models_at_once(start: Start) -> None:
    """What it has serves as soon as it is configured, by either spelling; what is fetched, as soon as it is there."""
    async with start(replace(LOCAL, section={"pull": True})) as (router, caller):
        for model in ("qwen3:8b", "phi4:latest"):
            await upsert(caller, f"ollama/{model}", quality=0.95)
            assert (await caller.complete(routed(model=f"ollama/{model}"))).completed.target == f"ollama/{model}"
        await upsert(caller, "ollama/gemma3:4b")
        row = await caller.row("ollama/gemma3:4b")
        assert (row.state, "gemma3:4b" in row.state_reason) == (target.TARGET_STATE_DETACHED, True)
        pulled = caller.admin.PullModel(admin.PullModelRequest(target="ollama/gemma3:4b"), timeout=TIMEOUT)
        assert [step.status async for step in pulled][-1] == "success"
        await router.workers["ollama"].refresh()  # as its process does after a pull
        await ready(caller, "ollama/gemma3:4b")
        assert (await caller.complete(routed(model="ollama/gemma3:4b"))).completed.target == "ollama/gemma3:4b"


async def test_an_update_changes_what_it_names_and_leaves_the_rest(caller: Caller) -> None:
    """Null takes a setting away; the version follows the content."""
    before = (await export(caller))["models"][FIRST.name]
    first = await upsert(caller, FIRST.name, quality=0.1, price={"input": 3}, context_window=None)
    after = (await export(caller))["models"][FIRST.name]
    kept = {name: value for name, value in before.items() if name != "context_window"}
    assert after == kept | {"quality": 0.1, "price": {"input": 3, "output": before["price"]["output"]}}
    assert await answered_by(caller) == SECOND.name
    assert await upsert(caller, FIRST.name, quality=before["quality"]) != first


async def test_a_reload_without_the_changes_is_the_file_again(start: Start) -> None:
    """A plain reload keeps what operators changed; one that discards says what it took back."""
    async with start() as (router, caller):
        file = router.store.current.catalogue.version
        await upsert(caller, FIRST.name, quality=0.1)
        await remove(caller, THIRD.name)
        reloaded = await caller.admin.ReloadConfiguration(admin.ReloadConfigurationRequest(), timeout=TIMEOUT)
        assert list(reloaded.changes) == []
        request = admin.ReloadConfigurationRequest(discard_changes=True)
        reloaded = await caller.admin.ReloadConfiguration(request, timeout=TIMEOUT)
        assert reloaded.configuration_version == file
        assert f"models.{FIRST.name}.quality: 0.1 -> 0.9" in reloaded.changes
        assert f"added models.{THIRD.name}" in reloaded.changes


async def test_an_import_replaces_the_configuration_without_losing_a_call(
    caller: Caller, simulated: SimulatedProviders
) -> None:
    """A dry run changes nothing; a backend that the import leaves out still ends its answer."""
    simulated.set_behaviour("openai", SLOW)
    reading, told = await begin(caller)
    content = await export(caller)
    del content["backends"]["openai"], content["models"][FIRST.name]
    expected = ["removed backends.openai", f"removed models.{FIRST.name}"]
    assert await put(caller, content, dry_run=True) == expected
    assert FIRST.name in (await export(caller))["models"]
    assert await put(caller, content) == expected
    assert await answered_by(caller) == SECOND.name
    await reading
    assert told.completed.target == FIRST.name


async def test_a_bad_import_is_refused_with_every_mistake(caller: Caller) -> None:
    """Each has its place, its line and a suggestion; the running configuration stays."""
    before = await export(caller)
    content = json.loads(json.dumps(before))
    content["profiles"]["ordered"]["scorers"] = {"qualty": 1}
    content["aliases"] = {"fast": ["groq/llama-3.3-70b"]}
    content["models"][FIRST.name]["capabilities"] = {"coding": 11}
    text = json.dumps(content, indent=1)
    request = admin.ImportConfigurationRequest(text=text)
    failure = await failure_of(caller.admin.ImportConfiguration(request, timeout=TIMEOUT))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert set(failure.fields) >= {f"models.{FIRST.name}.capabilities.coding"}
    line = next(number for number, each in enumerate(text.splitlines(), 1) if '"coding"' in each)
    assert failure.fields[f"models.{FIRST.name}.capabilities.coding"].startswith(f"line {line}: ")
    del content["models"][FIRST.name]["capabilities"]
    request = admin.ImportConfigurationRequest(text=json.dumps(content))
    failure = await failure_of(caller.admin.ImportConfiguration(request, timeout=TIMEOUT))
    assert 'Did you mean "quality"?' in failure.fields["profiles.ordered.scorers.qualty"]
    assert f'Did you mean "{SECOND.name}"?' in failure.fields["aliases.fast[0]"]
    assert await export(caller) == before


REFUSED = {
    "unknown target": (
        admin.SetTargetStateRequest(target="openai/gpt4o", state=admin.DESIRED_STATE_DISABLED),
        grpc.StatusCode.NOT_FOUND,
        FIRST.name,
    ),
    "no state": (admin.SetTargetStateRequest(target=FIRST.name), grpc.StatusCode.INVALID_ARGUMENT, "DISABLED"),
    "not json": (
        admin.UpsertModelRequest(target=FIRST.name, settings_json="{"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "is not JSON",
    ),
    "no object": (
        admin.UpsertModelRequest(target=FIRST.name, settings_json="[1]"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "JSON object",
    ),
    "unknown setting": (
        admin.UpsertModelRequest(target=FIRST.name, settings_json='{"qualty": 1}'),
        grpc.StatusCode.INVALID_ARGUMENT,
        'Did you mean "quality"?',
    ),
    "unknown backend": (
        admin.UpsertModelRequest(target="opnai/gpt-4o"),
        grpc.StatusCode.INVALID_ARGUMENT,
        'Did you mean "openai"?',
    ),
    "no target": (admin.UpsertModelRequest(target="gpt"), grpc.StatusCode.INVALID_ARGUMENT, "write backend/model"),
    "unknown model": (admin.RemoveModelRequest(target="openai/gpt4o"), grpc.StatusCode.NOT_FOUND, FIRST.name),
    "empty import": (admin.ImportConfigurationRequest(), grpc.StatusCode.INVALID_ARGUMENT, "is empty"),
    "unknown statistics": (admin.GetStatisticsRequest(target="opnai"), grpc.StatusCode.NOT_FOUND, "openai"),
}


def failure_fields(failure: CallFailure) -> list[str]:
    """What is said of each mistaken field."""
    return [violation.description for violation in failure.error.violations]


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_wrong_is_refused_and_changes_nothing(caller: Caller, row: tuple[Any, Any, str]) -> None:
    """The message says what would be right."""
    request, code, words = row
    before = await export(caller)
    method = type(request).__name__.removesuffix("Request")
    failure = await failure_of(getattr(caller.admin, method)(request, timeout=TIMEOUT))
    assert failure.code == code
    assert words in failure.message
    assert not any(told.startswith("line ") for told in failure_fields(failure))  # settings stand in no file
    assert await export(caller) == before


async def test_a_model_that_something_refers_to_is_not_removed(start: Start) -> None:
    """The refusal names the place that refers to it and how to take it out, no neighbour and no line."""
    async with start(aliases={"fast": [SECOND.name, FIRST.name]}) as (_, caller):
        failure = await failure_of(remove(caller, FIRST.name))
        assert failure.fields["aliases.fast[1]"] == f'the alias "fast" still uses {FIRST.name}'
        assert "trunkline config import" in failure.fields[""]
        assert f"trunkline target disable {FIRST.name}" in failure.fields[""]
        assert await answered_by(caller) == FIRST.name


async def test_a_changed_file_keeps_the_changes_that_fit_it(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A change of a model whose backend the file drops is left out with a warning, and fits again later."""
    async with start() as (router, caller):
        await upsert(caller, FIRST.name, quality=0.2)
        await upsert(caller, SECOND.name, quality=0.3)
        whole = router.config.read_text()
        content = json.loads(router.store.current.configuration.render("json"))
        for name in ("backends", "models"):
            content[name] = {key: value for key, value in content[name].items() if not key.startswith("openai")}
        router.config.write_text(json.dumps(content))
        await router.store.reload()
        models = (await export(caller))["models"]
        assert FIRST.name not in models
        assert models[SECOND.name]["quality"] == 0.3
        assert f"the change of {FIRST.name} does not fit the configuration file any more" in caplog.text
        router.config.write_text(whole)
        await router.store.reload()
        assert (await export(caller))["models"][FIRST.name]["quality"] == 0.2


async def test_statistics_count_what_happened(caller: Caller, simulated: SimulatedProviders) -> None:
    """Attempts, failures by class, times, tokens, money and the callers' reports, per target."""
    simulated.enqueue("openai", Behaviour(faults=(Fault("503"),)))
    first = await caller.complete(ask())
    second = await caller.complete(ask())
    done = second.completed
    report = pb.ReportOutcomeRequest(decision_id=second.decision.decision_id, quality=0.5)
    await caller.router.ReportOutcome(report, timeout=TIMEOUT)
    response = await caller.admin.GetStatistics(admin.GetStatisticsRequest(target=FIRST.name), timeout=TIMEOUT)
    [found] = response.targets
    assert (found.attempts, found.successes, dict(found.failures)) == (2, 1, {"overloaded": 1})
    assert found.latency.samples == 1
    assert found.latency.p50 == found.latency.mean == done.attempts[0].latency
    assert found.spent_nanodollars == done.cost_nanodollars
    assert (found.input_tokens, found.output_tokens) == (done.usage.input_tokens, done.usage.output_tokens)
    assert found.reported_quality == 0.5
    everything = await caller.admin.GetStatistics(admin.GetStatisticsRequest(), timeout=TIMEOUT)
    assert [each.target for each in everything.targets] == sorted([FIRST.name, SECOND.name, THIRD.name])
    assert next(each for each in everything.targets if each.target == SECOND.name).attempts == 1
    assert first.completed.target == SECOND.name


@pytest.mark.parametrize(
    "change", [{"default_profile": "${KEY}"}, {"aliases": {"x": ["${KEY}"]}}, {"default_profile": "${KEY:-ordered}"}]
)
async def test_what_operators_send_is_not_resolved(caller: Caller, change: Mapping[str, Any]) -> None:
    """Whoever may import is no reader of the router's environment; secrets stay references, as they were."""
    said = json.dumps(change).replace("KEY", "TRUNKLINE_WORKER_TOKEN")
    content = await export(caller)
    failure = await failure_of(put(caller, {**content, **json.loads(said)}, dry_run=True))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "reference" in str(failure.error.violations)
    assert TOKEN not in str(failure.error)
    assert TOKEN not in str(await put(caller, {**content, "router": {"worker_token": "${TRUNKLINE_WORKER_TOKEN}"}}))


async def test_a_model_s_settings_are_not_resolved(caller: Caller) -> None:
    """Neither where a model is changed nor where one is added; nothing of it is shown."""
    for name in (FIRST.name, ADDED):
        failure = await failure_of(upsert(caller, name, region="in ${TRUNKLINE_WORKER_TOKEN}"))
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
        assert "reference" in str(failure.error.violations)
    assert TOKEN not in str(await export(caller))


async def test_changes_are_not_discarded_for_a_file_that_cannot_be_taken(start: Start) -> None:
    """The file is read and checked first; what operators changed stays in force, and goes with the next good file."""
    async with start() as (router, caller):
        file = router.config.read_text()
        await upsert(caller, ADDED, quality=0.2)
        router.config.write_text("backends: {")
        discard = admin.ReloadConfigurationRequest(discard_changes=True)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await caller.admin.ReloadConfiguration(discard, timeout=TIMEOUT)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert ADDED in (await export(caller))["models"]
        router.config.write_text(file)
        await caller.admin.ReloadConfiguration(discard, timeout=TIMEOUT)
        assert ADDED not in (await export(caller))["models"]
