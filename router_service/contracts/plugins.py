"""What each kind of plugin answers: one small interface per kind, one verb each.

A plugin is asked once per request about all candidates together. It is a pure function of its arguments (a
classifier of the request, the others of the context and the candidates): it keeps no state between requests, does no
I/O and waits for nothing.

Besides what its protocol lists, a plugin's class has `settings_model`, a pydantic model, and a constructor that takes
one of these (both from `WithoutSettings` where there is nothing to set): settings are validated when the configuration
loads.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from router_service.domain.decision import Candidate, Classification, Expectation, Rejection
from router_service.domain.policy import Preference
from router_service.domain.profile import Profile
from router_service.domain.request import Request
from router_service.domain.target import TargetView
from service_common.vocabulary import PluginKind


class RoutingContext(Struct, frozen=True):
    """Everything that filters, scorers and pickers may know besides the candidates.

    Attributes:
        now: monotonic seconds; `wall`: the date and time.
        time_left: seconds until the caller's deadline.
        spent: nano-dollars that this call's earlier attempts cost.
        expectations: what the request should take, by target; every candidate has one.
        aliases: targets by alias, nested aliases resolved.
        tried: targets that this call has tried already.
        cursor: the round-robin position, claimed by calls that dispatch, only read by dry runs.
        preference: whom the configuration means this kind of request for; None: nobody in particular.
        steered_by: what said so, for a person (`task creative`).
        random: the injected generator.
    """

    request: Request
    classification: Classification
    profile: Profile
    now: float
    wall: datetime
    time_left: float
    expectations: Mapping[str, Expectation]
    aliases: Mapping[str, tuple[str, ...]]
    random: Random
    spent: int = 0
    tried: frozenset[str] = frozenset()
    cursor: int = 0
    preference: Preference | None = None
    steered_by: str = ""


class Scores(Struct, frozen=True):
    """One value 0..1 per candidate, in order, and the scorer's unmapped figures where it has them."""

    values: Sequence[float]
    raw: Sequence[float | None] | None = None


class Classifier(Protocol):
    """What is asked? Each adds what it finds; a later one sees what earlier ones found."""

    name: ClassVar[str]

    def classify(self, request: Request, found: Classification) -> Classification:
        """What was found so far, with this classifier's part filled in."""
        ...


class Filter(Protocol):
    """May these targets serve the request, and if not, why? A hard filter runs again before each hop."""

    name: ClassVar[str]
    hard: ClassVar[bool]

    def reject(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Sequence[Rejection]:
        """One rejection for each candidate that may not serve; empty where all may."""
        ...


class Scorer(Protocol):
    """How good is each, 0..1?"""

    name: ClassVar[str]

    def score(self, context: RoutingContext, candidates: Sequence[TargetView]) -> Scores:
        """One value per candidate, in order."""
        ...


class Picker(Protocol):
    """Which first, and in what order?"""

    name: ClassVar[str]

    def order(self, context: RoutingContext, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """All candidates, in the order to try. They come best score first, ties by name."""
        ...


class PluginSource(Protocol):
    """Where the engine gets its plugins: each built from its settings, which are found by its name.

    Raises:
        KeyError: there is no plugin of that kind and name; the message names the nearest.
        pydantic.ValidationError: its settings are wrong.
    """

    def names(self, kind: PluginKind) -> Sequence[str]:
        """The names of one kind, in the order in which they are asked."""
        ...

    def classifier(self, name: str, settings: Mapping[str, Any]) -> Classifier:
        """A classifier."""
        ...

    def filter(self, name: str, settings: Mapping[str, Any]) -> Filter:
        """A filter."""
        ...

    def scorer(self, name: str, settings: Mapping[str, Any]) -> Scorer:
        """A scorer."""
        ...

    def picker(self, name: str, settings: Mapping[str, Any]) -> Picker:
        """A picker."""
        ...
