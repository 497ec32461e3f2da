"""Reads the chunks of a streamed chat completion. No I/O: bytes in, pieces out."""

from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import Finish, Piece, ProviderFailure, Reasoning, Text, TokenUsage, ToolDelta
from provider_workers.backends.error_responses import response_failure, stream_failure
from provider_workers.backends.lines import LineTooLongError
from provider_workers.backends.ndjson import parse_object
from provider_workers.backends.shapes import (
    arguments_of,
    broken,
    list_of,
    object_of,
    objects_of,
    text_of,
    usage_of,
    word_of,
)
from provider_workers.backends.sse import SseParser
from provider_workers.backends.wires import strange
from service_common.clock import Clock
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason

_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_DONE = b"[DONE]"
_TELLING = (
    *("choices", "error", "errors", "message", "detail", "code", "status_code"),
    *("delta", "content", "text", "output", "response", "candidates", "generated_text"),
)
"""What holds errors or text, here or on other wires."""

_BROKEN_REASONS = frozenset({"error", "abort", "insufficient_system_resource"})


class ChatStream:
    """One answer as it comes.

    Attributes:
        done: `[DONE]` came.
        reported: the provider's usage came.
        finish_reason: why the answer ended; None as long as it did not.
    """

    def __init__(self, clock: Clock, *, may_be_empty: bool = False) -> None:
        """Nothing came yet.

        Args:
            clock: for dates in errors.
            may_be_empty: whether an answer without any text may be meant so.
        """
        self._clock = clock
        self._may_be_empty = may_be_empty
        self._failure: ProviderFailure | None = None
        self._parser = SseParser()
        self._model = ""
        self._id = ""
        self._tools: dict[object, int] = {}
        self._open_tool: object = None
        self._said = False
        self.done = False
        self.reported = False
        self.finish_reason: FinishReason | None = None

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that `chunk` brings.

        Raises:
            ProviderFailure: the provider reported an error, or sent what is not its wire.
        """
        try:
            return self._take(self._parser.feed(chunk))
        except LineTooLongError as error:
            raise broken(f"the provider sent {error}") from error

    def end(self) -> list[Piece]:
        """The last pieces, when the body ended properly.

        Raises:
            ProviderFailure: as `feed`; `STREAM_BROKEN` where no finish reason ever came.
        """
        pieces = self._take(self._parser.end())
        if self.finish_reason is not None:
            return pieces
        foreign = self._parser.foreign
        if foreign.lstrip().startswith(b"{"):
            raise self._failure_in_json(foreign)
        if foreign:
            raise broken("the answer is not an event stream: is base_url the provider's address?")
        if not self._model and not self._said:
            raise broken("the answer is empty")
        raise broken("the stream ended without a finish reason")

    def check(self) -> None:
        """Raise the failure that came behind pieces of the same chunk, once those are passed on.

        Raises:
            ProviderFailure: as `feed`.
        """
        if self._failure is not None:
            raise self._failure

    def finish(self) -> Finish:
        """The closing piece.

        Raises:
            ProviderFailure: `CONTENT_FILTERED`, the provider withheld everything; `STREAM_BROKEN`, it is not whole.
        """
        if self.finish_reason is None:
            raise broken("the provider said [DONE] without a finish reason")
        if self.finish_reason is FinishReason.CONTENT_FILTER and not self._said:
            raise ProviderFailure(FailureClass.CONTENT_FILTERED, "the provider's content filter withheld the answer")
        if self.finish_reason is FinishReason.STOP and not self._said and not self._may_be_empty:
            raise broken("the answer is empty")
        return Finish(self.finish_reason, self._model, self._id)

    def _take(self, events: list[bytes]) -> list[Piece]:
        pieces: list[Piece] = []
        for data in events:
            if self.done:
                break
            if data == _DONE:
                self.done = True
                break
            try:
                self._chunk(self._parsed(data), pieces)
            except ProviderFailure as failure:
                if not pieces:
                    raise
                self._failure = failure
                break
        return pieces

    def _parsed(self, data: bytes) -> Mapping[str, Any]:
        """The chunk that an event holds; empty for events that hold none: nothing, `null`, `[DONE]` between blanks."""
        try:
            return parse_object(data)
        except ValueError as error:
            said = data.strip()
            if said.startswith(_DONE):  # as OpenAI's own client takes it
                self.done = True
            elif said not in (b"", b"null"):
                raise broken(f"the stream holds a malformed chunk ({len(data)} bytes)") from error
            return {}

    def _chunk(self, chunk: Mapping[str, Any], pieces: list[Piece]) -> None:
        if chunk.get("error"):
            raise stream_failure(chunk["error"])
        choices, usage, groq = chunk.get("choices"), chunk.get("usage"), chunk.get("x_groq")
        if not isinstance(choices, list):
            if usage is None and groq is None:
                _check_ping(chunk)
                return
            choices = []
        if not self._model:
            self._model = word_of(chunk.get("model"))
        if not self._id:
            self._id = word_of(chunk.get("id"))
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                self._choice(choice, pieces)
        if not (usage or groq):  # most chunks
            return
        used = token_usage(usage or _object(groq).get("usage"))
        if used is not None:
            self.reported = self.finish_reason is not None
            pieces.append(used)

    def _choice(self, choice: Mapping[str, Any], pieces: list[Piece]) -> None:
        if choice.get("delta"):
            delta = object_of(choice["delta"], "a delta")
            if self.finish_reason is None:
                self._delta(delta, pieces)
            else:
                self._nothing_more(delta)
        reason = choice.get("finish_reason")
        if not reason or self.finish_reason is not None:
            return
        if not isinstance(reason, str):
            raise broken("the stream holds a finish reason that is no word")
        if reason in _BROKEN_REASONS:
            raise stream_failure(choice.get("error") or {"message": f"the provider ended its answer with {reason!r}"})
        found = _REASONS.get(reason, FinishReason.STOP)
        calls = self._tools and found is FinishReason.STOP  # some servers say "stop" after a tool call
        self.finish_reason = FinishReason.TOOL_CALLS if calls else found

    def _nothing_more(self, delta: Mapping[str, Any]) -> None:
        """Break an answer that goes on after its finish reason: where it really ends, nobody can tell."""
        more: list[Piece] = []
        self._delta(delta, more)
        if any(piece not in (Text(""), Reasoning("")) for piece in more):
            raise broken("the answer went on after its finish reason")

    def _delta(self, delta: Mapping[str, Any], pieces: list[Piece]) -> None:
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                pieces.append(Text(content))
        elif content:
            _add_parts(content, pieces)
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str) and thought:
            pieces.append(Reasoning(thought))
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            pieces.append(Text(refusal))
        calls = delta.get("tool_calls")
        if calls is not None:
            pieces.extend(self._tool(call) for call in objects_of(calls, "calls"))
        self._said = self._said or bool(pieces)

    def _tool(self, call: Mapping[str, Any]) -> ToolDelta:
        """One piece of a call. Calls are told apart by index, or by id where a provider sends no index."""
        function = object_of(call.get("function"), "a function")
        call_id = word_of(call.get("id"))
        key: object = call.get("index")
        if not isinstance(key, int):
            key = call_id or self._open_tool
        self._open_tool = key
        first = key not in self._tools
        index = self._tools.setdefault(key, len(self._tools))
        arguments = arguments_of(function.get("arguments"))
        if not first:
            return ToolDelta(index, arguments_json=arguments)
        name = text_of(function.get("name"), "a function's name")
        if not name:
            raise broken("the answer holds a call without a function's name")
        return ToolDelta(index, call_id or f"call_{index}", name, arguments)

    def _failure_in_json(self, line: bytes) -> ProviderFailure:
        """A 200 with a bare JSON object: an error that some servers report so, or another shape."""
        try:
            said = parse_object(line)
        except ValueError:
            said = {}
        if said.get("error"):
            return response_failure(500, {}, line, self._clock.wall())
        return strange("the answer is no event stream but JSON", said)


def token_usage(usage: object) -> TokenUsage | None:
    """Usage as OpenAI, Groq, Mistral, DeepSeek and vLLM report it; None where it is none."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = _object(usage.get("prompt_tokens_details")), _object(usage.get("completion_tokens_details"))
    cached = prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    return usage_of(
        usage.get("prompt_tokens"), usage.get("completion_tokens"), cached, completion.get("reasoning_tokens")
    )


def _add_parts(content: object, pieces: list[Piece]) -> None:
    """A list of parts, as Mistral's reasoning models send it in the place of text."""
    for part in list_of(content, "content that is no text, and parts"):
        if isinstance(part, dict) and part.get("type") == "text":
            pieces.append(Text(word_of(part.get("text"))))
        elif isinstance(part, dict) and part.get("type") == "thinking":
            thoughts = part.get("thinking")
            thoughts = thoughts if isinstance(thoughts, list) else ()
            pieces.extend(Reasoning(word_of(thought.get("text"))) for thought in thoughts if isinstance(thought, dict))


def _check_ping(chunk: Mapping[str, Any]) -> None:
    """Take an object without choices for a sign of life where nothing can be lost with it.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, it may hold an error or text in another shape.
    """
    names_error = "error" in (chunk.get("type"), chunk.get("object"))
    if names_error or any(chunk.get(name) is not None for name in _TELLING):
        raise strange("the stream holds a chunk", chunk)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
