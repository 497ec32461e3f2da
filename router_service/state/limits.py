"""Requests and tokens per minute of targets and backends: what was given away in the last 60 s, and when more may be.

Counted as a sliding window counter, as the library `limits` does it: the current minute's count plus the share of the
previous minute's that still lies within 60 s (blog.cloudflare.com/counting-things-a-lot-of-different-things). Counting
in memory is done here all the same: the library takes 20 us for a check and a count against 1 us, runs a timer thread,
and goes by the wall clock, so that a clock set back an hour would refuse every call for that hour.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from router_service.contracts.dispatch import Refusal
from router_service.domain.target import Limits

WINDOW = 60.0
"""Seconds."""

REQUESTS = "requests"
TOKENS = "tokens"


class Minute:
    """What was counted in one minute: `own` here, `others` by other replicas; `sent` of `own` was told to them."""

    __slots__ = ("others", "own", "sent")

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.own = 0
        self.others = 0
        self.sent = 0

    @property
    def total(self) -> int:
        """Of all replicas."""
        return self.own + self.others


class SlidingWindow:
    """One count. Times are seconds on the clock of the book that holds it; they may jump, which forgets the count."""

    __slots__ = ("current", "index", "previous")

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.index = 0
        self.current = Minute()
        self.previous = Minute()

    def add(self, amount: int, at: float) -> None:
        """Count `amount`."""
        self._roll(at)
        self.current.own += amount

    def correct(self, index: int, difference: int, at: float) -> None:
        """It turned out that `difference` more was used than was counted in minute `index`, or less."""
        self._roll(at)
        minute = self._minute(index)
        if minute is not None:
            minute.own = max(0, minute.own + difference)

    def wait(self, amount: int, limit: int, at: float) -> float:
        """Seconds until `amount` more fits into `limit`; 0: now. What never fits waits for an empty window."""
        self._roll(at)
        amount = min(amount, limit)
        elapsed = at % WINDOW
        current, previous = self.current.total, self.previous.total
        if previous * (1 - elapsed / WINDOW) + current + amount <= limit:
            return 0.0
        if current + amount <= limit:
            return WINDOW * (1 - (limit - current - amount) / previous) - elapsed
        return WINDOW - elapsed + WINDOW * max(0.0, 1 - (limit - amount) / current)

    def unsent(self, at: float) -> Iterator[tuple[int, int]]:
        """The current minute and the one before, which may yet be corrected, with what the others were not told."""
        self._roll(at)
        yield self.index, self.current.own - self.current.sent
        yield self.index - 1, self.previous.own - self.previous.sent

    def exchanged(self, index: int, sent: int, total: int) -> None:
        """`sent` more was told to the others in minute `index`, which makes `total` of all replicas."""
        minute = self._minute(index)
        if minute is not None:
            minute.sent += sent
            minute.others = max(0, total - minute.sent)

    def _minute(self, index: int) -> Minute | None:
        """The minute of that number; None: it has left the window."""
        if index == self.index:
            return self.current
        return self.previous if index == self.index - 1 else None

    def _roll(self, at: float) -> None:
        index = int(at // WINDOW)
        if index == self.index:
            return
        self.previous = self.current if index == self.index + 1 else Minute()
        self.current = Minute()
        self.index = index


class Limited(Struct, frozen=True):
    """Something with limits per minute: a target or a backend, by name."""

    name: str
    limits: Limits


class Count(Struct, frozen=True):
    """One count that is shared with other replicas: `key` is stable, `index` numbers the minute."""

    key: str
    index: int
    unsent: int


class LimitBook:
    """The counts of all targets and backends that have limits."""

    def __init__(self, time: Callable[[], float]) -> None:
        """Count on this clock, in seconds: a monotonic one, or the wall clock where replicas share their counts."""
        self._time = time
        self._windows: dict[tuple[str, str], SlidingWindow] = {}

    def claim(self, limited: tuple[Limited, ...], tokens: int) -> int | Refusal:
        """Count a request of `tokens` for all of `limited`, or for none of them and say which limit is reached.

        Returns:
            The number of the minute in which it counts; or the refusal.
        """
        at = self._time()
        claims = [
            (self._window(one.name, unit), amount, limit, f"{limit:,} {unit} per minute of {one.name}")
            for one in limited
            for unit, amount, limit in (
                (REQUESTS, 1, one.limits.requests_per_minute),
                (TOKENS, tokens, one.limits.tokens_per_minute),
            )
            if limit is not None
        ]
        longest, which = 0.0, ""
        for window, amount, limit, described in claims:
            wait = window.wait(amount, limit, at)
            if wait > longest:
                longest, which = wait, described
        if which:
            reason = f"the limit of {which} is reached for {longest:.1f} s more"
            return Refusal(reason, retry_after=longest, at_capacity=True)
        for window, amount, _, _ in claims:
            window.add(amount, at)
        return int(at // WINDOW)

    def correct(self, names: tuple[str, ...], difference: int, minute: int) -> None:
        """Tokens turned out to be `difference` more (or fewer) than was claimed in that minute."""
        for name in names:
            window = self._windows.get((name, TOKENS))
            if window is not None and difference:
                window.correct(minute, difference, self._time())

    def counts(self) -> Iterator[Count]:
        """Every count of the current minute and of the one before."""
        at = self._time()
        for (name, unit), window in self._windows.items():
            for index, unsent in window.unsent(at):
                yield Count(f"{name}:{unit}", index, unsent)

    def exchanged(self, count: Count, total: int) -> None:
        """The other replicas know of `count` now; all together have `total` in that minute."""
        name, _, unit = count.key.rpartition(":")
        self._windows[name, unit].exchanged(count.index, count.unsent, total)

    def _window(self, name: str, unit: str) -> SlidingWindow:
        window = self._windows.get((name, unit))
        if window is None:
            window = self._windows[name, unit] = SlidingWindow()
        return window
