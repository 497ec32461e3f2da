"""`Route` and the decision that comes with every answer: what they say, and that a dry run leaves no trace."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from provider_workers.simulated import Behaviour, SimulatedProviders
from tests.component.router.conftest import Start, sent
from tests.support.caller import Caller, ask, failure_of, routed
from tests.support.configurations import FIRST, LOCAL, SECOND, THIRD, Target
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1 import classification_pb2 as found
from trunkline.types.v1.chat_pb2 import CapabilityRequirement


async def test_a_decision_says_everything(caller: Caller) -> None:
    """Classification, every candidate with its scores, cost and latency, the plan, and what is simulated."""
    decision = await caller.route(ask("Write a Python function that merges two sorted lists."))
    assert decision.decision_id
    assert decision.decided_at.seconds > 1_600_000_000
    assert (decision.profile, decision.picker) == ("ordered", "best")
    assert decision.configuration_version
    assert decision.classification.task == found.TASK_CODE_GENERATION
    assert decision.classification.sensitivity == found.SENSITIVITY_INTERNAL
    assert decision.classification.input_tokens > 0
    assert decision.classification.expected_output_tokens > 0
    assert list(decision.plan) == [FIRST.name, SECOND.name, THIRD.name]
    assert [candidate.target for candidate in decision.candidates] == list(decision.plan)
    for candidate, quality in zip(decision.candidates, (0.9, 0.89, 0.88), strict=True):
        assert candidate.score == pytest.approx(quality)
        assert [(score.scorer, score.weight) for score in candidate.scores] == [("quality", 1.0)]
        assert candidate.expected_cost_nanodollars > 0
        assert candidate.expected_latency.ToTimedelta() > candidate.expected_first_token.ToTimedelta()
        assert candidate.simulated
    assert not decision.rejections


async def test_a_rejection_names_filter_reason_and_what_would_admit_it(caller: Caller) -> None:
    """A caller who asks for too much learns by how much."""
    decision = await caller.route(routed(max_cost_nanodollars=1))
    assert not decision.plan
    assert not decision.candidates
    assert {rejection.filter for rejection in decision.rejections} == {"max_cost"}
    assert all("expected $" in rejection.reason for rejection in decision.rejections)
    assert all(rejection.relaxation for rejection in decision.rejections)


async def test_route_sends_nothing_and_claims_nothing(start: Start, simulated: SimulatedProviders) -> None:
    """A thousand dry runs neither reach a provider nor move the cursor of round robin nor occupy a slot."""
    async with start(default_profile="round_robin") as (router, caller):
        before = list((await caller.route(ask())).plan)
        for _ in range(20):
            assert list((await caller.route(ask())).plan) == before
        assert router.in_flight == 0
        assert simulated.requests() == []
        answered = [(await caller.complete(ask())).completed.target for _ in range(6)]
        assert answered[:3] == answered[3:]
        assert sorted(answered[:3]) == sorted(before)
        assert answered[0] == before[0]


async def test_the_decision_of_an_answer_is_that_of_the_dry_run(caller: Caller) -> None:
    """`Route` before `Complete` shows what happens, but for identifier and time."""
    dry = await caller.route(ask())
    answer = await caller.complete(ask())
    assert list(answer.decision.plan) == list(dry.plan)
    assert answer.decision.classification == dry.classification
    assert answer.decision.decision_id == answer.completed.decision_id != dry.decision_id


@pytest.mark.parametrize(
    ("wish", "plan"),
    [
        ({"model": SECOND.name}, [SECOND.name]),
        ({"model": "fast"}, [SECOND.name, THIRD.name]),
        ({"exclude": [FIRST.name]}, [SECOND.name, THIRD.name]),
        ({"exclude": ["groq"]}, [FIRST.name, THIRD.name]),
        ({"allow": ["mistral"]}, [THIRD.name]),
        ({"required_quality": 0.9}, [FIRST.name]),
        ({"required_capabilities": [CapabilityRequirement(name="coding", min_rating=8)]}, [THIRD.name]),
        ({"min_context_tokens": 200_000}, [SECOND.name]),
        ({"max_latency": Duration(seconds=600)}, [FIRST.name, SECOND.name, THIRD.name]),
    ],
)
async def test_what_the_caller_wishes_is_kept(start: Start, wish: dict[str, Any], plan: list[str]) -> None:
    """Each wish of the routing options shows in the plan, and the others are rejected with a reason."""
    second = Target(SECOND.backend, SECOND.model, model_section={"context_window": 1_000_000})
    third = Target(THIRD.backend, THIRD.model, model_section={"capabilities": {"coding": 9}})
    async with start(FIRST, second, third, aliases={"fast": [SECOND.name, THIRD.name]}) as (_, caller):
        decision = await caller.route(routed(**wish))
        assert sorted(decision.plan) == sorted(plan)
        assert decision.requested_model == wish.get("model", "")


async def test_images_and_tools_need_targets_that_can(start: Start) -> None:
    """What a message holds decides who may get it, without the caller naming a capability."""
    blind = Target(FIRST.backend, FIRST.model, model_section={"abilities": ["tools"]})
    clumsy = Target(SECOND.backend, SECOND.model, model_section={"abilities": ["vision"]})
    picture = chat.Message(
        role=chat.ROLE_USER, content=[chat.ContentPart(image=chat.Image(url="https://example.org/a.png"))]
    )
    async with start(blind, clumsy) as (_, caller):
        assert list((await caller.route(chat.CompletionRequest(messages=[picture]))).plan) == [clumsy.name]
        assert list((await caller.route(ask(tools=[chat.Tool(name="look_up")]))).plan) == [blind.name]


async def test_the_file_overrides_what_a_worker_reports(start: Start, simulated: SimulatedProviders) -> None:
    """A price and a window in the configuration stand, although an Ollama on this host counts as free."""
    local = Target(
        LOCAL.backend,
        LOCAL.model,
        LOCAL.kind,
        model_section={"context_window": 777, "price": {"input": 3, "output": 4}},
    )
    simulated.set_behaviour("ollama", Behaviour(answer_tokens=10))
    async with start(local) as (_, caller):
        decision = await caller.route(ask())
        assert decision.candidates[0].expected_cost_nanodollars > 0
        completed = (await caller.complete(ask())).completed
        assert (
            completed.cost_nanodollars == completed.usage.input_tokens * 3_000 + completed.usage.output_tokens * 4_000
        )
        too_long = await failure_of(caller.complete(ask("word " * 2_000)))
        assert "context" in too_long.message
        assert len(sent(simulated, "ollama")) == 1


async def test_without_a_worker_nothing_is_planned_and_the_reason_says_so(start: Start) -> None:
    """A router that has just started says that no worker is attached, and the call fails with that decision."""
    async with start(workers=False) as (_, caller):
        decision = await caller.route(ask())
        assert not decision.plan
        assert {rejection.filter for rejection in decision.rejections} == {"attached"}
        failure = await failure_of(caller.complete(ask()))
        assert failure.reason == "NO_TARGET"
        assert failure.error.decision_id
        assert "worker" in failure.message
