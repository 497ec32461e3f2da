"""Reads the pieces of an answer from litellm's chunks."""

from collections.abc import Mapping, Sequence
from typing import Any

from provider_workers.backends.base import Finish, Piece, ProviderFailure, Reasoning, Text, TokenUsage, ToolDelta
from provider_workers.backends.shapes import arguments_of, broken, list_of, text_of, usage_of, word_of
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason

_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
COUNTED_BY_LITELLM = frozenset({"gemini", "huggingface", "triton"})
"""Providers whose embeddings come without a count of tokens: litellm puts its own estimate there."""


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
            said = "the stream ended without a finish reason" if self._said else self._unreadable()
            raise ProviderFailure(FailureClass.STREAM_BROKEN, said)
        found = _REASONS.get(reason, FinishReason.STOP)
        if found is FinishReason.CONTENT_FILTER and not self._said:
            raise ProviderFailure(FailureClass.CONTENT_FILTERED, "the provider's content filter withheld the answer")
        if found in (FinishReason.STOP, FinishReason.TOOL_CALLS):  # litellm turns calls into text, too
            found = FinishReason.TOOL_CALLS if self._calls else FinishReason.STOP
        if found is FinishReason.STOP and not self._said and not self._may_be_empty:
            raise ProviderFailure(
                FailureClass.STREAM_BROKEN, "the answer is empty" if self._counted else self._unreadable()
            )
        return Finish(found, self._model, self._id)

    def _unreadable(self) -> str:
        """litellm passes over what it cannot read: a page, or another provider's wire, is no answer at all to it."""
        return f"the answer is empty, or nothing in it could be read: is {self._where} the address of this provider?"

    def _tool(self, call: Any) -> ToolDelta:
        number, function = getattr(call, "index", None), getattr(call, "function", None)
        own = word_of(getattr(call, "id", None))
        key = number if isinstance(number, int) else own
        first = key not in self._calls
        index = self._calls.setdefault(key, len(self._calls))
        name = text_of(getattr(function, "name", None), "a function's name") if first else ""
        if first and not name:
            raise broken("the answer holds a call without a function's name")
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
