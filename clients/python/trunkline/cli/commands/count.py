"""`trunkline count`: estimate the tokens of a prompt."""

from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from trunkline.cli.flags import RequestFlags
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.console import Output
from trunkline.cli.session import JsonOption, RouterOption, connected
from trunkline.cli.spreading import spread


@spread(RequestFlags)
def count(flags: RequestFlags, as_json: JsonOption = False, router: RouterOption = None) -> None:
    """Estimate a prompt's tokens: for the targets that --model names, else per model family. Sends nothing."""
    output = Output.standard()
    prompt, options = flags.message(), flags.options()
    with connected(router, output, as_json=as_json) as client:
        counts = client.count_tokens(prompt, **options)
    if as_json:
        output.json([asdict(entry) for entry in counts])
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(justify="right", no_wrap=True)
    for entry in counts:
        learned = f"corrected by {entry.observations} answers" if entry.observations else "an estimate"
        counted = formats.plural(entry.input_tokens, "token")
        grid.add_row(entry.target if flags.model else f"family {entry.family}", counted, Text(learned, "dim"))
    output.data.print(grid)
