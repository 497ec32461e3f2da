"""Cool-downs and round-robin cursors."""

from router_service.state.cooldowns import Cooldowns
from router_service.state.cursors import Cursors


def test_a_shorter_cooldown_never_replaces_a_longer() -> None:
    """Only a later end is taken; the reason goes with it."""
    cooldowns = Cooldowns()
    assert cooldowns.add("a/m", 10, "long")
    assert not cooldowns.add("a/m", 5, "short")
    held = cooldowns.of("a/m", 0)
    assert held is not None
    assert (held.until, held.reason) == (10, "long")
    assert cooldowns.add("a/m", 12, "longer")


def test_a_cooldown_is_over_at_its_end() -> None:
    """Not before and not later; others are not concerned."""
    cooldowns = Cooldowns()
    cooldowns.add("a/m", 10, "")
    assert cooldowns.of("a/m", 9.999) is not None
    assert cooldowns.of("a/m", 10) is None
    assert cooldowns.of("a/n", 0) is None


def test_a_claimed_position_is_nobody_elses() -> None:
    """Peeking takes nothing; each claim is one further; keys do not disturb each other."""
    cursors = Cursors()
    assert [cursors.peek("p"), cursors.claim("p"), cursors.claim("p"), cursors.peek("p")] == [0, 0, 1, 2]
    assert cursors.claim("q") == 0


def test_cursors_are_bounded() -> None:
    """The key that was claimed longest ago is forgotten, not the newest."""
    cursors = Cursors(most_keys=2)
    for key in ("a", "b", "a", "c"):
        cursors.claim(key)
    assert [cursors.peek("a"), cursors.peek("b"), cursors.peek("c")] == [2, 0, 1]
