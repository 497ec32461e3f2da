"""One run of `trunkline up`, from the first process to the last."""

import asyncio
import importlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import typer

import trunkline
from service_common.env_file import EnvFileError
from trunkline.cli.processes.addresses import AddressError
from trunkline.cli.processes.latecomers import tell_latecomers
from trunkline.cli.processes.launch import ROUTER_NAME, SIMULATED_NAME, WORKER_PREFIX, Launch, Launched
from trunkline.cli.processes.notices import Notices
from trunkline.cli.processes.readiness import NotReady, wait_until_attached, wait_until_listening
from trunkline.cli.processes.router_tools import ToolFailed
from trunkline.cli.processes.supervisor import Notice, StartFailed, Supervisor
from trunkline.cli.rendering.chat import ChatView
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.up import command_line, notice_line, up_screen
from trunkline.cli.session import EXIT_FAILED
from trunkline.errors import TrunklineError

_LISTEN_SECONDS = 15.0
_SLOW_KINDS = frozenset({"litellm"})
"""Kinds whose workers load a library for seconds; a line below the screen tells when such a one is attached."""

_STOP_ORDER = (ROUTER_NAME, WORKER_PREFIX, SIMULATED_NAME)
_FIRST_PROMPT_SECONDS = 60.0
_FIRST_PROMPT = "Why do stars twinkle? Answer in one sentence."


def run_up(config: Path | None, listen: str | None, *, first_prompt: bool) -> None:
    """Run until Ctrl-C; the logs are kept where a process ended by itself.

    Raises:
        typer.Exit: it could not start; standard error says why.
    """
    output = Output.standard()
    directory = Path(tempfile.mkdtemp(prefix="trunkline-"))  # 0700: logs and configuration are the user's own
    clean = False
    try:
        clean = asyncio.run(Up(output, directory, config).run(listen, first_prompt))
    except (ToolFailed, AddressError, NotReady, StartFailed, EnvFileError, OSError, TrunklineError) as error:
        output.notes.print(f"trunkline up: {error}", style="red")
        raise typer.Exit(EXIT_FAILED) from error
    finally:
        if clean or not any(directory.glob("*.log")):
            shutil.rmtree(directory, ignore_errors=True)
        else:
            output.notes.print(f"The logs are in {directory}", style="dim")


class Up:
    """One run, from the first process to the last."""

    def __init__(self, output: Output, directory: Path, config: Path | None) -> None:
        """Read what `config` is resolved with; nothing is started yet.

        Raises:
            EnvFileError: the `.env` cannot be used.
        """
        self._output = output
        self._directory = directory
        self._config = config
        self._notices = Notices(self._show)
        self._supervisor = Supervisor(self._notices.take)
        # before signals are handled by the loop: a `.env` may be a pipe whose writer takes its time
        self._launch = Launch.prepare(self._supervisor, directory, config)
        self._stop = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    async def run(self, listen: str | None, first_prompt: bool) -> bool:
        """Run until Ctrl-C; whether no process ended by itself.

        Raises:
            ToolFailed, AddressError, NotReady, StartFailed, OSError: it could not start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)
        starting = asyncio.create_task(self._start(listen, first_prompt))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                await stopping
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
            await self._end()
        return self._supervisor.restarts() == 0

    async def _start(self, listen: str | None, first_prompt: bool) -> None:
        """Start everything, show the screen, send the first prompt."""
        launched = await self._launch_all(listen)
        self._notices.router_at(launched.listen)
        self._supervisor.show_problems()
        if first_prompt:
            await self._first_prompt(launched)
        self._output.data.print("\nCtrl-C ends it.", style="dim")

    async def _launch_all(self, listen: str | None) -> Launched:
        """Start everything, wait until it serves, and show the screen."""
        began = time.monotonic()
        with self._output.notes.status("starting") as status:
            launching = self._launch.run(self._config, listen)
            # The client takes 0.1 s to import, which passes while the configuration is read in another process.
            loading = asyncio.to_thread(importlib.import_module, "trunkline.async_client")
            launched, _ = await asyncio.gather(launching, loading)
            status.update("waiting for the router")
            await wait_until_listening(
                launched.listen, _LISTEN_SECONDS, lambda: self._supervisor.restarts(ROUTER_NAME) > 0
            )
            enabled = {backend.name: backend for backend in launched.backends if backend.enabled}
            slow = [name for name, backend in enabled.items() if backend.kind in _SLOW_KINDS]
            external = {name for name, backend in enabled.items() if backend.external}  # may come whenever they like
            async with trunkline.AsyncClient(launched.listen, timeout=5.0) as client:
                unattached = await wait_until_attached(
                    client,
                    enabled.keys() - external,
                    slow,
                    lambda missing: status.update(_waiting_for(missing, len(enabled) - len(external))),
                )
                if external:
                    unattached |= external - {worker.backend for worker in await client.workers()}
                rows = await client.table()
        seconds = time.monotonic() - began
        self._output.data.print(up_screen(launched, rows, unattached, logs=self._directory, seconds=seconds))
        late = [enabled[name] for name in sorted(unattached)]
        self._telling = asyncio.create_task(tell_latecomers(launched.listen, late, self._show))
        return launched

    async def _first_prompt(self, launched: Launched) -> None:
        """Ask something and show answer, decision and hops."""
        command = command_line(sys.argv[0])
        self._output.data.print(f'\n$ {command} chat --explain "{_FIRST_PROMPT}"\n', style="bold", highlight=False)
        view = ChatView(self._output, explain=True, reasoning=False, live=True)
        try:
            async with (
                trunkline.AsyncClient(launched.listen) as client,
                client.stream(_FIRST_PROMPT, timeout=_FIRST_PROMPT_SECONDS) as stream,
            ):
                async for event in stream:
                    view.show(event)
                view.finish(stream.answer)
        except TrunklineError as error:
            view.fail(error)

    async def _end(self) -> None:
        """Drain the router, then end the workers, then the rest; a second Ctrl-C ends all at once."""
        if self._stop.is_set():
            self._output.notes.print("\nending: calls that run may finish (Ctrl-C again: at once)", style="dim")
        self._notices.flush()
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        await self._supervisor.stop_all(_STOP_ORDER)

    def _asked_to_stop(self) -> None:
        """Ctrl-C or SIGTERM: the first ends in order, the second at once."""
        if self._stop.is_set():
            self._supervisor.kill_all()
        self._stop.set()

    def _show(self, notice: Notice) -> None:
        """Show something that happened."""
        self._output.notes.print(notice_line(notice))


def _waiting_for(missing: Collection[str], enabled: int) -> str:
    """How far the start has come, and whom it waits for."""
    return f"waiting for workers: {enabled - len(missing)} of {enabled}; not yet {', '.join(sorted(missing))}"
