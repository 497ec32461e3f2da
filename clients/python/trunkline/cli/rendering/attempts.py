"""The hops of a call for people: one line per attempt."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from trunkline.answers import Attempt
from trunkline.cli.rendering import formats


def hops(attempts: Sequence[Attempt]) -> Table:
    """Each attempt: target, what came of it, its times, tokens and cost, and why it was made."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_column()
    grid.add_column(no_wrap=True)
    for attempt in attempts:
        grid.add_row(f"  {attempt.target}", outcome(attempt), figures(attempt), Text(attempt.kind, "dim"))
    return grid


def outcome(attempt: Attempt) -> Text:
    """`answered`, or the failure class with what is known about it."""
    if attempt.outcome == "succeeded":
        return Text("answered", "green")
    if attempt.outcome == "cancelled":
        return Text("cancelled", "dim")
    facts = [str(attempt.http_status)] if attempt.http_status else []
    if attempt.retry_after is not None:
        facts.append(f"told to wait {formats.duration(attempt.retry_after)}")
    text = Text(attempt.failure_class or attempt.outcome, "red")
    if facts:
        text.append(f" ({', '.join(facts)})", "red")
    if attempt.failure_message:
        text.append(f" {attempt.failure_message}", "dim")
    return text


def figures(attempt: Attempt) -> Text:
    """Times, tokens and cost of an attempt."""
    if attempt.outcome != "succeeded":
        return Text(formats.duration(attempt.latency))
    about = "about " if attempt.usage.estimated else ""
    parts = [
        formats.duration(attempt.latency),
        about + formats.plural(attempt.usage.output_tokens, "token"),
        formats.money(attempt.cost_nanodollars),
    ]
    if attempt.first_token is not None:
        parts.insert(0, f"first token {formats.duration(attempt.first_token)}")
    return Text(", ".join(parts))
