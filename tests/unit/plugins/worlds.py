"""What a plugin is given, for tests of one plugin alone."""

from collections.abc import Sequence
from random import Random
from typing import Any

from router_service.contracts.plugins import RoutingContext
from router_service.domain.decision import Candidate, Classification, Expectation
from router_service.domain.profile import Profile
from router_service.domain.request import Request
from router_service.domain.target import TargetView
from router_service.plugins.builtin import built_in_plugins
from tests.support.routing import WALL, ask
from tests.support.settings import attempt_limits

PLUGINS = built_in_plugins()


def context(
    views: Sequence[TargetView] = (),
    request: Request | None = None,
    found: Classification | None = None,
    **fields: Any,
) -> RoutingContext:
    """A context whose expectations are 1,000 tokens in, 1,000 out, 2 s, and the price of that."""
    given: dict[str, Any] = {
        "profile": Profile("test", {}, attempt_limits()),
        "now": 1000.0,
        "wall": WALL,
        "time_left": 60.0,
        "aliases": {},
        "random": Random(1),
        "expectations": {one.name: expected(one) for one in views},
    }
    found = found or Classification(input_tokens=1000, expected_output_tokens=1000)
    return RoutingContext(request=request or ask(), classification=found, **(given | fields))


def expected(view: TargetView, latency: float = 2.0) -> Expectation:
    """1,000 tokens in and out."""
    price = view.spec.price
    return Expectation(None if price is None else price.cost(1000, 1000), latency, 0.5, 1000, 1000, 1000)


def rejected(name: str, ctx: RoutingContext, views: Sequence[TargetView], **settings: Any) -> dict[str, str]:
    """Reasons by target, of one filter."""
    found = PLUGINS.filter(name, {name: settings}).reject(ctx, views)
    assert all(one.filter == name for one in found)
    return {one.target: one.reason for one in found}


def scored(name: str, ctx: RoutingContext, views: Sequence[TargetView], **settings: Any) -> list[float]:
    """Values of one scorer, rounded."""
    return [round(value, 4) for value in PLUGINS.scorer(name, {name: settings}).score(ctx, views).values]


def candidates(views: Sequence[TargetView], scores: Sequence[float] | None = None) -> list[Candidate]:
    """Candidates as a picker gets them."""
    values = scores or [0.5] * len(views)
    made = [Candidate(one, expected(one), score) for one, score in zip(views, values, strict=True)]
    return sorted(made, key=lambda one: -one.score)


def picked(name: str, ctx: RoutingContext, given: Sequence[Candidate], **settings: Any) -> list[str]:
    """The order of one picker."""
    return [one.target for one in PLUGINS.picker(name, {name: settings}).order(ctx, given)]
