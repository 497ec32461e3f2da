"""What targets that are out, and models that are to be in memory, are asked: when, how often, and what comes of it."""

import asyncio
from random import Random

import pytest
from msgspec.structs import replace

from router_service.calls.errands import Errands
from router_service.calls.upkeep import SLOWEST, Upkeep
from router_service.contracts.dispatch import AttemptOrder
from router_service.dispatch.sessions import WorkerSession
from router_service.domain.attempt import Answer, Failure, Usage
from router_service.domain.signals import Failed, Finished
from router_service.domain.target import TargetView
from router_service.domain.worker import WorkerHeartbeat
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason, ModelMode, Operation, TargetState
from tests.support.fakes import KeptLink
from tests.support.link_parts import Parts, catalogue, hello, spec
from tests.support.settings import upkeep_settings

INTERVAL = 10.0
DONE = Finished(Answer(FinishReason.STOP), Usage(1, 1))
REFUSED = Failed(Failure(FailureClass.AUTH, "this key was revoked"), None)
CANNOT = Failed(Failure(FailureClass.UNSUPPORTED, "it has no list of models"), None)
BROKEN = Failed(Failure(FailureClass.UNAVAILABLE, "connection refused"), None)


class Ward:
    """Two backends, `a` with two models, each with a worker; what the workers are sent, and what they answer."""

    def __init__(self, **settings: object) -> None:
        self.parts = Parts(catalogue(spec("a/m"), spec("a/n"), spec("b/m"), spec("a/e", mode=ModelMode.EMBEDDING)))
        self.links: dict[str, KeptLink] = {}
        self.sessions: dict[str, WorkerSession] = {}
        self.attach("a", "m", "n", "e")
        self.attach("b", "m")
        errands = Errands(self.parts.registry, self.parts.clock)
        self.settings = replace(upkeep_settings(interval=INTERVAL), **settings)
        self.upkeep = Upkeep(errands, self.parts.table, self.parts.clock, Random(1), self.settings)

    def attach(self, backend: str, *models: str) -> None:
        """A worker comes, with a link of its own."""
        self.links[backend] = KeptLink()
        greeting = hello(f"worker-{backend}", backend, models, epoch=len(self.links) + len(self.sessions))
        self.sessions[backend] = self.parts.link.attach(greeting, self.links[backend], "peer")

    def lose(self, backend: str) -> None:
        """A worker goes."""
        self.parts.link.detach(self.sessions[backend], "gone")

    def row(self, target: str = "a/m") -> TargetView:
        """The target's row now."""
        return self.parts.table.snapshot().targets[target]

    def fails(self, target: str = "a/m", how: Failed = REFUSED) -> None:
        """A caller's attempt fails."""
        attempt = self.parts.start(target)
        self.parts.link.deliver(self.sessions[target[0]], attempt.attempt_id, how)
        del self.links[target[0]].dispatched[attempt.attempt_id]

    async def look(self, errands: asyncio.TaskGroup, after: float = 0.0) -> None:
        """Time passes, then the table is looked at, and what begins goes out to the workers."""
        self.parts.clock.advance(after)
        self.upkeep.look(errands)
        await turns()

    def asked(self, backend: str = "a") -> list[AttemptOrder]:
        """What the backend's worker is working at."""
        return list(self.links[backend].dispatched.values())

    def operations(self, backend: str = "a") -> list[tuple[str, Operation]]:
        """The same in short: the model and what is to be done."""
        return [(order.spec.model, order.operation) for order in self.asked(backend)]

    async def answer(self, last: Finished | Failed, backend: str = "a") -> None:
        """The worker's last word on everything that it was asked."""
        for attempt_id in list(self.links[backend].dispatched):
            del self.links[backend].dispatched[attempt_id]
            self.parts.link.deliver(self.sessions[backend], attempt_id, last)
        await turns()


async def turns() -> None:
    """Let everything that is ready run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_target_that_is_out_is_asked_for_nothing_that_costs() -> None:
    """Between half an interval and a whole one later its backend is probed; it serves again, and nothing is counted."""
    ward = Ward()
    ward.fails()
    assert ward.row().state is TargetState.OUT
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL / 2 - 0.1)
        assert ward.asked() == []
        await ward.look(errands, after=INTERVAL / 2 + 0.1)
        [probe] = ward.asked()
        assert (probe.operation, probe.body, probe.upkeep) == (Operation.PROBE, b"", True)
        await ward.answer(DONE)
    assert ward.row().state is TargetState.READY
    assert (ward.row().attempts, ward.row().metrics.samples, ward.row().metrics.success_rate) == (1, 1, 0.0)
    assert ward.asked("b") == []


async def test_one_probe_is_for_all_targets_of_a_backend() -> None:
    """Its list of models tells of each of them; another backend has one of its own."""
    ward = Ward()
    for target in ("a/m", "a/n", "b/m"):
        ward.fails(target)
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL)
        assert (len(ward.asked("a")), len(ward.asked("b"))) == (1, 1)
        await ward.answer(DONE, "a")
        await ward.answer(REFUSED, "b")
    assert ward.row("a/m").state is ward.row("a/n").state is TargetState.READY
    assert ward.row("b/m").state is TargetState.OUT


async def test_a_backend_that_stays_ill_is_asked_once_per_interval() -> None:
    """Not while it is being asked, and not sooner than an interval after its answer."""
    ward = Ward()
    ward.fails()
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        for _ in range(3):
            await ward.look(errands, after=INTERVAL)
            await ward.look(errands, after=INTERVAL)
            assert len(ward.asked()) == 1
            await ward.answer(REFUSED)
            await ward.look(errands, after=INTERVAL - 0.1)
            assert ward.asked() == []
    assert ward.row().state is TargetState.OUT


async def test_a_backend_that_proves_well_in_vain_is_asked_less_and_less() -> None:
    """Each time twice as long, up to a limit; once it was well for longer than that, as at first."""
    ward = Ward()
    gaps = []
    async with asyncio.TaskGroup() as errands:
        for _ in range(8):
            gaps.append(await ward_gap(ward, errands))
        assert gaps[1:] == [2 * INTERVAL, 4 * INTERVAL, 8 * INTERVAL, 16 * INTERVAL, *[SLOWEST * INTERVAL] * 3]
        await ward.look(errands)
        await ward.look(errands, after=SLOWEST * INTERVAL + 1)
        assert await ward_gap(ward, errands) <= INTERVAL


async def ward_gap(ward: Ward, errands: asyncio.TaskGroup) -> float:
    """Seconds from a failure until the backend is probed, which it survives."""
    ward.fails()
    await ward.look(errands)
    waited = 0.0
    while not ward.asked():
        await ward.look(errands, after=1.0)
        waited += 1.0
    await ward.answer(DONE)
    return waited


async def test_an_open_circuit_lets_a_call_probe_sooner() -> None:
    """A free answer does not close it: that is left to the next call."""
    ward = Ward()
    for _ in range(5):
        ward.fails(how=BROKEN)
    assert ward.row().state is TargetState.CIRCUIT_OPEN
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL - 0.1)
        assert ward.row().state is TargetState.CIRCUIT_OPEN
        await ward.answer(DONE)
    assert ward.row().state is TargetState.HALF_OPEN


async def test_a_worker_that_goes_ends_its_errand() -> None:
    """Nobody is asked while no worker is there; the next one, which may have another key, begins anew."""
    ward = Ward()
    ward.fails()
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL)
        assert len(ward.asked()) == 1
        ward.lose("a")
        await ward.look(errands, after=INTERVAL)
        assert ward.row().state is TargetState.DETACHED
        ward.attach("a", "m", "n", "e")
        assert ward.row().state is TargetState.READY
        ward.fails()
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL)
        assert ward.operations() == [("m", Operation.PROBE)]
        await ward.answer(DONE)
    assert ward.row().state is TargetState.READY


async def test_a_worker_that_says_nothing_is_not_waited_for() -> None:
    """After the timeout the errand is cancelled, and an interval later there is another."""
    ward = Ward(timeout=0.01)
    ward.fails()
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL)
        async with asyncio.timeout(10):
            while not ward.links["a"].cancelled:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await turns()
        ward.links["a"].dispatched.clear()
        await ward.look(errands, after=INTERVAL)
        assert ward.operations() == [("m", Operation.PROBE)]
        await ward.answer(DONE)
    assert ward.row().state is TargetState.READY


async def test_without_an_interval_nobody_is_asked() -> None:
    """Also not when the configuration turns probes off while a target is out."""
    ward = Ward()
    ward.fails()
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        ward.upkeep.follow(replace(ward.settings, interval=0.0))
        await ward.look(errands, after=10 * INTERVAL)
        assert ward.asked() == []


@pytest.mark.parametrize("paid", [True, False])
async def test_a_provider_without_a_free_answer_costs_only_where_that_is_allowed(paid: bool) -> None:
    """Then each chat target gets the shortest prompt; no embedding model ever does."""
    ward = Ward(paid=paid, prompt=b"ping")
    for target in ("a/m", "a/e"):
        ward.fails(target)
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL)
        await ward.answer(CANNOT)
        assert ward.operations() == ([("m", Operation.COMPLETE)] if paid else [])
        assert all(order.body == b"ping" for order in ward.asked())
        await ward.answer(DONE)
    assert (ward.row("a/m").state is TargetState.READY) is paid
    assert ward.row("a/e").state is TargetState.OUT


WARM = {"warm_up": {"a": frozenset({"m"})}}


async def test_a_model_is_loaded_when_its_worker_comes() -> None:
    """Once for each coming, by free means, and only the model that is to be kept."""
    ward = Ward(**WARM)
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        assert ward.operations() == [("m", Operation.WARM_UP)]
        await ward.answer(DONE)
        await ward.look(errands, after=INTERVAL)
        assert ward.asked() == []
        ward.lose("a")
        await ward.look(errands)
        ward.attach("a", "m", "n", "e")
        await ward.look(errands)
        assert ward.operations() == [("m", Operation.WARM_UP)]
        await ward.answer(DONE)


async def test_a_model_that_is_in_memory_is_left_alone() -> None:
    """Its worker's heartbeat says so before the first look."""
    ward = Ward(**WARM)
    ward.parts.link.heartbeat(ward.sessions["a"], WorkerHeartbeat(1, resident_models=frozenset({"m"})))
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        assert ward.asked() == []


async def test_a_model_that_cannot_be_loaded_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The target goes on serving: its provider may load the model with the first prompt."""
    ward = Ward(**WARM)
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.answer(BROKEN)
        for _ in range(5):
            await ward.look(errands, after=INTERVAL)
        assert ward.asked() == []
    assert ward.row().state is TargetState.READY
    assert [record.message for record in caplog.records if "memory" in record.message] == [
        "a/m was not loaded into memory: connection refused"
    ]


async def test_a_model_is_loaded_before_its_target_comes_back() -> None:
    """In place of the free question, which is for the backend's other targets; each comes back by its own answer."""
    ward = Ward(**WARM)
    async with asyncio.TaskGroup() as errands:
        await ward.look(errands)
        await ward.answer(DONE)
        ward.fails("a/m")
        ward.fails("a/n")
        await ward.look(errands)
        await ward.look(errands, after=INTERVAL)
        assert ward.operations() == [("m", Operation.WARM_UP)]
        assert ward.row("a/m").state is TargetState.OUT
        await ward.answer(DONE)
        assert ward.operations() == [("n", Operation.PROBE)]
        await ward.answer(REFUSED)
        await ward.look(errands)
        assert ward.asked() == []
    assert ward.row("a/m").state is TargetState.READY
    assert ward.row("a/n").state is TargetState.OUT
