"""Reads the lines of a streamed `/api/chat` answer. No I/O: bytes in, pieces out."""

import zlib
from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import (
    Finish,
    Piece,
    ProviderFailure,
    Pulling,
    Reasoning,
    Text,
    TokenUsage,
    ToolDelta,
    Vectors,
)
from provider_workers.backends.ndjson import NdjsonParser
from provider_workers.backends.ollama.errors import stream_failure
from provider_workers.backends.shapes import (
    arguments_of,
    broken,
    count_of,
    object_of,
    objects_of,
    text_of,
    usage_of,
    vectors_of,
    word_of,
)
from service_common.vocabulary import FinishReason

_BROKEN_ENDS = frozenset({"error", "load", "unload"})
"""The model broke down, was loaded alone, or went: no answer ends so."""


class ChatStream:
    """One answer as it comes. `done` tells that its last line came."""

    def __init__(self, *, may_be_empty: bool = False) -> None:
        """Nothing came yet; `may_be_empty`: an answer without any text may be meant so."""
        self._may_be_empty = may_be_empty
        self._failure: ProviderFailure | None = None
        self._said = False
        self._parser = NdjsonParser()
        self._calls = 0
        self._started = False
        self._finish: Finish | None = None

    @property
    def done(self) -> bool:
        """Whether the last line came."""
        return self._finish is not None

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that `chunk` brings.

        Raises:
            ProviderFailure: Ollama reported an error, or this is not its wire.
        """
        try:
            return self._take(self._parser.feed(chunk))
        except ValueError as error:
            if self.done:
                return []  # rubbish behind a whole answer
            raise self._not_ollama(error) from error

    def end(self) -> list[Piece]:
        """The last pieces, when the body ended properly.

        Raises:
            ProviderFailure: as `feed`; `STREAM_BROKEN` where the answer did not say that it is done.
        """
        try:
            pieces = self._take(self._parser.end())
        except ValueError as error:
            raise self._not_ollama(error) from error
        if not self.done and self._failure is None:
            said = "the stream ended before it was done" if self._started else "the answer is empty"
            raise broken(said)
        return pieces

    def finish(self) -> Finish:
        """The closing piece, once the answer is done.

        Raises:
            ProviderFailure: `STREAM_BROKEN`, it is not.
        """
        if self._finish is None:
            raise broken("the stream ended before it was done")
        return self._finish

    def check(self) -> None:
        """Raise the failure that came behind pieces of the same chunk, once those are passed on.

        Raises:
            ProviderFailure: as `feed`.
        """
        if self._failure is not None:
            raise self._failure

    def _take(self, lines: list[dict[str, Any]]) -> list[Piece]:
        pieces: list[Piece] = []
        for line in lines:
            try:
                self._line(line, pieces)
            except ProviderFailure as failure:
                if not pieces:
                    raise
                self._failure = failure
                break
        return pieces

    def _line(self, line: Mapping[str, Any], pieces: list[Piece]) -> None:
        if self.done:
            _check_silent(line)
            return
        if "error" in line:
            raise stream_failure(line["error"])
        if "message" not in line and "done" not in line:
            raise broken("the stream holds a line of an unknown shape")
        self._started = True
        self._message(line, pieces)
        self._said = self._said or bool(pieces)
        done = line.get("done")
        if done is True:
            self._last(line, pieces)
        elif done is not None and done is not False:
            raise broken("the stream holds a `done` that is neither true nor false")

    def _message(self, line: Mapping[str, Any], pieces: list[Piece]) -> None:
        message = object_of(line.get("message"), "a message")
        if thought := text_of(message.get("thinking"), "thinking"):
            pieces.append(Reasoning(thought))
        if content := text_of(message.get("content"), "content"):
            pieces.append(Text(content))
        for call in objects_of(message.get("tool_calls"), "calls"):
            function = object_of(call.get("function"), "a function")
            stamp = zlib.crc32(str(line.get("created_at")).encode())  # told apart from the calls of other turns
            call_id = word_of(call.get("id")) or f"call_{stamp:08x}_{self._calls}"
            name = text_of(function.get("name"), "a function's name")
            if not name:
                raise broken("the answer holds a call without a function's name")
            pieces.append(ToolDelta(self._calls, call_id, name, arguments_of(function.get("arguments")) or "{}"))
            self._calls += 1

    def _last(self, line: Mapping[str, Any], pieces: list[Piece]) -> None:
        used = usage(line)
        if used is not None:
            pieces.append(used)
        said = text_of(line.get("done_reason"), "a finish reason")
        if said in _BROKEN_ENDS:
            raise broken(f"Ollama ended its answer with {said!r}")
        reason = FinishReason.LENGTH if said == "length" else FinishReason.STOP
        if self._calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOL_CALLS
        if reason is FinishReason.STOP and not self._said and not self._may_be_empty:
            raise broken("the answer is empty")
        self._finish = Finish(reason, word_of(line.get("model")))

    def _not_ollama(self, error: ValueError) -> ProviderFailure:
        if self._started:
            return broken(f"the stream holds a malformed line ({error})")
        return broken("the answer is not Ollama's: is base_url an Ollama's address?")


def _check_silent(line: Mapping[str, Any]) -> None:
    """Break an answer that goes on behind its last line: where it really ends, nobody can tell."""
    message = line.get("message")
    said = (message.get(name) for name in ("content", "thinking", "tool_calls")) if isinstance(message, dict) else ()
    if any(said) or line.get("error"):
        raise broken("the answer went on after it was done")


def usage(line: Mapping[str, Any]) -> TokenUsage | None:
    """Tokens by Ollama's counts; None where it tells none.

    A prompt that was cached whole is not counted by older versions: 0 is said then.
    """
    return usage_of(line.get("prompt_eval_count"), line.get("eval_count"))


def embeddings(answer: Mapping[str, Any], wanted: int) -> Vectors:
    """The vectors of an answer, in the order of the texts.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, the answer has another shape or another number of vectors.
    """
    values = vectors_of(answer.get("embeddings"), wanted)
    return Vectors(values, usage(answer), word_of(answer.get("model")))


def progress(line: Mapping[str, Any]) -> Pulling:
    """How far a pull has come.

    Raises:
        ProviderFailure: Ollama reported an error; `STREAM_BROKEN`, this is no progress.
    """
    if "error" in line:
        raise stream_failure(line["error"])
    done, total = count_of(line.get("completed")), count_of(line.get("total"))
    return Pulling(text_of(line.get("status"), "a status"), done or 0, total or 0)
