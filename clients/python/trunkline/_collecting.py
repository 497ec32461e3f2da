"""An answer is put together out of a stream's events. No I/O: sync and async streams share it."""

from dataclasses import dataclass, field

from trunkline._responses import whole_answer
from trunkline.answers import Answer, ToolCall
from trunkline.decisions import Decision
from trunkline.errors import ProtocolError
from trunkline.events import Completed, Decided, Event, ReasoningDelta, StreamReset, TextDelta, ToolCallDelta


@dataclass(slots=True)
class _PartialCall:
    """A tool call whose pieces still come."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Collector:
    """What has come of a stream so far."""

    def __init__(self) -> None:
        """Nothing has come."""
        self.decision: Decision | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _PartialCall] = {}
        self._completed: Completed | None = None

    @property
    def text(self) -> str:
        """The text that is valid so far."""
        return "".join(self._text)

    def add(self, event: Event) -> None:
        """Take one event.

        Raises:
            ProtocolError: something came after the end.
        """
        if self._completed is not None:
            raise ProtocolError(f"the stream went on after its end, with {type(event).__name__}")
        match event:
            case TextDelta(text):
                self._text.append(text)
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case ToolCallDelta(index, call_id, name, arguments):
                call = self._calls.setdefault(index, _PartialCall())
                call.id = call.id or call_id
                call.name = call.name or name
                call.arguments.append(arguments)
            case StreamReset(mode, _, valid_characters):
                self._reset(mode, valid_characters)
            case Decided(decision):
                self.decision = decision
            case Completed():
                self._completed = event
            case _:
                pass

    def _reset(self, mode: str, valid_characters: int) -> None:
        """Drop what is void."""
        kept = self.text[:valid_characters] if mode == "continue" else ""
        self._text = [kept]
        if mode != "continue":
            self._reasoning.clear()
        self._calls.clear()

    def end(self) -> Completed:
        """The stream ended with the status OK: its last event.

        Raises:
            ProtocolError: it ended without `completed`, so the answer is not whole.
        """
        if self._completed is None:
            raise ProtocolError(
                f"the stream ended without its end after {len(self.text)} characters: the answer is not whole"
            )
        return self._completed

    def answer(self) -> Answer:
        """The whole answer.

        Raises:
            ProtocolError: the stream has not ended well, or never told its decision.
        """
        completed = self.end()
        if self.decision is None:
            raise ProtocolError("the stream told no decision")
        calls = tuple(ToolCall(call.id, call.name, "".join(call.arguments)) for _, call in sorted(self._calls.items()))
        return whole_answer(
            completed.completion, said=(self.text, "".join(self._reasoning)), tool_calls=calls, decision=self.decision
        )
