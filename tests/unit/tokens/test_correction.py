"""What the correction learns from reported usage, and what it refuses to learn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_common.tokens import Family, TokenCorrection
from service_common.tokens.correction import LIMIT

observations = st.lists(st.tuples(st.integers(0, 10**6), st.integers(-5, 10**9)), max_size=60)


def test_nothing_learned_changes_nothing() -> None:
    """Before the first report, an estimate passes as it is."""
    correction = TokenCorrection()
    assert correction.factor(Family.CLAUDE) == 1.0
    assert correction.correct(Family.CLAUDE, 123) == 123


@pytest.mark.parametrize("off", [0.8, 0.87, 1.15, 1.25])
def test_three_reports_bring_it_within_ten_percent(off: float) -> None:
    """An estimate that is 25 % off is good after three answers."""
    correction = TokenCorrection()
    for _ in range(3):
        correction.observe(Family.QWEN, 1000, round(1000 * off))
    assert correction.correct(Family.QWEN, 1000) == pytest.approx(1000 * off, rel=0.10)


def test_families_learn_apart() -> None:
    """What Claude reports says nothing of Llama."""
    correction = TokenCorrection()
    correction.observe(Family.CLAUDE, 1000, 1300)
    assert correction.factor(Family.CLAUDE) > 1.1
    assert correction.factor(Family.LLAMA) == 1.0


def test_it_follows_a_change() -> None:
    """After a provider's tokenizer changed, old reports fade."""
    correction = TokenCorrection()
    for _ in range(500):
        correction.observe(Family.CLAUDE, 1000, 800)
    for _ in range(60):
        correction.observe(Family.CLAUDE, 1000, 1200)
    assert correction.factor(Family.CLAUDE) == pytest.approx(1.2, rel=0.05)


def test_one_absurd_report_moves_it_little() -> None:
    """A report a thousand times too high counts as LIMIT at most, and for one observation only."""
    correction = TokenCorrection()
    for _ in range(10):
        correction.observe(Family.OPENAI, 1000, 1000)
    correction.observe(Family.OPENAI, 1000, 1_000_000)
    assert 1.0 < correction.factor(Family.OPENAI) < 1.1


@pytest.mark.parametrize(("estimated", "reported"), [(5, 50), (0, 10), (1000, 0), (1000, -1)])
def test_some_reports_teach_nothing(estimated: int, reported: int) -> None:
    """Tiny requests are mostly template, and a provider that reports nothing has not reported zero."""
    correction = TokenCorrection()
    correction.observe(Family.OPENAI, estimated, reported)
    assert correction.factor(Family.OPENAI) == 1.0


@given(seen=observations, estimated=st.integers(0, 10**6))
def test_the_correction_is_bounded(seen: list[tuple[int, int]], estimated: int) -> None:
    """Whatever is reported, the factor stays within its limits and an estimate stays an estimate."""
    correction = TokenCorrection()
    for expected, reported in seen:
        correction.observe(Family.MISTRAL, expected, reported)
    assert 1 / LIMIT <= correction.factor(Family.MISTRAL) <= LIMIT
    corrected = correction.correct(Family.MISTRAL, estimated)
    assert (corrected == 0) == (estimated == 0)
    assert corrected <= LIMIT * estimated + 1
