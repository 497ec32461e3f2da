"""`python -m provider_workers.simulated`: runs simulated providers until SIGINT or SIGTERM."""

import asyncio
import json
import os
import signal
import sys
import threading

from provider_workers.simulated.control import ControlServer, describe
from provider_workers.simulated.options import Options, options_from
from provider_workers.simulated.providers import SimulatedProviders

_STDIN = 0
_READ_BYTES = 4096


def main() -> int:
    """Run; the exit status."""
    options = options_from(None)
    try:
        asyncio.run(_run(options))
    except OSError as error:
        sys.stderr.write(f"trunkline sim: {error.strerror or error}\n")
        return 1
    return 0


async def _run(options: Options) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    simulated = SimulatedProviders(
        options.specs, seed=options.seed, record_limit=options.record_limit, record_bodies=options.record_bodies
    )
    async with (
        simulated as providers,
        ControlServer(providers, options.control_host, options.control_port) as control,
    ):
        _announce(providers, control.url, as_json=options.as_json or not sys.stdout.isatty())
        if options.exit_with_parent:
            _when_stdin_closes(loop, stop)
        await stop.wait()


def _announce(providers: SimulatedProviders, control_url: str, *, as_json: bool) -> None:
    described = describe(providers)
    if as_json:
        sys.stdout.write(json.dumps({"providers": described, "control_url": control_url}) + "\n")
    else:
        lines = [
            f"  {name:<12} {one['wire']:<10} {one['base_url']:<34} {', '.join(one['models'])}"
            for name, one in described.items()
        ]
        head = f"  {'provider':<12} {'wire':<10} {'base URL':<34} models"
        text = "\n".join(["Simulated providers: no answer comes from a model.", "", head, *lines, ""])
        sys.stdout.write(f"{text}\n  control      {control_url}   (Ctrl-C ends)\n")
    sys.stdout.flush()


def _when_stdin_closes(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends: whoever started this process is gone."""

    def wait() -> None:
        # A blocking read in a thread: the loop cannot watch a file or /dev/null.
        while os.read(_STDIN, _READ_BYTES):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
