"""One child process: its output goes to a log file, its problems to whoever watches, and it ends when we do."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

_CHUNK = 65_536
_REMEMBERED_LINES = 8
_TIME = re.compile(r"^\d{4}-\d\d-\d\d[ T][\d:.,]+Z?\s+")
_PROBLEM = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to start.

    Attributes:
        name: for people, such as `worker openai`.
        command: the program with its arguments; it must end when its standard input ends.
        environment: all of it.
        log: the file that its output is added to.
        grace: seconds that it may take to end when it is asked to.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    grace: float = 1.0


class Child:
    """A running process."""

    def __init__(
        self, spec: ChildSpec, process: asyncio.subprocess.Process, log: FileIO, on_line: Callable[[str], None]
    ) -> None:
        """Watch `process`; `on_line` sees every line of its output, `log` is closed at its end."""
        self.spec = spec
        self.last_lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._process = process
        self._on_line = on_line
        self._log = log
        self._log_lost = False
        self._reading = asyncio.create_task(self._read(), name=f"output of {spec.name}")

    @classmethod
    async def start(cls, spec: ChildSpec, on_line: Callable[[str], None]) -> "Child":
        """Start a process.

        Its standard input is a pipe that we hold: it ends with us, however we end. It is in a session of its own, so
        that Ctrl-C on the terminal reaches us alone.

        Raises:
            OSError: it cannot be started.
        """
        log = FileIO(spec.log, "a")
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(spec.environment),
                start_new_session=True,
            )
        except BaseException:
            log.close()
            raise
        return cls(spec, process, log, on_line)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        code = await self._process.wait()
        await asyncio.wait({self._reading})  # whoever stops waiting does not stop the reading
        return code

    def terminate(self) -> None:
        """Ask it to finish what it has and end."""
        if self.running:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            self._process.kill()

    async def stop(self, grace: float) -> None:
        """Ask it to end; after `grace` seconds, end it."""
        self.terminate()
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()
        except asyncio.CancelledError:
            self.kill()
            raise

    async def _read(self) -> None:
        """Hand on its output until it closes it."""
        stream = self._process.stdout
        if stream is None:
            raise RuntimeError(f"{self.spec.name} was started without a pipe")
        rest = b""
        try:
            while chunk := await stream.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                self._take(lines)
            self._take([rest] if rest else [])
        finally:
            self._log.close()

    def _take(self, lines: Sequence[bytes]) -> None:
        """Log whole lines and show them to whoever watches."""
        texts = [raw.decode("utf-8", "replace").rstrip() for raw in lines]
        self._add_to_log("".join(f"{text}\n" for text in texts))
        for text in texts:
            self.last_lines.append(text)
            self._on_line(text)

    def _add_to_log(self, text: str) -> None:
        """Write to the log; where the disk is full the output is read all the same, else the process would hang."""
        try:
            self._log.write(text.encode())
        except OSError as error:
            if not self._log_lost:
                self._log_lost = True
                self._on_line(f"WARNING {self.spec.log} cannot be written and lacks lines now: {error.strerror}")


def is_problem(line: str) -> bool:
    """Whether a line of a log says that something is wrong."""
    return _PROBLEM.search(line) is not None


def without_time(line: str) -> str:
    """A line of a log without its time, for a screen that shows it as it comes."""
    return _TIME.sub("", line)
