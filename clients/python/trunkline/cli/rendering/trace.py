"""A trace for people: the tree of its spans, each with its time and what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trunkline.cli.jaeger import Node, Span
from trunkline.cli.rendering import formats

_BAR = 12


def trace_screen(roots: Sequence[Node]) -> RenderableType:
    """Every span on a line: the tree, when it ran, how long, and what came of it."""
    begin = min(root.span.start for root in roots)
    whole = max(node.span.start + node.span.duration for root in roots for node in _walk(root)) - begin
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column()
    for root in roots:
        _add(grid, root, begin, whole, ("", ""))
    count = sum(1 for root in roots for _ in _walk(root))
    services = sorted({node.span.service for root in roots for node in _walk(root)})
    head = f"{formats.plural(count, 'span')} of {', '.join(services)}, {formats.duration(whole)}"
    return Group(Text(head, "dim"), Text(), grid)


def _walk(node: Node) -> list[Node]:
    """The node and all below it."""
    return [node, *(below for child in node.children for below in _walk(child))]


def _add(grid: Table, node: Node, begin: float, whole: float, lines: tuple[str, str]) -> None:
    """Add a span's row, and those below it; `lines` stand before its own name and before those of its children."""
    span = node.span
    own, below = lines
    name = Text.assemble((own, "dim"), (_name(span), "red" if span.failed else "bold" if not own else ""))
    grid.add_row(name, _bar(span, begin, whole), formats.duration(span.duration), _outcome(span))
    for event, fields in span.events:
        words = ", ".join(str(value) for key, value in fields.items() if key.startswith("trunkline."))
        grid.add_row(Text(f"{below}  · {event}", "dim"), "", "", Text(words, "dim"))
    for position, child in enumerate(node.children):
        last = position == len(node.children) - 1
        _add(grid, child, begin, whole, (f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}"))


def _bar(span: Span, begin: float, whole: float) -> Text:
    """When the span ran within the trace."""
    share = _BAR / whole if whole > 0 else 0.0
    start = min(int((span.start - begin) * share), _BAR - 1)
    length = min(max(1, round(span.duration * share)), _BAR - start)
    return Text(" " * start + "━" * length + " " * (_BAR - start - length), "red" if span.failed else "cyan")


def _name(span: Span) -> str:
    """A call by its service and procedure, an attempt by its target, anything else by the span's own name."""
    if "trunkline.hop" in span.tags:
        return f"{span.name.partition(' ')[0]} {span.tags.get('trunkline.target', '')}"
    return span.name.rpartition(".")[2] if "rpc.method" in span.tags else span.name


def _outcome(span: Span) -> Text:
    """What a person wants to know of the span, by what kind it is."""
    tags = span.tags
    if "trunkline.plan" in tags:
        facts = [f"profile {tags.get('trunkline.profile', '')}", f"task {tags.get('trunkline.task', '')}"]
    elif "trunkline.hop" in tags:
        facts = [*_kind(tags), *_usage(tags)]
    elif "http.request.method" in tags:
        status, host = tags.get("http.response.status_code", ""), tags.get("server.address", "")
        facts = [f"{status} from {host}:{tags.get('server.port', '')}".strip()]
    else:
        facts = [str(tags[key]) for key in ("rpc.response.status_code", "trunkline.target") if key in tags]
        facts += _usage(tags)
    failure = str(tags.get("error.type", "failed" if span.failed else ""))
    if not failure:
        return Text(", ".join(facts))
    if not any(fact.startswith(failure) for fact in facts):
        facts.insert(0, failure)
    return Text.assemble((", ".join(facts), "red"), (_said(tags), "dim"))


def _kind(tags: Mapping[str, Any]) -> list[str]:
    """Why an attempt was made, where it was not the first."""
    kind = str(tags.get("trunkline.attempt.kind", ""))
    return [] if kind in ("", "first") else [kind]


def _usage(tags: Mapping[str, Any]) -> list[str]:
    """Tokens and cost, where there were any."""
    facts = []
    if tags.get("gen_ai.usage.output_tokens"):
        facts.append(formats.plural(tags["gen_ai.usage.output_tokens"], "token"))
    if tags.get("trunkline.cost_usd"):
        facts.append(formats.dollars(formats.amount(tags["trunkline.cost_usd"])))
    return facts


def _said(tags: Mapping[str, Any]) -> str:
    """What the provider or the router said."""
    said = tags.get("trunkline.failure") or tags.get("trunkline.error") or tags.get("otel.status_description")
    return f": {said}" if said else ""


def trace_json(node: Node) -> dict[str, Any]:
    """One span of `trace --json`, with those below it."""
    span = node.span
    return {
        "span_id": span.span_id,
        "name": span.name,
        "service": span.service,
        "start": span.start,
        "duration_ms": round(span.duration * 1000, 3),
        "failed": span.failed,
        "attributes": dict(span.tags),
        "events": [{"name": name, "attributes": dict(fields)} for name, fields in span.events],
        "children": [trace_json(child) for child in node.children],
    }
