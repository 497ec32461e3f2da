"""The options that `chat`, `route` and `count` share: declared once, turned into the client's typed options."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.parsing import capabilities, dollars, labels, provider_options, seconds, tool_list
from trunkline.messages import File, Image, Message, Part
from trunkline.options import CompletionOptions

_ROUTING = "Routing"
_MODEL = "Generation"


def _option(help_text: str, panel: str, *names: str, **more: Any) -> Any:
    """An option in one of the two panels of the help."""
    return typer.Option(*names, help=help_text, rich_help_panel=panel, show_default=False, **more)


@dataclass(frozen=True, slots=True)
class RequestFlags:
    """What the command line says about one request."""

    prompt: Annotated[
        list[str] | None, typer.Argument(help="The prompt; - or nothing: read from standard input.", show_default=False)
    ] = None
    model: Annotated[str | None, _option("A target (backend/model) or an alias.", _ROUTING, "--model", "-m")] = None
    profile: Annotated[str | None, _option("The routing profile.", _ROUTING)] = None
    max_cost: Annotated[str | None, _option("Most it may cost, in dollars.", _ROUTING, parser=dollars)] = None
    max_cost_per_1k: Annotated[
        str | None, _option("Most that 1,000 tokens may cost, in dollars.", _ROUTING, parser=dollars)
    ] = None
    max_latency: Annotated[
        float | None, _option("Longest expected time: 2, 2s, 500ms.", _ROUTING, parser=seconds, metavar="TIME")
    ] = None
    quality: Annotated[float | None, _option("Least quality, 0 to 1.", _ROUTING, min=0, max=1)] = None
    require: Annotated[list[str] | None, _option("A capability it must have: coding or coding:7.", _ROUTING)] = None
    prefer: Annotated[list[str] | None, _option("A capability that counts in favour.", _ROUTING)] = None
    min_context: Annotated[int | None, _option("Least context window, in tokens.", _ROUTING, min=1)] = None
    exclude: Annotated[list[str] | None, _option("A target, backend or alias not to use.", _ROUTING)] = None
    allow: Annotated[list[str] | None, _option("Use only these.", _ROUTING)] = None
    region: Annotated[str | None, _option("Your region, for nearness.", _ROUTING)] = None
    region_required: Annotated[bool, _option("The data must stay in --region.", _ROUTING, "--region-required")] = False
    sensitivity: Annotated[str | None, _option("public, internal or confidential.", _ROUTING)] = None
    task: Annotated[str | None, _option("The task, such as code_generation.", _ROUTING)] = None
    complexity: Annotated[str | None, _option("simple, medium, complex or code.", _ROUTING)] = None
    domain: Annotated[str | None, _option("The subject, such as legal.", _ROUTING)] = None
    recovery: Annotated[
        str | None, _option("After a failure in mid-answer: fail, reset, continue, continue_or_reset.", _ROUTING)
    ] = None
    label: Annotated[list[str] | None, _option("key=value for rules and reports.", _ROUTING)] = None
    affinity: Annotated[
        str | None, _option("Calls of one key stay on one target, under a profile that counts affinity.", _ROUTING)
    ] = None
    priority: Annotated[int | None, _option("Order in the waiting queue: higher is sooner, 0 is usual.", _ROUTING)] = (
        None
    )
    request_id: Annotated[str | None, _option("Your own identifier, for logs and traces.", _ROUTING)] = None
    idempotency_key: Annotated[str | None, _option("Calls with one key are one call.", _ROUTING)] = None
    timeout: Annotated[
        float | None, _option("Time for the whole call: 30, 30s, 2m.", _ROUTING, parser=seconds, metavar="TIME")
    ] = None
    system: Annotated[str | None, _option("Instructions before the prompt.", _MODEL, "--system", "-s")] = None
    image: Annotated[list[str] | None, _option("A picture: a file or an address.", _MODEL)] = None
    file: Annotated[list[Path] | None, _option("A file to send along.", _MODEL, exists=True, dir_okay=False)] = None
    tools: Annotated[Path | None, _option("JSON file with tools.", _MODEL, exists=True, dir_okay=False)] = None
    as_object: Annotated[bool, _option("Ask for a JSON object as the answer.", _MODEL, "--json-object")] = False
    temperature: Annotated[float | None, _option("0 to 2.", _MODEL)] = None
    top_p: Annotated[float | None, _option("Above 0 up to 1.", _MODEL)] = None
    max_tokens: Annotated[int | None, _option("Most tokens of the answer.", _MODEL)] = None
    seed: Annotated[int | None, _option("For repeatable sampling.", _MODEL)] = None
    stop: Annotated[list[str] | None, _option("Stop at this string.", _MODEL)] = None
    effort: Annotated[str | None, _option("none, minimal, low, medium or high.", _MODEL)] = None
    provider_option: Annotated[
        list[str] | None,
        _option("Passed on to one backend alone: backend='{\"option\": ...}'.", _MODEL, metavar="BACKEND=JSON"),
    ] = None

    def message(self) -> Message:
        """The prompt with what is sent along.

        Raises:
            typer.BadParameter: there is no prompt, or a picture cannot be read.
        """
        parts: list[Part] = [prompt_text(self.prompt or [])]
        try:
            parts += [
                Image(url=source) if "://" in source or source.startswith("data:") else Image.from_path(source)
                for source in self.image or ()
            ]
            parts += [File.from_path(path) for path in self.file or ()]
        except OSError as error:
            raise typer.BadParameter(f"{error.filename} cannot be read: {error.strerror}") from error
        return Message("user", parts)

    def options(self) -> CompletionOptions:
        """The client's options; what was not said is left out."""
        said: dict[str, Any] = {
            "model": self.model,
            "profile": self.profile,
            "max_cost": self.max_cost,
            "max_cost_per_1k": self.max_cost_per_1k,
            "max_latency": self.max_latency,
            "required_quality": self.quality,
            "require": capabilities(self.require or []) or None,
            "prefer": capabilities(self.prefer or []) or None,
            "min_context_tokens": self.min_context,
            "exclude": self.exclude,
            "allow": self.allow,
            "region": self.region,
            "region_required": self.region_required or None,
            "sensitivity": self.sensitivity,
            "task": self.task,
            "complexity": self.complexity,
            "domain": self.domain,
            "recovery": self.recovery,
            "labels": labels(self.label or []) or None,
            "affinity_key": self.affinity,
            "priority": self.priority,
            "request_id": self.request_id,
            "idempotency_key": self.idempotency_key,
            "timeout": self.timeout,
            "system": self.system,
            "tools": None if self.tools is None else tool_list(self.tools),
            "response_format": "json" if self.as_object else None,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_output_tokens": self.max_tokens,
            "seed": self.seed,
            "stop": self.stop,
            "reasoning_effort": self.effort,
            "provider_options": provider_options(self.provider_option or []) or None,
        }
        options = CompletionOptions()
        options.update({name: value for name, value in said.items() if value is not None})  # type: ignore[typeddict-item]
        return options


def prompt_text(words: list[str]) -> str:
    """The prompt: the words, or standard input where there are none.

    Raises:
        typer.BadParameter: there is no prompt.
    """
    text = " ".join(words)
    if text in ("", "-"):
        if not words and sys.stdin.isatty():
            raise typer.BadParameter('say what to ask, such as: trunkline chat "Why is the sky blue?"')
        text = sys.stdin.read().strip()
    if not text.strip():
        raise typer.BadParameter("the prompt is empty")
    return text
