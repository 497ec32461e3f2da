"""Drills beside the wire: what is told of targets that cannot answer, and that each of a drill's calls has its end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import pytest
from msgspec.structs import replace

from router_service.calls.completion import Calls
from router_service.calls.drill import Drills
from router_service.calls.drill_steps import OTHER_USES, PROMPT_FILTERS, DrillStep, ProblemKind, Verdict, verdict_of
from router_service.calls.embedding import SAME_MODEL
from router_service.calls.waiting import WaitingRoom
from router_service.contracts.recording import CallOrigin
from router_service.dispatch.hedging import HedgeBudgets
from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.errors import NotFound
from router_service.domain.request import Request
from router_service.domain.signals import Failed, Finished
from router_service.domain.target import BackendPolicy
from router_service.engine.engine import RoutingEngine
from router_service.plugins.builtin import built_in_plugins
from router_service.recording.untraced import UntracedCall
from router_service.state.answers import RecentAnswers
from router_service.state.cursors import Cursors
from router_service.state.token_counter import TokenCounter
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason, Operation, PluginKind, Sensitivity
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, spec
from tests.support.routing import ask
from tests.support.settings import waiting_settings

DONE = Finished(Answer(FinishReason.STOP), Usage(1, 1))
CLEARED = Sensitivity.CONFIDENTIAL
ALIASES = {"fast": ("a/m", "b/m", "b/unheard-of")}


@dataclass
class Ends:
    """Implements `Recorder`: keeps how each call ended."""

    opened: int = 0
    ended: list[str] = field(default_factory=list)

    def call_started(self, origin: CallOrigin) -> "KeptCall":
        """One more call."""
        self.opened += 1
        return KeptCall("", "", ends=self)


class KeptCall(UntracedCall, frozen=True, kw_only=True):
    """A call that tells its end."""

    ends: Ends

    def ended(self, status: str, error: str = "") -> None:
        """See `CallRecording.ended`."""
        self.ends.ended.append(status)


class World:
    """A router with an alias over two backends with a worker each, whose link is at the test's mercy."""

    def __init__(
        self,
        aliases: Mapping[str, tuple[str, ...]] = ALIASES,
        window: int | None = None,
        cleared: Sensitivity = CLEARED,
    ) -> None:
        """`window`: of the target `b/m`; `cleared`: what its backend may see."""
        self.ends = Ends()
        policy = BackendPolicy("b", "openai_wire", "openai", clearance=cleared)
        known = catalogue(spec("a/m"), spec("b/m", context_window=window), backends=(policy,))
        self.aliases = dict(aliases)
        targets = replace(known, aliases=self.aliases)
        self.parts = parts = Parts(targets, SystemClock())  # retries wait for time to pass
        self.links = {"a": KeptLink(), "b": KeptLink()}
        self.sessions = {
            backend: parts.link.attach(hello(backend, backend), link, "peer") for backend, link in self.links.items()
        }
        counter = TokenCounter()
        engine = RoutingEngine(parts.catalogue, built_in_plugins(), parts.clock, Random(7), counter)
        calls = Calls(
            engine=lambda: engine,
            table=parts.table,
            cursors=Cursors(),
            dispatcher=parts.registry,
            estimator=counter,
            judgements=RecentAnswers(parts.table.report_quality),
            room=WaitingRoom(parts.clock, parts.table.free_slots, waiting_settings()),
            hedges=HedgeBudgets(),
            clock=parts.clock,
            random=Random(7),
        )
        self.drills = Drills(calls, self.ends, parts.clock)

    async def drill(self, *aliases: str, estimate_only: bool = False) -> list[DrillStep]:
        """The steps of a drill."""
        return [step async for step in self.drills.run(aliases, addressed, estimate_only=estimate_only)]

    async def answer(self, last: Finished | Failed = DONE) -> None:
        """Have the workers answer whatever they get, until cancelled."""
        while True:
            for backend, link in self.links.items():
                for attempt_id in list(link.dispatched):
                    del link.dispatched[attempt_id]
                    self.parts.link.deliver(self.sessions[backend], attempt_id, last)
            await asyncio.sleep(0.001)


def addressed(alias: str, operation: Operation) -> Request:
    """The prompt."""
    return replace(ask("ping", model=alias), operation=operation)


async def test_a_target_that_nobody_announced_is_told() -> None:
    """It stands in the alias and no worker has it: the chain does not hold, though all others answer."""
    world = World()
    answering = asyncio.create_task(world.answer())
    steps = await world.drill("fast")
    answering.cancel()
    assert [step.problem for step in steps if step.problem] == [
        "b/unheard-of would not answer: no worker has announced it"
    ]
    assert {step.answered_by for step in steps if step.answered_by} == {"a/m", "b/m"}
    assert [step.verdict for step in steps] == [None, None, Verdict.FAULT]
    [result] = world.drills.results
    assert (result.alias, bool(result.problem)) == ("fast", True)


async def test_a_target_without_a_worker_is_told() -> None:
    """With the filter that keeps it out; the last one that is left has nobody behind it."""
    world = World()
    world.parts.link.detach(world.sessions["b"], "gone")
    problems = [step.problem for step in await world.drill("fast", estimate_only=True) if step.problem]
    assert problems == [
        'b/m would not answer: attached: no worker of backend "b" is attached',
        "b/unheard-of would not answer: no worker has announced it",
        "nobody answers when a/m fails: no other target can serve now",
    ]


async def test_an_estimate_asks_nobody_and_is_no_result() -> None:
    """What it would cost is told step by step; the table shows no drill that was not made."""
    world = World()
    calls = [step for step in await world.drill("fast", estimate_only=True) if not step.problem]
    assert [len(step.failed) for step in calls] == [0, 1]
    assert all(step.expected_cost > 0 and not step.answered_by and step.verdict is None for step in calls)
    assert [link.dispatched for link in world.links.values()] == [{}, {}]
    assert world.drills.results == []


async def test_a_drill_that_nobody_waits_for_any_more_ends() -> None:
    """Its running call is cancelled at the worker, and every recording that was opened has its end."""
    world = World()
    drilling = asyncio.create_task(world.drill("fast"))
    async with asyncio.timeout(10):
        while not any(link.dispatched for link in world.links.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    drilling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drilling
    assert any(link.cancelled for link in world.links.values())
    assert len(world.ends.ended) == world.ends.opened
    assert world.ends.ended[-1] == "CANCELLED"
    assert world.drills.results == []


async def test_an_alias_that_does_not_exist_is_refused() -> None:
    """Before anything is asked, with the nearest name."""
    with pytest.raises(NotFound, match='Did you mean "fast"'):
        await World().drill("fats")


def test_the_filters_that_speak_against_a_prompt_exist() -> None:
    """A filter that is renamed would raise the alarm again."""
    assert set(built_in_plugins().names(PluginKind.FILTER)) >= PROMPT_FILTERS | (OTHER_USES - {SAME_MODEL})


@pytest.mark.parametrize(
    ("window", "cleared", "said_by"), [(1, CLEARED, "context_window"), (None, Sensitivity.PUBLIC, "clearance")]
)
async def test_an_unsuitable_prompt_is_told_and_raises_no_alarm(
    window: int | None, cleared: Sensitivity, said_by: str
) -> None:
    """Whom the prompt does not suit is not asked; that says nothing of the chain, and an earlier result stays."""
    world = World({"fast": ("a/m", "b/m")}, window, cleared)
    answering = asyncio.create_task(world.answer())
    steps = await world.drill("fast")
    problems = [step for step in steps if step.problem]
    answering.cancel()
    assert steps[-1].verdict is Verdict.IN_PART
    assert problems[0].problem.startswith(f"b/m was not asked, as the prompt does not suit it: {said_by}: ")
    assert [step.problem for step in problems[1:]] == ["nobody answers when a/m fails: no other target can serve now"]
    assert {step.problem_kind for step in problems} == {ProblemKind.PROMPT_UNSUITED}
    assert world.drills.results == []


async def test_a_chain_of_one_is_no_alarm() -> None:
    """By its configuration nobody can stand in: that is told, and no result of an alias that had a chain stays."""
    world = World({"fast": ("a/m", "b/unheard-of"), "solo": ("a/m",)})
    answering = asyncio.create_task(world.answer())
    [told] = [step for step in await world.drill("solo") if step.problem]
    assert (told.problem, told.problem_kind, told.verdict) == (
        "nobody answers when a/m fails: there is no other target",
        ProblemKind.NO_FALLBACK,
        Verdict.NO_FALLBACK,
    )
    assert world.drills.results == []
    await world.drill("fast")
    assert [bool(result.problem) for result in world.drills.results] == [True]
    world.aliases["fast"] = ("a/m",)
    await world.drill("fast")
    answering.cancel()
    assert world.drills.results == []


ANSWERED = DrillStep("fast", (), "a/m")
FAULT = DrillStep("fast", (), problem="it is out", problem_kind=ProblemKind.FAULT)
UNSUITED = DrillStep("fast", (), problem="too long", problem_kind=ProblemKind.PROMPT_UNSUITED)
BESIDE = DrillStep("fast", (), problem="other vectors", problem_kind=ProblemKind.NO_FALLBACK)
ALONE = replace(BESIDE, failed=("a/m",))


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ([ANSWERED], Verdict.HOLDS),
        ([ANSWERED, BESIDE], Verdict.HOLDS),
        ([ANSWERED, ALONE], Verdict.NO_FALLBACK),
        ([UNSUITED, ANSWERED, ALONE], Verdict.IN_PART),
        ([UNSUITED, ALONE], Verdict.NOT_DRILLED),
        ([ANSWERED, ALONE, UNSUITED, FAULT], Verdict.FAULT),
    ],
)
def test_the_verdict_is_the_worst_that_a_step_tells(steps: list[DrillStep], verdict: Verdict) -> None:
    """A target that stands beside the chain takes nothing from it; where one had to fail, nobody stood in."""
    assert verdict_of(steps) is verdict


async def test_the_only_target_that_fails_is_a_fault() -> None:
    """Nobody stands in for it, and it does not answer either: the alias is dead."""
    world = World({"solo": ("a/m",)})
    answering = asyncio.create_task(world.answer(Failed(Failure(FailureClass.AUTH, "revoked", 401), None)))
    kinds = [step.problem_kind for step in await world.drill("solo")]
    answering.cancel()
    assert kinds == [ProblemKind.FAULT, ProblemKind.NO_FALLBACK]
    assert "auth (401)" in world.drills.results[0].problem


async def test_a_target_that_is_gone_from_a_chain_of_two_is_a_fault() -> None:
    """The other one is left alone for now, not by configuration."""
    world = World({"fast": ("a/m", "b/m")})
    world.parts.link.detach(world.sessions["b"], "gone")
    kinds = [step.problem_kind for step in await world.drill("fast", estimate_only=True) if step.problem]
    assert kinds == [ProblemKind.FAULT, ProblemKind.FAULT]


@pytest.mark.parametrize(
    ("failure_class", "alarms"), [(FailureClass.CONTEXT_EXCEEDED, False), (FailureClass.INVALID_REQUEST, True)]
)
async def test_what_a_provider_says_of_the_prompt_raises_no_alarm(failure_class: FailureClass, alarms: bool) -> None:
    """Its window was not known before; any other failure is the chain's. A provider's words are not repeated."""
    world = World({"fast": ("a/m", "b/m")})
    answering = asyncio.create_task(world.answer(Failed(Failure(failure_class, "you said PATIENTX", 400), None)))
    steps = await world.drill("fast")
    answering.cancel()
    assert all(f"failed: {failure_class.label} (400)" in step.problem for step in steps)
    assert "PATIENTX" not in repr(steps) + repr(world.drills.results)
    assert bool(world.drills.results) is alarms
