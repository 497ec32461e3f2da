"""Gemini's chunks of one answer (https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse)."""

from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.litellm.errors import reported
from provider_workers.backends.litellm.watched_lines import sound_usage
from provider_workers.backends.shapes import broken, object_of, objects_of, text_of
from service_common.failures import FailureClass

_REASONS: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        ),
        "content_filter",
    ),
}
"""All others are failures: what the model wrote could not be read, or Gemini does not say why it ended."""

_STOP = "STOP"
_OF_REQUEST = "MISSING_THOUGHT_SIGNATURE"
_NONE = ("", "FINISH_REASON_UNSPECIFIED")
_LONGEST_REASON = 60
_TELLING = frozenset({"candidates", "promptFeedback", "usageMetadata"})


class GeminiEvents:
    """See `provider_workers.backends.litellm.watched_lines.Events`. There is no end mark.

    Some gateways, and Vertex for a while, send STOP with every text from the first one on (BerriAI/litellm#2195).
    """

    def __init__(self) -> None:
        """Nothing came yet."""
        self.reason = ""
        self.ended = False
        self.stops = 0
        self._stops_tell = False
        self._failure: ProviderFailure | None = None

    def read(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What litellm is to read: the one candidate that was asked for, and counts that are some."""
        if event.get("error"):
            raise reported(event["error"])
        if not _TELLING & event.keys():
            return None
        kept = {name: value for name, value in event.items() if name not in ("candidates", "usageMetadata")}
        if object_of(event.get("promptFeedback"), "feedback").get("blockReason"):
            self.reason = self.reason or "content_filter"
        for candidate in objects_of(event.get("candidates"), "candidates"):
            if not _is_another(candidate):
                self._candidate(candidate)
                kept["candidates"] = [candidate]
                break
        usage = sound_usage(event.get("usageMetadata"))
        return kept if usage is None else {**kept, "usageMetadata": usage}

    def check(self) -> None:
        """Raise what a finish reason means that is no end.

        Raises:
            ProviderFailure: `STREAM_BROKEN`; `INVALID_REQUEST`, the request is the cause.
        """
        if self._failure is not None:
            raise self._failure

    def _candidate(self, candidate: Mapping[str, Any]) -> None:
        parts = objects_of(object_of(candidate.get("content"), "content").get("parts"), "parts")
        says = [_says(part) for part in parts]
        reason = text_of(candidate.get("finishReason"), "a finish reason")
        if any(says):
            if self.reason and (reason != _STOP or self._stops_tell):
                raise broken("the answer went on after its finish reason")
            self._stops_tell = self._stops_tell or reason != _STOP
            self.stops = 0 if self._stops_tell else self.stops + 1
        if reason in _NONE or self.reason:
            return
        if reason in _REASONS:
            self.reason = _REASONS[reason]
            return
        failure_class = FailureClass.INVALID_REQUEST if reason == _OF_REQUEST else FailureClass.STREAM_BROKEN
        self._failure = ProviderFailure(failure_class, f"Gemini ended its answer with {reason[:_LONGEST_REASON]}")


def _is_another(candidate: Mapping[str, Any]) -> bool:
    index = candidate.get("index")
    return isinstance(index, int) and index > 0


def _says(part: Mapping[str, Any]) -> bool:
    """Whether a part brings more of the answer."""
    said = bool(text_of(part.get("text"), "content"))
    if part.get("functionCall") is None:
        return said
    if not text_of(object_of(part["functionCall"], "a call").get("name"), "a function's name"):
        raise broken("the answer holds a call without a function's name")
    return True
