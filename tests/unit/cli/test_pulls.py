"""How the fetching of a model is shown."""

import io

from rich.console import Console

from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.pulls import show_pull
from trunkline.operations import PullProgress


def test_a_step_without_bytes_shows_none() -> None:
    """What is fetched shows how much of how much; the last step, which moves nothing, is only named."""
    written = io.StringIO()
    console = Console(file=written, width=120)
    show_pull(
        [PullProgress("pulling 8eeb52dfb3bb", 3_000_000, 3_000_000), PullProgress("success", 0, 0)],
        Output(data=console, notes=console),
    )
    fetched, done = written.getvalue().strip().splitlines()
    assert "3.0/3.0 MB" in fetched
    assert done.startswith("success")
    assert "bytes" not in done
    assert "?" not in done
