"""One call from request to last event: decide, dispatch, recover. Knows nothing of gRPC."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from random import Random

from msgspec import Struct

from router_service.calls.embedding import keep_one_model
from router_service.calls.planned_targets import plan_targets
from router_service.calls.tokens import TokenCount, count_tokens
from router_service.calls.turn import Turn
from router_service.calls.waiting import Seat, WaitingRoom
from router_service.contracts.dispatch import Dispatcher
from router_service.contracts.engine import Engine, Hop, TokenEstimator
from router_service.contracts.recording import CallRecording
from router_service.contracts.state import Cursors, Judgements, TableReader
from router_service.dispatch.attempt_loop import AttemptLoop
from router_service.dispatch.hedging import HedgeBudgets
from router_service.dispatch.planned_call import PlannedCall
from router_service.domain.decision import Decision, Rejection
from router_service.domain.errors import Exhausted, NoTarget, RouterError
from router_service.domain.events import CallEvent, DecisionMade
from router_service.domain.profile import Profile
from router_service.domain.request import Request
from router_service.domain.target import TargetSpec
from service_common.clock import Clock
from service_common.deadline import Deadline
from service_common.vocabulary import Operation, StreamRecovery


class Calls(Struct, frozen=True):
    """Carries out calls.

    Attributes:
        engine: the engine of the configuration in force; a call keeps the one that it began with.
        room: where calls wait whose every target is busy.
        hedges: how many second attempts each profile may make.
    """

    engine: Callable[[], Engine]
    table: TableReader
    cursors: Cursors
    dispatcher: Dispatcher
    estimator: TokenEstimator
    judgements: Judgements
    room: WaitingRoom
    hedges: HedgeBudgets
    clock: Clock
    random: Random

    def route(self, request: Request, recording: CallRecording, time_left: float | None) -> Decision:
        """Decide only: nothing is sent and nothing is claimed.

        Args:
            request: what would be sent.
            recording: follows the call.
            time_left: seconds until the caller's deadline; None: it set none.

        Raises:
            InvalidRequest: it names something that does not exist.
        """
        engine = self.engine()
        profile = self._profile(engine, request)
        left = profile.attempts.default_deadline if time_left is None else time_left
        cursor = self.cursors.peek(profile.name)
        decision = engine.decide(request, self.table.snapshot(), left, cursor=cursor)
        recording.decision_made(request, decision)
        return decision

    def count_tokens(self, request: Request) -> tuple[TokenCount, ...]:
        """See `calls.tokens.count_tokens`."""
        return count_tokens(self.engine(), self.table, self.estimator, request)

    async def stream(
        self, request: Request, recording: CallRecording, time_left: float | None
    ) -> AsyncGenerator[CallEvent, None]:
        """The call's events: the decision first, `Completed` last. To be closed by who iterates it.

        Args:
            request: what to send.
            recording: follows the call.
            time_left: seconds until the caller's deadline; None: the profile's default applies.

        Raises:
            RouterError: no answer can be given.
        """
        began_at = self.clock.now()
        engine = self.engine()
        profile = self._profile(engine, request)
        deadline = Deadline(began_at + (profile.attempts.default_deadline if time_left is None else time_left))
        cursor = self.cursors.claim(profile.name)
        seat = self.room.seat(request.options.priority, request.tenant, deadline)
        anew = False
        try:
            while True:
                decision = self._decide(engine, request, deadline, cursor)
                recording.decision_made(request, decision)
                made = DecisionMade(decision, recording.trace_id)
                turn = Turn(self.dispatcher, self.room, seat)
                announced = False
                try:
                    call = self._planned(engine, request, decision, deadline, recording, began_at)
                    async with aclosing(AttemptLoop(call, turn, self.clock, self.random).events()) as events:
                        async for event in events:
                            if not announced:
                                announced = True
                                yield made
                            yield event
                    return
                except RouterError as error:
                    if turn.begun:
                        raise
                    wanted = self._wanted(decision, turn, error, deadline)
                    if wanted:
                        await self._wait(seat, wanted, error)
                    elif isinstance(error, NoTarget) and decision.plan and not anew:
                        anew = True  # what was planned is gone since: the state of this moment may offer another
                    else:
                        yield made
                        raise
        finally:
            self.room.leave(seat)

    def _decide(self, engine: Engine, request: Request, deadline: Deadline, cursor: int) -> Decision:
        decision = engine.decide(request, self.table.snapshot(), deadline.left(self.clock), cursor=cursor)
        return keep_one_model(decision) if request.operation is Operation.EMBED else decision

    def _wanted(
        self, decision: Decision, turn: Turn, error: RouterError, deadline: Deadline
    ) -> Mapping[str, float | None]:
        """Targets that a call may wait for which was sent to none; empty: in vain."""
        if decision.plan:
            return turn.refused if isinstance(error, Exhausted) else {}
        soonest = min(decision.later.values(), default=deadline.at)
        return self._waits(decision) if soonest < deadline.at else {}

    def _waits(self, decision: Decision) -> dict[str, float]:
        """Seconds until each target is back that time alone brings back."""
        now = self.clock.now()
        return {target: max(0.0, at - now) for target, at in decision.later.items()}

    def _nobody(self, engine: Engine, decision: Decision) -> RouterError:
        """Why nothing can be tried; and when to come back, where time alone helps."""
        wait = min(self._waits(decision).values(), default=None)
        kind = NoTarget if wait is None else Exhausted
        return kind(engine.explain(decision), decision=decision, retry_after=wait)

    async def _wait(self, seat: Seat, wanted: Mapping[str, float | None], refused: RouterError) -> None:
        """Wait for a target that `refused` the call; where that is in vain, tell both why."""
        try:
            await self.room.wait(seat, wanted)
        except RouterError as error:
            message = f"{error.message}: {refused.message}"
            raise type(error)(message, decision=refused.decision, retry_after=error.retry_after) from None

    def _planned(
        self,
        engine: Engine,
        request: Request,
        decision: Decision,
        deadline: Deadline,
        recording: CallRecording,
        began_at: float,
    ) -> PlannedCall:
        if not decision.plan:
            raise self._nobody(engine, decision)
        profile = engine.catalogue.profiles[decision.profile]
        decided_on = {candidate.target: candidate.view for candidate in decision.candidates}

        def admit(target: str, hop: Hop) -> TargetSpec | Rejection:
            # The rules are those of this moment: what was disabled or lost clearance meanwhile is dropped.
            rules, snapshot = self.engine(), self.table.snapshot()
            view = snapshot.targets.get(target)
            first = not (hop.tried or hop.spent or decision.votes)
            if first and view is decided_on[target] and rules is engine:
                return view.spec  # nothing has changed since the filters let it pass
            rejection = rules.recheck(request, decision, target, snapshot, hop)
            if rejection is not None:
                return rejection
            return Rejection(target, "attached", "the target is not there any more") if view is None else view.spec

        return PlannedCall(
            request=request,
            decision=decision,
            profile=profile,
            plan=plan_targets(decision.plan, decided_on, profile),
            deadline=deadline,
            recovery=_recovery(request),
            recording=recording,
            admit=admit,
            hedges=self.hedges.of(profile),
            began_at=began_at,
        )

    def _profile(self, engine: Engine, request: Request) -> Profile:
        """The profile whose deadline and cursor apply; an unknown name is the engine's to refuse."""
        catalogue = engine.catalogue
        name = request.options.profile or catalogue.default_profile
        return catalogue.profiles.get(name) or catalogue.profiles[catalogue.default_profile]


def _recovery(request: Request) -> StreamRecovery:
    """What the caller chose; vectors are never shown in pieces, so an embedding may always begin anew."""
    if request.operation is Operation.EMBED:
        return StreamRecovery.RESET
    return request.options.stream_recovery or StreamRecovery.FAIL
