"""How far the fetching of a model has come."""

from collections.abc import Iterable

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from trunkline.cli.rendering.console import Output
from trunkline.operations import PullProgress


def show_pull(steps: Iterable[PullProgress], output: Output) -> None:
    """A bar for each part, as it comes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=output.notes) as progress:
        bars = {}
        for step in steps:
            if step.status not in bars:
                bars[step.status] = progress.add_task(step.status, total=None)
            progress.update(bars[step.status], completed=step.completed_bytes, total=step.total_bytes or None)
