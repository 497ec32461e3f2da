"""The engine: from a request and a snapshot of the table to a decision."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from msgspec.structs import replace

from router_service.contracts.engine import Catalogue, Hop, TokenEstimator
from router_service.contracts.plugins import PluginSource, RoutingContext
from router_service.domain.decision import NOTHING_LATER, Candidate, Classification, Decision, Rejection, Vote
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


class RoutingEngine:
    """Decides under one version of the configuration. Everything is compiled here, nothing per request."""

    def __init__(
        self,
        catalogue: Catalogue,
        plugins: PluginSource,
        clock: Clock,
        random: Random,
        estimator: TokenEstimator,
    ) -> None:
        """Build the plugins of every profile.

        Args:
            random: every decision's generator.

        Raises:
            PluginFailed: a plugin cannot be built.
            KeyError: an ensemble names a profile that does not exist.
        """
        self._panels = panels(catalogue.profiles, catalogue.policy, plugins)
        self._catalogue = with_ensembles(catalogue, self._panels)
        self._clock = clock
        self._random = random
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
        lead = panel.lead.profile
        selection = self._selector.select(request, snapshot, wall.date(), lead.last_resort)
        context = RoutingContext(
            request=request,
            classification=found,
            profile=lead,
            now=self._clock.now(),
            wall=wall,
            time_left=time_left,
            expectations=self._expecting.expect(request, found, selection.views),
            aliases=self._catalogue.aliases,
            random=self._random,
            cursor=cursor,
            preference=steering.preference,
            steered_by=steering.by,
        )
        return self._decide(panel, context, selection)

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
        window = tokens if known is None else known.window_tokens
        context = RoutingContext(
            request=request,
            classification=found,
            profile=profile.profile,
            now=self._clock.now(),
            wall=self._clock.wall(),
            time_left=hop.time_left,
            expectations={target: expectation(view, tokens, found.expected_output_tokens, window)},
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

    def _decide(self, panel: Panel, context: RoutingContext, selection: Selection) -> Decision:
        ballot, votes = _result([_ballot(*member, context, selection) for member in panel.members])
        lead = panel.lead.profile
        candidates, plan = arrange(ballot.ordered, selection, context.preference, lead)
        return Decision(
            decision_id=f"{context.random.getrandbits(128):032x}",
            decided_at=context.wall,
            profile=panel.name,
            requested_model=context.request.options.model,
            classification=context.classification,
            candidates=tuple(candidates),
            rejections=ballot.rejections,
            plan=plan,
            picker=panel.picker_name,
            warnings=(
                *selection.warnings,
                *waived_warning(ballot.waived, context.time_left),
                *(_warnings(candidates, plan, context.wall) if plan else nearest_relaxation(ballot.rejections)),
            ),
            matched_rule=context.steered_by,
            votes=votes,
            configuration_version=self._catalogue.version,
            expectations=context.expectations,
            waived=ballot.waived,
            later=NOTHING_LATER if plan else ballot.later,
        )


def _ballot(profile: ReadyProfile, weight: float, context: RoutingContext, selection: Selection) -> Ballot:
    """What one member of the panel makes of the targets."""
    if context.profile is not profile.profile:
        context = replace(context, profile=profile.profile)
    found = admit(context, selection.views, profile.hard, profile.soft)
    candidates = rank(context, profile, found.views, context.expectations)
    ordered: Sequence[Candidate]
    if found.waived:
        places = {view.spec.name: place for place, view in enumerate(found.views)}
        ordered = sorted(candidates, key=lambda candidate: places[candidate.target])
    else:
        ordered = profile.picker.order(context, candidates)
    return Ballot(
        profile.profile.name, weight, ordered, found.rejections, ordered is candidates, found.waived, found.later
    )


def _result(ballots: Sequence[Ballot]) -> tuple[Ballot, tuple[Vote, ...]]:
    """What the panel says in common, and each member's vote where there are several."""
    return (ballots[0], ()) if len(ballots) == 1 else count(ballots)


def _warnings(candidates: Sequence[Candidate], plan: tuple[str, ...], wall: datetime) -> list[str]:
    """What the caller should know of the planned targets."""
    found = []
    for candidate in candidates:
        spec = candidate.view.spec
        if spec.simulated and spec.name in plan:
            found.append(f"{spec.name} is simulated")
        if spec.retires_on is not None and spec.name in plan and spec.retires_on - wall.date() <= RETIREMENT_NOTICE:
            instead = f", use {spec.successor}" if spec.successor else ""
            found.append(f"{spec.name} retires on {spec.retires_on}{instead}")
    return found
