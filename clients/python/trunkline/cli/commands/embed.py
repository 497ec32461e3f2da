"""`trunkline embed`: turn texts into vectors."""

from typing import Annotated, Any, cast

import typer

from trunkline.answers import Embeddings
from trunkline.cli.flags import prompt_text
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.as_json import attempt_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.session import JsonOption, RouterOption, connected
from trunkline.options import Sensitivity


def embed(
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="A target, an alias, or an embedding model's name.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="One text per argument; - or nothing: one per line of standard input.", show_default=False),
    ] = None,
    dimensions: Annotated[
        int | None, typer.Option(help="Length of the vectors, where the model can shorten them.", min=1)
    ] = None,
    sensitivity: Annotated[str | None, typer.Option(help="public, internal or confidential.")] = None,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Turn texts into vectors: one JSON array a line, in order."""
    output = Output.standard()
    inputs = texts if texts and texts != ["-"] else prompt_text(texts or []).splitlines()
    level = cast(Sensitivity | None, sensitivity)  # the client checks the word
    with connected(router, output, as_json=as_json) as client:
        found = client.embed(inputs, model=model, dimensions=dimensions, sensitivity=level)
    if as_json:
        output.json(_embeddings_json(found))
        return
    for vector in found.vectors:
        output.json(vector, indent=None)
    length = len(found.vectors[0]) if found.vectors else 0
    figures = (f"{length} dimensions", f"{found.usage.input_tokens} tokens", formats.money(found.cost_nanodollars))
    output.notes.print(f"  {'  '.join((found.target, *figures))}", style="dim")
    if found.simulated:
        output.notes.print("  A simulated provider made these up; no real model was asked.", style="yellow")


def _embeddings_json(found: Embeddings) -> dict[str, Any]:
    """The object of `embed --json`."""
    return {
        "vectors": found.vectors,
        "target": found.target,
        "usage": {"input_tokens": found.usage.input_tokens, "estimated": found.usage.estimated},
        "cost_usd": float(found.cost_usd),
        "attempts": [attempt_json(attempt) for attempt in found.attempts],
        "trace_id": found.trace_id,
        "simulated": found.simulated,
    }
