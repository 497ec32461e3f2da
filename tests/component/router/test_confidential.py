"""What is confidential never leaves the targets that are cleared for it: not at first, not on fallback."""

import grpc
import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from tests.component.router.conftest import Start, sent
from tests.support.caller import ask, failure_of, routed
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD, Target
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1 import classification_pb2 as found

CLEARED = Target(THIRD.backend, THIRD.model, section={"clearance": "confidential"})
CONFIDENTIAL = routed("Our secret plan.", sensitivity=found.SENSITIVITY_CONFIDENTIAL)


async def test_only_cleared_targets_are_planned(start: Start, simulated: SimulatedProviders) -> None:
    """By configuration, or an Ollama on this host; the others are rejected by the clearance filter."""
    async with start(FIRST, SECOND, CLEARED, LOCAL) as (_, caller):
        decision = await caller.route(CONFIDENTIAL)
        assert sorted(decision.plan) == sorted([CLEARED.name, LOCAL.name])
        assert {(r.target, r.filter) for r in decision.rejections} == {
            (FIRST.name, "clearance"),
            (SECOND.name, "clearance"),
        }
        answer = await caller.complete(CONFIDENTIAL)
        assert answer.completed.target in (CLEARED.name, LOCAL.name)
    assert sent(simulated, "openai") == sent(simulated, "groq") == []


@pytest.mark.parametrize("fault", ["500", "cut", "429", "silent_before_headers", "401", "context_exceeded"])
@pytest.mark.parametrize("recovery", [chat.STREAM_RECOVERY_RESET, chat.STREAM_RECOVERY_CONTINUE_OR_RESET])
async def test_a_fallback_stays_within_the_clearance(
    start: Start, simulated: SimulatedProviders, fault: str, recovery: chat.StreamRecovery
) -> None:
    """Whatever the cleared targets do, the uncleared never see a byte, and the call fails rather than leak."""
    impatient = {"first_token_timeout": "200ms", "retries_per_target": 1}
    async with start(FIRST, SECOND, CLEARED, LOCAL, attempts=impatient) as (_, caller):
        for backend in (CLEARED.backend, LOCAL.backend):
            simulated.set_behaviour(backend, Behaviour(faults=(Fault(fault, retry_after=60),)))
        request = routed("Our secret.", sensitivity=found.SENSITIVITY_CONFIDENTIAL, stream_recovery=recovery)
        failure = await caller.failed_stream(request)
        assert {attempt.target for attempt in failure.error.attempts} <= {CLEARED.name, LOCAL.name}
    assert sent(simulated, "openai") == sent(simulated, "groq") == []
    assert sent(simulated, CLEARED.backend)


async def test_naming_an_uncleared_target_does_not_help(start: Start, simulated: SimulatedProviders) -> None:
    """Neither a target, nor an allow list, nor a profile's last resort goes around the clearance."""
    last_resort = {"scorers": {"quality": 1}, "follows": [], "last_resort": FIRST.name}
    async with start(FIRST, CLEARED, profiles={"ordered": last_resort}) as (_, caller):
        simulated.set_behaviour(CLEARED.backend, Behaviour(faults=(Fault("500"),)))
        for wish in ({"model": FIRST.name}, {"allow": [FIRST.name]}, {}):
            failure = await failure_of(caller.complete(routed("x", sensitivity=found.SENSITIVITY_CONFIDENTIAL, **wish)))
            assert failure.code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE)
    assert sent(simulated, "openai") == []


async def test_what_the_text_shows_raises_what_the_caller_says(start: Start, simulated: SimulatedProviders) -> None:
    """A card number in a prompt called public makes it confidential; the decision says which kind, not the number."""
    async with start(FIRST, LOCAL) as (_, caller):
        number = "4111 1111 1111 1111"
        request = routed(f"Charge my card {number} please.", sensitivity=found.SENSITIVITY_PUBLIC)
        decision = await caller.route(request)
        assert decision.classification.sensitivity == found.SENSITIVITY_CONFIDENTIAL
        assert list(decision.plan) == [LOCAL.name]
        assert number not in str(decision)
    assert sent(simulated, "openai") == []


async def test_losing_clearance_takes_effect_at_once(start: Start, simulated: SimulatedProviders) -> None:
    """After a reload that takes the clearance away the next call does not go there."""
    async with start(FIRST, CLEARED) as (router, caller):
        assert (await caller.complete(CONFIDENTIAL)).completed.target == CLEARED.name
        text = router.config.read_text().replace("clearance: confidential", "clearance: internal")
        router.config.write_text(text)
        await router.store.reload()
        failure = await failure_of(caller.complete(CONFIDENTIAL))
        assert failure.reason == "NO_TARGET"
    assert len(sent(simulated, CLEARED.backend)) == 1


async def test_internal_is_assumed_where_nothing_is_said(start: Start) -> None:
    """A target for public data only gets nothing of which nobody said that it is public."""
    public = Target(FIRST.backend, FIRST.model, section={"clearance": "public"})
    async with start(public, SECOND) as (_, caller):
        assert list((await caller.route(ask())).plan) == [SECOND.name]
        both = await caller.route(routed("x", sensitivity=found.SENSITIVITY_PUBLIC))
        assert sorted(both.plan) == sorted([public.name, SECOND.name])
