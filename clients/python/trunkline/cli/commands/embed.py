"""`trunkline embed`: turn texts into vectors."""

from dataclasses import dataclass
from typing import Annotated, Any, cast

import typer

from trunkline.answers import Embeddings
from trunkline.cli.flags import prompt_text
from trunkline.cli.parsing import labels, provider_options, seconds
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.as_json import attempt_json
from trunkline.cli.rendering.console import Output
from trunkline.cli.session import JsonOption, RouterOption, connected
from trunkline.cli.spreading import spread
from trunkline.options import EmbeddingOptions


@dataclass(frozen=True, slots=True)
class EmbedFlags:
    """What the command line says about one request for vectors."""

    model: Annotated[str, typer.Option("--model", "-m", help="A target, an alias, or an embedding model's name.")]
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="One text per argument; - or nothing: one per line of standard input.", show_default=False),
    ] = None
    dimensions: Annotated[
        int | None, typer.Option(help="Length of the vectors, where the model can shorten them.", min=1)
    ] = None
    sensitivity: Annotated[str | None, typer.Option(help="public, internal or confidential.")] = None
    label: Annotated[list[str] | None, typer.Option(help="key=value for reports.")] = None
    request_id: Annotated[str | None, typer.Option(help="Your own identifier, for logs and traces.")] = None
    provider_option: Annotated[
        list[str] | None,
        typer.Option(help="Passed on to one backend alone: backend='{\"option\": ...}'.", metavar="BACKEND=JSON"),
    ] = None
    timeout: Annotated[
        float | None, typer.Option(help="Time for the whole call: 30, 30s, 2m.", parser=seconds, metavar="TIME")
    ] = None

    def inputs(self) -> list[str]:
        """The texts.

        Raises:
            typer.BadParameter: there is none.
        """
        return self.texts if self.texts and self.texts != ["-"] else prompt_text(self.texts or []).splitlines()

    def options(self) -> EmbeddingOptions:
        """The client's options; what was not said is left out."""
        said: dict[str, Any] = {
            "dimensions": self.dimensions,
            "sensitivity": self.sensitivity,
            "labels": labels(self.label or []) or None,
            "request_id": self.request_id,
            "provider_options": provider_options(self.provider_option or []) or None,
            "timeout": self.timeout,
        }
        return cast(EmbeddingOptions, {name: value for name, value in said.items() if value is not None})


@spread(EmbedFlags)
def embed(flags: EmbedFlags, as_json: JsonOption = False, router: RouterOption = None) -> None:
    """Turn texts into vectors: one JSON array a line, in order."""
    output = Output.standard()
    inputs, options = flags.inputs(), flags.options()
    with connected(router, output, as_json=as_json) as client:
        found = client.embed(inputs, model=flags.model, **options)
    if as_json:
        output.json(_embeddings_json(found))
        return
    for vector in found.vectors:
        output.json(vector, indent=None)
    length = len(found.vectors[0]) if found.vectors else 0
    figures = (
        formats.plural(length, "dimension"),
        formats.plural(found.usage.input_tokens, "token"),
        formats.money(found.cost_nanodollars),
    )
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
