"""The one screen of `trunkline up`: what is up, what is simulated and why, and how to call it."""

import shlex
import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trunkline._address import ADDRESS_VARIABLE, DEFAULT_ADDRESS
from trunkline.cli.processes.launch import ROUTER_NAME, Launched
from trunkline.cli.processes.router_log import metrics_told
from trunkline.cli.processes.supervisor import Notice
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.backends import standing
from trunkline.targets import TargetRow


def up_screen(
    launched: Launched, rows: Sequence[TargetRow], unattached: Collection[str], *, logs: Path, seconds: float
) -> RenderableType:
    """Everything that a person needs to know once it is up."""
    head = Text.assemble(
        ("Trunkline is up", "bold green"), " at ", (launched.listen, "bold"), f"   {formats.duration(seconds)}"
    )
    parts: list[RenderableType] = [head, Text(), _backends(launched, rows, unattached), Text()]
    if launched.notes:
        parts += [Text("\n".join(launched.notes), "yellow"), Text()]
    if any(backend.simulated for backend in launched.backends):
        parts += [_simulated_note(launched), Text()]
    parts += [_how_to_call(launched, logs)]
    return Group(*parts)


def notice_line(notice: Notice) -> Text:
    """Something that happened, with whom it happened to."""
    return Text.assemble((f"[{notice.name}] ", "bold"), (notice.text, "red" if notice.bad else "green"))


def _backends(launched: Launched, rows: Sequence[TargetRow], unattached: Collection[str]) -> Table:
    """Each backend: its state, its models, and what is wrong."""
    grid = Table.grid(padding=(0, 3))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for backend in launched.backends:
        own = [row for row in rows if row.backend == backend.name]
        stands = standing(backend, own, unattached=backend.name in unattached)
        grid.add_row(f"  {backend.name}", stands.state, stands.beside())
    return grid


def _simulated_note(launched: Launched) -> Text:
    """Why there are simulated providers, and how to get real ones."""
    why, way_out = "the configuration says so", ""
    if launched.automatic and launched.notes:
        why = "no provider's key in the environment or in .env can be used, and no Ollama answers"
        way_out = " For real ones mend that or start Ollama, then run this again."
    elif launched.automatic:
        why = "there is no provider's key in the environment or in .env, and no Ollama answers"
        way_out = " For real ones set OPENAI_API_KEY (or another provider's key) or start Ollama, then run this again."
    text = f"Simulated providers stand in, because {why}: their answers are made up.{way_out}"
    return Text(text, "yellow")


def command_line(called: str) -> str:
    """What to type for the program that was called as `called`: its name where PATH leads to it, else the same."""
    found = shutil.which("trunkline")
    path = Path(called)
    if path.name != "trunkline" or (found and path.exists() and path.samefile(found)):
        return "trunkline"
    return shlex.quote(called)


def _how_to_call(launched: Launched, logs: Path) -> Table:
    """The commands to try, and where things are."""
    address = "" if launched.listen == DEFAULT_ADDRESS else f"{ADDRESS_VARIABLE}={launched.listen} "
    command = f"{address}{command_line(sys.argv[0])}"
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("ask", f'{command} chat --explain "Why is the sky blue?"')
    grid.add_row("decide", f'{command} route --explain "Write a Python function"')
    grid.add_row("watch", f"{command} table --watch")
    if launched.simulated_control:
        fault = f'{launched.simulated_control}/providers/groq/behaviour -d \'{{"fault": "503"}}\''
        grid.add_row("fail one", f"curl -X PUT {fault}   (-X DELETE heals it)")
        grid.add_row("", "then ask twice: who fails, who answers instead; then why, and how long, it is passed over")
    grid.add_row("config", f"{launched.configuration}{'  (automatic)' if launched.automatic else ''}")
    if launched.providers:
        grid.add_row("providers", f"{launched.providers}  (over those that Trunkline knows)")
    grid.add_row("logs", str(logs))
    if metrics := metrics_told(logs / f"{ROUTER_NAME}.log"):
        grid.add_row("metrics", metrics)
    if launched.tracing:
        grid.add_row("traces", f"sent to {launched.tracing} (Jaeger shows them at http://localhost:16686)")
    return grid
