"""How many tokens a request has, as its targets count them."""

from msgspec import Struct

from router_service.contracts.engine import Engine, TokenEstimator
from router_service.contracts.state import TableReader
from router_service.domain.request import Request


class TokenCount(Struct, frozen=True):
    """Tokens of one request for one target. `observations`: answers whose reported usage corrected the estimate."""

    target: str
    family: str
    input_tokens: int
    observations: int


def count_tokens(
    engine: Engine, table: TableReader, estimator: TokenEstimator, request: Request
) -> tuple[TokenCount, ...]:
    """One count per target that the request names; where it names none, one per model family, by its first target.

    Raises:
        InvalidRequest: the request names something that does not exist.
    """
    counts: dict[str, TokenCount] = {}
    for view in engine.targets_of(request, table.snapshot()):
        family = estimator.family_of(view.spec.provider, view.spec.model)
        key = view.name if request.options.model else family
        if key not in counts:
            tokens = estimator.estimate(request, family)
            counts[key] = TokenCount(view.name, family, tokens, estimator.observations(family))
    return tuple(counts.values())
