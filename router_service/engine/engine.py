"""The engine: from a request and a snapshot of the table to a decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from router_service.contracts.engine import Catalogue, Hop, TokenEstimator
from router_service.contracts.plugins import PluginSource, RoutingContext
from router_service.domain.decision import Candidate, Classification, Decision, Expectation, Rejection, Vote
from router_service.domain.request import Request
from router_service.domain.target import TableSnapshot, TargetView
from router_service.engine.admission import admit
from router_service.engine.classifying import Classifying
from router_service.engine.ensemble import Ballot, count
from router_service.engine.expectation import Expecting, expectation
from router_service.engine.explanation import explain_empty, nearest_relaxation
from router_service.engine.names import NameCheck
from router_service.engine.pardon import waived_warning
from router_service.engine.planning import arrange
from router_service.engine.profiles import Panel, ReadyProfile, classifiers, panels, with_ensembles
from router_service.engine.ranking import rank
from router_service.engine.selection import Selection, Selector
from router_service.engine.steering import Steerer, Steering
from service_common.clock import Clock

RETIREMENT_NOTICE = timedelta(days=30)
"""How long before a model's retirement decisions warn of it."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Everything that one decision is made of."""

    request: Request
    classification: Classification
    selection: Selection
    expectations: Mapping[str, Expectation]
    steering: Steering
    now: float
    wall: datetime
    time_left: float
    cursor: int
    random: Random


class RoutingEngine:
    """Decides under one version of the configuration. Everything is compiled here, nothing per request."""

    def __init__(
        self,
        catalogue: Catalogue,
        plugins: PluginSource,
        clock: Clock,
        random_factory: Callable[[], Random],
        estimator: TokenEstimator,
    ) -> None:
        """Build the plugins of every profile.

        Args:
            random_factory: gives the generator of one decision; it may give the same one again and again.

        Raises:
            KeyError, ValueError: the configuration names a plugin that does not exist, or its settings or patterns are
                wrong; `config check` finds these beforehand.
        """
        self._panels = panels(catalogue.profiles, catalogue.policy, plugins)
        self._catalogue = with_ensembles(catalogue, self._panels)
        self._clock = clock
        self._random_factory = random_factory
        self._names = NameCheck(catalogue, self._panels)
        self._selector = Selector(catalogue)
        self._steerer = Steerer(catalogue.policy)
        self._expecting = Expecting(estimator)
        self._classifying = Classifying(
            classifiers(catalogue.policy, plugins), estimator, clock, catalogue.policy.cache
        )
        self._unused = Random(0)

    @property
    def catalogue(self) -> Catalogue:
        """The version of the configuration that it decides by."""
        return self._catalogue

    def decide(self, request: Request, snapshot: TableSnapshot, time_left: float, *, cursor: int = 0) -> Decision:
        """The whole decision; its plan is empty where nothing fits.

        Args:
            time_left: seconds until the caller's deadline.
            cursor: the round-robin position.

        Raises:
            InvalidRequest: the request names a profile, alias, target or capability that does not exist.
        """
        self._names.check(request, snapshot)
        wall = self._clock.wall()
        found = self._classifying.classify(request)
        panel, steering = self._panel(request, found, wall)
        selection = self._selector.select(request, snapshot, wall.date(), panel.lead.profile.last_resort)
        question = _Question(
            request,
            found,
            selection,
            self._expecting.expect(request, found, selection.views),
            steering,
            self._clock.now(),
            wall,
            time_left,
            cursor,
            self._random_factory(),
        )
        return self._decide(panel, question)

    def targets_of(self, request: Request, snapshot: TableSnapshot) -> tuple[TargetView, ...]:
        """See `Engine.targets_of`."""
        self._names.check(request, snapshot)
        return self._selector.select(request, snapshot, self._clock.wall().date(), "").views

    def recheck(
        self, request: Request, decision: Decision, target: str, snapshot: TableSnapshot, hop: Hop
    ) -> Rejection | None:
        """Whether `target` may still be tried now: the hard filters on the state of this moment. None: it may."""
        view = self._selector.view(target, snapshot)
        if view is None:
            return Rejection(target, "attached", "no longer in the table")
        panel = self._panels.get(decision.profile) or self._panels[self._catalogue.default_profile]
        profile = panel.lead
        found = decision.classification
        known = decision.expectations.get(target)
        tokens = found.input_tokens if known is None else known.input_tokens
        context = RoutingContext(
            request=request,
            classification=found,
            profile=profile.profile,
            now=self._clock.now(),
            wall=self._clock.wall(),
            time_left=hop.time_left,
            expectations={target: expectation(view, tokens, found.expected_output_tokens)},
            aliases=self._catalogue.aliases,
            random=self._unused,
            spent=hop.spent,
            tried=hop.tried,
        )
        for plugin in profile.hard:
            for rejection in plugin.reject(context, (view,)):
                if rejection.waiver is None or rejection.filter not in decision.waived:
                    return rejection
        return None

    def explain(self, decision: Decision) -> str:
        """Why a decision's plan is empty, per target, and the nearest relaxation that would admit one."""
        return explain_empty(decision)

    def _panel(self, request: Request, found: Classification, wall: datetime) -> tuple[Panel, Steering]:
        panel = self._panels[request.options.profile or self._catalogue.default_profile]
        steering = self._steerer.steer(request, found, wall, panel.lead.profile.follows)
        if steering.preference is not None and steering.preference.profile:
            panel = self._panels[steering.preference.profile]
        return panel, steering

    def _decide(self, panel: Panel, question: _Question) -> Decision:
        ballots = [self._ballot(profile, weight, question) for profile, weight in panel.members]
        ordered, rejections, votes = _order(ballots)
        waived = frozenset().union(*(ballot.waived for ballot in ballots))
        selection = question.selection
        candidates, plan = arrange(ordered, selection, question.steering.preference, panel.lead.profile)
        return Decision(
            decision_id=f"{question.random.getrandbits(128):032x}",
            decided_at=question.wall,
            profile=panel.name,
            requested_model=question.request.options.model,
            classification=question.classification,
            candidates=tuple(candidates),
            rejections=rejections,
            plan=plan,
            picker=panel.picker_name,
            warnings=(
                *selection.warnings,
                *waived_warning(waived, question.time_left),
                *(_warnings(candidates, plan, question.wall.date()) if plan else nearest_relaxation(rejections)),
            ),
            matched_rule=question.steering.by,
            votes=votes,
            configuration_version=self._catalogue.version,
            expectations=question.expectations,
            waived=waived,
            later={} if plan else {target: at for ballot in ballots for target, at in ballot.later.items()},
        )

    def _ballot(self, profile: ReadyProfile, weight: float, question: _Question) -> Ballot:
        context = RoutingContext(
            request=question.request,
            classification=question.classification,
            profile=profile.profile,
            now=question.now,
            wall=question.wall,
            time_left=question.time_left,
            expectations=question.expectations,
            aliases=self._catalogue.aliases,
            random=question.random,
            cursor=question.cursor,
            preference=question.steering.preference,
            steered_by=question.steering.by,
        )
        found = admit(context, question.selection.views, profile.hard, profile.soft)
        candidates = rank(context, profile, found.views, question.expectations)
        ordered: Sequence[Candidate]
        if found.waived:
            places = {view.spec.name: place for place, view in enumerate(found.views)}
            ordered = sorted(candidates, key=lambda candidate: places[candidate.target])
        else:
            ordered = profile.picker.order(context, candidates)
        return Ballot(
            profile.profile.name,
            weight,
            ordered,
            found.rejections,
            by_score=ordered is candidates,
            waived=found.waived,
            later=found.later,
        )


def _order(ballots: Sequence[Ballot]) -> tuple[Sequence[Candidate], tuple[Rejection, ...], tuple[Vote, ...]]:
    if len(ballots) == 1:
        return ballots[0].ordered, ballots[0].rejections, ()
    return count(ballots)


def _warnings(candidates: Sequence[Candidate], plan: tuple[str, ...], today: date) -> list[str]:
    """What the caller should know of the planned targets."""
    found = []
    for candidate in candidates:
        spec = candidate.view.spec
        if spec.simulated and spec.name in plan:
            found.append(f"{spec.name} is simulated")
        if spec.retires_on is not None and spec.name in plan and spec.retires_on - today <= RETIREMENT_NOTICE:
            instead = f", use {spec.successor}" if spec.successor else ""
            found.append(f"{spec.name} retires on {spec.retires_on}{instead}")
    return found
