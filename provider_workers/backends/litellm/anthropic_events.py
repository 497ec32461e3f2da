"""Anthropic's events of one answer (https://docs.anthropic.com/en/docs/build-with-claude/streaming)."""

from collections.abc import Mapping
from typing import Any

from provider_workers.backends.litellm.errors import reported
from provider_workers.backends.litellm.watched_lines import sound_usage
from provider_workers.backends.shapes import broken, object_of, text_of, word_of

_REASONS: Mapping[str, str] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # its own tools took too many turns: the answer is to be continued
    "compaction": "length",  # likewise, with a shorter conversation
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_NO_DETAILS: Mapping[str, int] = {"thinking_tokens": 0}
"""Of an answer whose provider does not count its thinking apart: litellm would put its own estimate there."""

_TEXTS = ("text", "thinking", "partial_json")


class AnthropicEvents:
    """See `provider_workers.backends.litellm.watched_lines.Events`."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.reason = ""
        self.ended = False
        self.stops = 0
        self._counted = False
        self._called = False
        self._hidden = False
        self._usage: Mapping[str, Any] = {}

    def read(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What litellm is to read; kinds of events that Anthropic may add are none of it, as its documentation asks."""
        kind = event.get("type")
        if kind in ("content_block_start", "content_block_delta") and self.reason:
            _check_silent(event)
            return None
        if self.ended:
            return None
        if kind == "error" or event.get("error"):
            raise reported(event.get("error") or event)
        match kind:
            case "message_start":
                return self._start(event)
            case "content_block_start":
                return self._block(event)
            case "content_block_delta":
                return None if self._hidden else _delta(event)
            case "content_block_stop":
                return None if self._hidden else event
            case "message_delta":
                return self._end(event)
            case "message_stop":
                self.ended = True
        return None

    def check(self) -> None:
        """Nothing: no event tells of a failure behind what it brings."""

    def _start(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        message = dict(object_of(event.get("message"), "a message"))
        usage = sound_usage(message.pop("usage", None))
        if usage is not None:
            message["usage"] = usage
            self._counted = "input_tokens" in usage
        return {**event, "message": message}

    def _block(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        block = dict(object_of(event.get("content_block"), "a content block"))
        kind = text_of(block.get("type"), "a kind of content block")
        self._hidden = kind == "server_tool_use"  # Anthropic calls it itself; litellm would pass it to the caller
        if self._hidden:
            return None
        if kind == "text":
            block["text"] = text_of(block.get("text"), "content")
        elif kind == "tool_use":
            if not text_of(block.get("name"), "a function's name"):
                raise broken("the answer holds a call without a function's name")
            block["id"] = word_of(block.get("id"))
            self._called = True
        elif not kind:
            raise broken("the answer holds a content block without a kind")
        return {**event, "content_block": block}

    def _end(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        reason = text_of(object_of(event.get("delta"), "a delta").get("stop_reason"), "a finish reason")
        usage = sound_usage(event.get("usage"))
        if not reason or self.reason:
            self._usage = {**self._usage, **(usage or {})}
            return None  # litellm takes every such event for the end
        if reason == "tool_use" and not self._called:
            raise broken("the answer ended in order to call a function (tool_use), and holds none")
        self.reason = _REASONS.get(reason, "stop")
        if self._usage and (usage is not None or "usage" not in event):
            usage = {**self._usage, **(usage or {})}
        if usage is None or not (self._counted or "input_tokens" in usage):
            return {name: value for name, value in event.items() if name != "usage"}
        return {**event, "usage": {"output_tokens_details": _NO_DETAILS, **usage}}


def _delta(event: Mapping[str, Any]) -> Mapping[str, Any]:
    delta = event.get("delta")
    if not isinstance(delta, dict):
        raise broken("the answer holds a delta that is no object")
    for name in _TEXTS:
        text_of(delta.get(name), "content")
    return event


def _check_silent(event: Mapping[str, Any]) -> None:
    more = event.get("delta") or event.get("content_block")
    if not isinstance(more, dict) or more.get("type") == "tool_use" or any(more.get(name) for name in _TEXTS):
        raise broken("the answer went on after its finish reason")
