"""How long to wait before a process is started again."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from trunkline.cli.processes.restarts import RestartPolicy


@given(st.integers(min_value=1, max_value=10_000), st.integers())
def test_waits_are_bounded_and_jittered(failures: int, seed: int) -> None:
    """A wait is between half and all of a limit that doubles up to the longest."""
    policy = RestartPolicy(first=0.2, longest=10.0)
    limit = min(10.0, 0.2 * 2 ** min(failures - 1, 30))
    assert limit / 2 <= policy.wait(failures, Random(seed)) <= limit


def test_first_wait_is_short() -> None:
    """One death is repaired at once."""
    assert RestartPolicy().wait(1, Random(1)) <= 0.2
