"""Who is to be left alone until when, because a provider asked for it."""

from msgspec import Struct


class Cooldown(Struct, frozen=True):
    """`until` in monotonic seconds."""

    until: float
    reason: str


class Cooldowns:
    """Cool-downs by target or backend. A shorter one never replaces a longer."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_name: dict[str, Cooldown] = {}

    def add(self, name: str, until: float, reason: str) -> bool:
        """Leave `name` alone until then; False: it already is for at least as long."""
        held = self._by_name.get(name)
        if held is not None and held.until >= until:
            return False
        self._by_name[name] = Cooldown(until, reason)
        return True

    def of(self, name: str, now: float) -> Cooldown | None:
        """The cool-down that is in force."""
        held = self._by_name.get(name)
        if held is None:
            return None
        if held.until <= now:
            del self._by_name[name]
            return None
        return held

    def clear(self, name: str) -> bool:
        """End one; False: there is none."""
        return self._by_name.pop(name, None) is not None
