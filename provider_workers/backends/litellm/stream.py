"""Reads litellm's streamed answer: pieces, and whether the provider really finished.

litellm ends a stream that was cut as if it were whole. `received_finish_reason` of its wrapper is None then, for all
providers but Gemini, where it is always None (litellm 1.106.2); there the provider's own chunks are watched.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from provider_workers.backends.base import Finish, Piece, ProviderFailure, Reasoning, Text, TokenUsage, ToolDelta
from provider_workers.backends.shapes import arguments_of, list_of, text_of, usage_of, word_of
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason

_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_TAIL = 0.25
"""Seconds that a provider which has said why it finished may take for what else it has to say."""

COUNTED_BY_LITELLM = frozenset({"gemini", "huggingface", "triton"})
"""Providers whose embeddings come without a count of tokens: litellm puts its own estimate there."""

_GEMINI = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})


class FinishWatch:
    """Learns from the provider's own chunks whether, and why, it finished."""

    def __init__(self, wrapper: Any) -> None:
        """Watch `wrapper`, litellm's stream, whose connection must be open already."""
        self._wrapper = wrapper
        self._seen = ""
        iterator = wrapper.completion_stream
        self._watches = wrapper.custom_llm_provider in _GEMINI and hasattr(iterator, "chunk_parser")
        if self._watches:
            iterator.chunk_parser = self._spying(iterator.chunk_parser)

    def reason(self) -> str:
        """The finish reason that the provider sent, in OpenAI's words; empty where it sent none."""
        if self._watches:
            return self._seen
        return str(self._wrapper.received_finish_reason or "")

    def _spying(self, parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def spy(chunk: Any) -> Any:
            if isinstance(chunk, dict):
                self._seen = _gemini_reason(chunk) or self._seen
            return parse(chunk)

        return spy


async def until_finished(wrapper: Any, watch: FinishWatch) -> AsyncGenerator[Any, None]:
    """litellm's chunks. It waits for the end of the body; a provider that has finished and keeps it open is left."""
    chunks = aiter(wrapper)
    while True:
        reading = asyncio.ensure_future(anext(chunks))
        try:
            finished = False
            while not (await asyncio.wait((reading,), timeout=_TAIL))[0]:
                if finished:
                    return
                finished = bool(watch.reason())
            chunk = reading.result()
        except StopAsyncIteration:
            return
        finally:
            if not reading.done():
                reading.cancel()
                await asyncio.wait((reading,))
        yield chunk


class PieceReader:
    """Turns litellm's chunks into pieces."""

    def __init__(self, where: str, *, may_be_empty: bool = False) -> None:
        """Nothing came yet of `where`; `may_be_empty`: an answer without any text may be meant so."""
        self._where = where
        self._may_be_empty = may_be_empty
        self._model = ""
        self._id = ""
        self._calls: dict[object, int] = {}
        self._said = False
        self._counted = False

    def read(self, chunk: Any, received: Sequence[Any]) -> list[Piece]:
        """The pieces of one chunk.

        Args:
            chunk: as litellm hands it out.
            received: the provider's own chunks so far. Where none of them counts tokens, what litellm tells at the end
                is its own estimate; the router has a better one.

        Raises:
            ProviderFailure: `STREAM_BROKEN`, it holds what no answer can hold.
        """
        pieces: list[Piece] = []
        self._model = self._model or word_of(getattr(chunk, "model", None))
        self._id = self._id or word_of(getattr(chunk, "id", None))
        for choice in list_of(getattr(chunk, "choices", None), "choices")[:1]:
            delta = getattr(choice, "delta", None)
            if thought := text_of(getattr(delta, "reasoning_content", None), "thinking"):
                pieces.append(Reasoning(thought))
            if content := text_of(getattr(delta, "content", None), "content"):
                pieces.append(Text(content))
            pieces.extend(self._tool(call) for call in list_of(getattr(delta, "tool_calls", None), "calls"))
        self._said = self._said or bool(pieces)
        used = token_usage(getattr(chunk, "usage", None))
        if used is not None and (self._counted or _counts(received)):
            self._counted = True
            pieces.append(used)
        return pieces

    def late_usage(self, received: Sequence[Any]) -> list[Piece]:
        """The usage in the provider's own chunks, where litellm kept it back for an end that did not come."""
        if self._counted:
            return []
        return [*_counts(received)[-1:]]

    def finish(self, reason: str) -> Finish:
        """The closing piece.

        Raises:
            ProviderFailure: `STREAM_BROKEN`, the provider sent no finish reason; `CONTENT_FILTERED`, it withheld all.
        """
        if not reason:
            said = "the stream ended without a finish reason" if self._said else self._empty()
            raise ProviderFailure(FailureClass.STREAM_BROKEN, said)
        found = _REASONS.get(reason, FinishReason.STOP)
        if found is FinishReason.CONTENT_FILTER and not self._said:
            raise ProviderFailure(FailureClass.CONTENT_FILTERED, "the provider's content filter withheld the answer")
        if self._calls and found is FinishReason.STOP:
            found = FinishReason.TOOL_CALLS
        if found is FinishReason.STOP and not self._said and not self._may_be_empty:
            raise ProviderFailure(FailureClass.STREAM_BROKEN, self._empty())
        return Finish(found, self._model, self._id)

    def _empty(self) -> str:
        """litellm passes over what it cannot read: a page, or another provider's wire, is no answer at all to it."""
        if self._counted:
            return "the answer is empty"
        return f"the answer is empty, or nothing in it could be read: is {self._where} the address of this provider?"

    def _tool(self, call: Any) -> ToolDelta:
        number, function = getattr(call, "index", None), getattr(call, "function", None)
        own = word_of(getattr(call, "id", None))
        key = number if isinstance(number, int) else own
        first = key not in self._calls
        index = self._calls.setdefault(key, len(self._calls))
        name = text_of(getattr(function, "name", None), "a function's name") if first else ""
        arguments = arguments_of(getattr(function, "arguments", None))
        return ToolDelta(index, (own or f"call_{index}") if first else "", name, arguments)


def _counts(received: Sequence[Any]) -> list[TokenUsage]:
    """The usage in the provider's own chunks."""
    return [used for chunk in received if (used := token_usage(getattr(chunk, "usage", None))) is not None]


def token_usage(usage: Any) -> TokenUsage | None:
    """litellm's usage, None where it is none; cached tokens are part of the prompt's already."""
    prompt = getattr(usage, "prompt_tokens_details", None)
    completion = getattr(usage, "completion_tokens_details", None)
    return usage_of(
        getattr(usage, "prompt_tokens", None),
        getattr(usage, "completion_tokens", None),
        getattr(prompt, "cached_tokens", None),
        getattr(completion, "reasoning_tokens", None),
    )


def _gemini_reason(chunk: Mapping[str, Any]) -> str:
    """The reason in one of Gemini's own chunks, in OpenAI's words."""
    feedback, candidates = chunk.get("promptFeedback"), chunk.get("candidates")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        return "content_filter"
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    match first.get("finishReason") if isinstance(first, dict) else None:
        case None | "FINISH_REASON_UNSPECIFIED":
            return ""
        case "STOP":
            return "stop"
        case "MAX_TOKENS":
            return "length"
        case "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY":
            return "content_filter"
        case _:
            return ""
