"""Hedges over real gRPC and real sockets: the first token wins, the loser is closed and settled on its own."""

import asyncio

from provider_workers.simulated import Behaviour, SimulatedProviders
from tests.component.router.conftest import Start, sent
from tests.support.caller import Caller, ask
from tests.support.configurations import FIRST, SECOND, Target
from tests.support.router_harness import RunningRouter, until
from trunkline.types.v1 import attempt_pb2 as attempt
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1 import classification_pb2 as classification

HEDGING = {"hedge": True, "hedge_budget": 0.05}
QUICK = Behaviour(first_token_latency=0.01, answer_tokens=3)
SLOW = Behaviour(first_token_latency=3.0, answer_tokens=3)


async def warmed(router: RunningRouter, caller: Caller, simulated: SimulatedProviders) -> None:
    """The first target has been quick, so that its p95 is known."""
    simulated.set_behaviour("openai", QUICK)
    simulated.set_behaviour("groq", QUICK)
    for _ in range(20):
        await caller.complete(ask())
    assert router.router.hedges.of(router.store.current.catalogue.profiles["ordered"]).hedged == 0
    simulated.clear_requests()


async def test_the_first_token_wins_and_the_loser_is_closed(start: Start, simulated: SimulatedProviders) -> None:
    """The slow first target is overtaken; its socket is closed at once and it settles as cancelled, once."""
    async with start(FIRST, SECOND, attempts=HEDGING) as (router, caller):
        await warmed(router, caller, simulated)
        simulated.set_behaviour("openai", SLOW)
        began = asyncio.get_running_loop().time()
        told = await caller.stream(ask())
        assert asyncio.get_running_loop().time() - began < 1.5
        assert told.completed.target == SECOND.name
        assert [a.kind for a in told.completed.attempts] == [attempt.ATTEMPT_KIND_FIRST, attempt.ATTEMPT_KIND_HEDGE]
        loser = told.completed.attempts[0]
        assert (loser.target, loser.failure_class) == (FIRST.name, attempt.FAILURE_CLASS_CANCELLED)
        await until(lambda: sent(simulated, "openai") == ["client_closed"], "the loser's socket to be closed")
        await until(lambda: router.in_flight == 0, "the loser to settle")
        rows = router.router.table.snapshot().targets
        assert (rows[FIRST.name].attempts, rows[SECOND.name].attempts) == (21, 1)


async def test_a_fast_first_target_is_not_hedged(start: Start, simulated: SimulatedProviders) -> None:
    """Nobody else is asked while the first answers as it always did."""
    async with start(FIRST, SECOND, attempts=HEDGING) as (router, caller):
        await warmed(router, caller, simulated)
        simulated.set_behaviour("openai", Behaviour(first_token_latency=0.0, answer_tokens=3))
        await caller.complete(ask())
        assert sent(simulated, "groq") == []


async def test_the_budget_bounds_the_hedges(start: Start, simulated: SimulatedProviders) -> None:
    """When everything is slow, one call in twenty is hedged, not every one."""
    async with start(FIRST, SECOND, attempts=HEDGING) as (router, caller):
        await warmed(router, caller, simulated)
        simulated.set_behaviour("openai", Behaviour(first_token_latency=0.3, answer_tokens=3))
        await asyncio.gather(*(caller.complete(ask(f"question {n}")) for n in range(20)))
        budget = router.router.hedges.of(router.store.current.catalogue.profiles["ordered"])
        assert 1 <= budget.hedged <= 3
        assert len(sent(simulated, "groq")) == budget.hedged
        assert budget.denied >= 10


async def test_no_hedge_goes_to_the_same_backend(start: Start, simulated: SimulatedProviders) -> None:
    """Another model of the same account is likely as slow, and costs twice."""
    other = Target("openai", "gpt-4o-mini")
    async with start(FIRST, other, attempts=HEDGING) as (router, caller):
        await warmed(router, caller, simulated)
        simulated.set_behaviour("openai", Behaviour(first_token_latency=0.5, answer_tokens=3))
        answer = await caller.complete(ask())
        assert [a.target for a in answer.completed.attempts] == [FIRST.name]


async def test_no_hedge_goes_beyond_clearance_or_cost(start: Start, simulated: SimulatedProviders) -> None:
    """A confidential request stays with the cleared backend; one of limited cost is not paid for twice."""
    cleared = Target("openai", "gpt-4o", section={"clearance": "confidential"})
    async with start(cleared, SECOND, attempts=HEDGING) as (router, caller):
        await warmed(router, caller, simulated)
        simulated.set_behaviour("openai", Behaviour(first_token_latency=0.3, answer_tokens=3))
        secret = chat.RoutingOptions(sensitivity=classification.SENSITIVITY_CONFIDENTIAL)
        await caller.complete(ask(routing=secret))
        decision = await caller.route(ask())
        expected = decision.candidates[0].expected_cost_nanodollars
        await caller.complete(ask(routing=chat.RoutingOptions(max_cost_nanodollars=expected * 3 // 2)))
        assert sent(simulated, "groq") == []
        simulated.set_behaviour("openai", Behaviour(first_token_latency=1.0, answer_tokens=3))
        await caller.complete(ask(routing=chat.RoutingOptions(max_cost_nanodollars=expected * 3)))
        assert len(sent(simulated, "groq")) == 1
