"""Keeps processes running: a process that ends is started again, with back-off, and whoever watches is told."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from trunkline.cli.processes.child import Child, ChildSpec, is_problem, without_time
from trunkline.cli.processes.restarts import RestartPolicy

_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should see: about which process, what, and whether it is bad.

    Attributes:
        logged: the process said it itself, as a line of its log.
    """

    name: str
    text: str
    bad: bool = True
    logged: bool = False


class StartFailed(Exception):
    """A process did not start; the message says what it said."""


class Supervisor:
    """The processes of one `trunkline up`."""

    def __init__(
        self, notify: Callable[[Notice], None], policy: RestartPolicy | None = None, random: Random | None = None
    ) -> None:
        """Tell `notify` what happens."""
        self._notify = notify
        self._policy = policy or RestartPolicy()
        self._random = random or Random()
        self._children: dict[str, Child] = {}
        self._specs: dict[str, ChildSpec] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._restarts: Counter[str] = Counter()
        self._problems_shown = False

    def restarts(self, name: str | None = None) -> int:
        """How often a process, or any, ended by itself."""
        return self._restarts.total() if name is None else self._restarts[name]

    def show_problems(self) -> None:
        """From now on tell of the warnings and errors that processes log; until all are up, most say nothing."""
        self._problems_shown = True

    def restart_as(self, spec: ChildSpec) -> None:
        """Start the process of that name by `spec` from the next time on; `spec.grace` holds at once."""
        self._specs[spec.name] = spec

    def pid(self, name: str) -> int | None:
        """The process id of a child that runs."""
        child = self._children.get(name)
        return child.pid if child is not None and child.running else None

    async def start(self, spec: ChildSpec, on_line: Callable[[str], None] | None = None) -> Child:
        """Start a process and keep it running; `on_line` sees its output beside the log.

        Raises:
            OSError: it cannot be started.
        """
        self._specs[spec.name] = spec
        child = await self._spawn(spec, on_line)
        self._keepers[spec.name] = asyncio.create_task(self._keep(child, on_line), name=f"keeper of {spec.name}")
        return child

    async def start_and_read(self, spec: ChildSpec, marker: str) -> str:
        """Start a process; the first line of its output that begins with `marker`.

        Raises:
            OSError: it cannot be started.
            StartFailed: it ended, or was silent for ten seconds; the message holds its last lines.
        """
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def look(line: str) -> None:
            if line.startswith(marker) and not found.done():
                found.set_result(line)

        child = await self.start(spec, look)

        def give_up(_: asyncio.Task[int]) -> None:
            if not found.done():
                found.set_exception(StartFailed(f"{spec.name} did not start{_tail(child)}"))

        ended = asyncio.create_task(child.wait())
        ended.add_done_callback(give_up)
        try:
            async with asyncio.timeout(_START_SECONDS):
                return await found
        except TimeoutError as late:
            raise StartFailed(f"{spec.name} said nothing for {_START_SECONDS:.0f} s{_tail(child)}") from late
        finally:
            ended.remove_done_callback(give_up)
            ended.cancel()

    async def stop(self, name: str) -> None:
        """Stop one process for good, with the grace of its `ChildSpec` to finish."""
        keeper = self._keepers.pop(name, None)
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        child = self._children.get(name)
        if child is not None:
            await child.stop(self._specs[name].grace)  # kept until it has ended, so that `kill_all` finds it
            self._children.pop(name, None)

    async def stop_all(self, order: Sequence[str] = ()) -> None:
        """Stop the named groups in order (a name, or the beginning of names), then whatever is left."""
        self._problems_shown = False
        for prefix in (*order, ""):
            names = [name for name in self._children if name.startswith(prefix)]
            await asyncio.gather(*(self.stop(name) for name in names))

    def kill_all(self) -> None:
        """End every process at once."""
        self._problems_shown = False
        for keeper in self._keepers.values():
            keeper.cancel()
        for child in self._children.values():
            child.kill()

    async def _spawn(self, spec: ChildSpec, on_line: Callable[[str], None] | None) -> Child:
        """Start a process and remember it."""

        def show(line: str) -> None:
            if on_line is not None:
                on_line(line)
            if self._problems_shown and is_problem(line):
                self._notify(Notice(spec.name, without_time(line), logged=True))

        child = await Child.start(spec, show)
        self._children[spec.name] = child
        return child

    async def _keep(self, child: Child, on_line: Callable[[str], None] | None) -> None:
        """Start the process again whenever it ends."""
        failures = 0
        while True:
            began = time.monotonic()
            code = await child.wait()
            failures = 1 if time.monotonic() - began >= self._policy.forgiven_after else failures + 1
            wait = self._policy.wait(failures, self._random)
            self._restarts[child.spec.name] += 1
            said = _tail(child) if code > 0 else ""  # what ended it from outside, it cannot know
            self._notify(Notice(child.spec.name, f"{_ending(code)}; starts again in {wait:.1f} s{said}"))
            await asyncio.sleep(wait)
            child = await self._spawn_again(child.spec.name, on_line)
            self._notify(Notice(child.spec.name, f"started again (pid {child.pid})", bad=False))

    async def _spawn_again(self, name: str, on_line: Callable[[str], None] | None) -> Child:
        """Start the process; again and again where that fails, since memory or files may be short for a while only."""
        failures = 0
        while True:
            try:
                return await self._spawn(self._specs[name], on_line)
            except OSError as error:
                failures += 1
                wait = self._policy.wait(failures, self._random)
                self._notify(Notice(name, f"cannot be started ({error}); tries again in {wait:.1f} s"))
                await asyncio.sleep(wait)


def _ending(code: int) -> str:
    """How a process ended, for a person."""
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _tail(child: Child) -> str:
    """The last thing a process said, as the end of a sentence, and where the rest is."""
    said = next((line for line in reversed(child.last_lines) if line.strip()), "nothing")
    return f". It said: {without_time(said)} (log: {child.spec.log})"
