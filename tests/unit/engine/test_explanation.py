"""What a caller is told where nothing fits."""

from datetime import UTC, datetime

from router_service.domain.decision import Classification, Decision, Rejection
from router_service.engine.explanation import explain_empty

DEAR = Rejection("a/dear", "max_cost", "expected $0.02, at most $0.01", "max_cost 0.02", 1.0)
OUT = Rejection("b/out", "health", "it is out")


def _empty(*rejections: Rejection) -> Decision:
    return Decision("d", datetime.now(UTC), "balanced", "", Classification(), (), rejections, (), "")


def test_one_and_many_targets_are_told_apart() -> None:
    """Why each was put aside, and the least change that would admit one."""
    why = "a/dear: max_cost: expected $0.02, at most $0.01"
    assert explain_empty(_empty(DEAR)) == f"the only target does not fit; {why}; max_cost 0.02 would admit a/dear"
    assert explain_empty(_empty(OUT, DEAR)).startswith(f"none of 2 targets fits; b/out: health: it is out; {why};")
