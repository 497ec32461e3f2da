"""An answer as it streams, and what is said about it afterwards."""

from rich.text import Text

from trunkline.answers import Answer
from trunkline.cli.rendering import formats
from trunkline.cli.rendering.attempts import hops
from trunkline.cli.rendering.console import Output
from trunkline.cli.rendering.decision import decision_explained
from trunkline.cli.rendering.failures import show_error
from trunkline.cli.rendering.marks import trace_line
from trunkline.errors import TrunklineError
from trunkline.events import AttemptFailed, Decided, Event, ReasoningDelta, StreamReset, TextDelta


class ChatView:
    """Shows the events of one answer."""

    def __init__(self, output: Output, *, explain: bool, reasoning: bool, live: bool) -> None:
        """Show it on `output`; `live`: text as it comes, else all of it at the end (where it may yet be reset)."""
        self._output = output
        self._explain = explain
        self._reasoning = reasoning
        self._live = live
        self._about = output.data if explain else output.notes  # what was asked for belongs to the data
        self._at_line_start = True
        self._told: set[int] = set()

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case TextDelta(text) if self._live:
                self._write(text)
            case ReasoningDelta(text) if self._reasoning:
                self._output.notes.print(Text(text, "dim italic"), end="", soft_wrap=True)
                self._at_line_start = text.endswith("\n")
            case Decided(decision) if self._explain:
                self._about.print(decision_explained(decision))
                self._about.print()
            case AttemptFailed(attempt) if not self._explain:
                self.break_line()
                self._output.notes.print(hops([attempt]))
                self._told.add(attempt.number)
            case StreamReset(mode, failed_target, _):
                self.break_line()
                goes_on = "the next goes on from here" if mode == "continue" else "what stands above is void"
                self._output.notes.print(Text(f"-- {failed_target} failed; {goes_on} --", "yellow"))
            case _:
                pass

    def finish(self, answer: Answer) -> None:
        """Show what is said about a whole answer."""
        if not self._live:
            self._write(answer.text)
        self.break_line()
        for call in answer.tool_calls:
            self._output.data.print(Text.assemble((call.name, "bold"), f" {call.arguments_json}"), soft_wrap=True)
        notes = self._about
        if self._explain:
            notes.print()
            notes.print(hops(answer.attempts))
            if answer.trace_id:
                notes.print(trace_line(answer.trace_id))
        else:
            notes.print(_summary(answer))
        if answer.finish_reason not in ("stop", "tool_calls"):
            notes.print(Text(f"  the answer ended early: {answer.finish_reason}", "yellow"))
        if answer.simulated:
            notes.print(Text("  A simulated provider made this answer up; no real model was asked.", "yellow"))

    def fail(self, error: TrunklineError) -> None:
        """Show why there is no answer, without the attempts that were shown as they failed."""
        show_error(self._output, error, self._told, explainable=True)

    def _write(self, text: str) -> None:
        """Write the model's words."""
        if text:
            self._output.text(text)
            self._at_line_start = text.endswith("\n")

    def break_line(self) -> None:
        """Begin a new line where one is begun."""
        if not self._at_line_start:
            self._output.text("\n")
            self._at_line_start = True


def _summary(answer: Answer) -> Text:
    """One line: who answered, how long it took, what it cost."""
    about = "about " if answer.usage.estimated else ""
    parts = [
        answer.target,
        formats.duration(answer.latency),
        about + formats.plural(answer.usage.output_tokens, "token"),
        formats.money(answer.cost_nanodollars),
    ]
    if answer.is_fallback:
        parts.append("fallback")
    return Text(f"  {'  '.join(parts)}", "dim")
