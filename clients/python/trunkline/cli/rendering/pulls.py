"""How far the fetching of a model has come."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TextColumn, TransferSpeedColumn

from trunkline.cli.rendering.console import Output
from trunkline.operations import PullProgress


class _WhereCounted(ProgressColumn):
    """A column for the steps that move bytes; empty for those that have none, such as the last: `success`."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        """What the column shows, where there is a size."""
        return self._column(task) if task.total is not None or task.completed else ""


def show_pull(steps: Iterable[PullProgress], output: Output) -> None:
    """A bar for each part, as it comes."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        _WhereCounted(DownloadColumn()),
        _WhereCounted(TransferSpeedColumn()),
    )
    with Progress(*columns, console=output.notes) as progress:
        bars = {}
        for step in steps:
            if step.status not in bars:
                bars[step.status] = progress.add_task(step.status, total=None)
            progress.update(bars[step.status], completed=step.completed_bytes, total=step.total_bytes or None)
