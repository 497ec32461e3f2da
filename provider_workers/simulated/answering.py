"""Makes the answer to a request: the same words for the same request, labelled as simulated."""

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from typing import Final

from provider_workers.simulated.behaviour import Behaviour
from provider_workers.simulated.exchange import Answer, Ask, ToolCall, ToolSpec, Usage
from provider_workers.simulated.faults import Fault
from provider_workers.simulated.schema_instance import instance_of

_VOCABULARY: Final = (
    "a simulated provider answers with plain words so that every reader can see how an answer flows from its first "
    "token to the last while nothing of it was thought by any model and each sentence is made from the request alone"
)
_WORDS: Final = tuple(_VOCABULARY.split())
_WIDE_WORDS: Final = ("naïve", "café", "日本語", "Grüße", "🙂🚀", "Ωμέγα")
_ECHOED_WORDS: Final = 8
_JSON_PIECE: Final = 4
_SENTENCE: Final = 12
MAX_DIMENSIONS = 8192
"""Numbers of one vector, at most."""


def answer_to(ask: Ask, provider: str, behaviour: Behaviour, fault: Fault | None) -> Answer:
    """The answer of `provider` to a chat request, with its usage."""
    kind = fault.kind if fault else ""
    calls = _tool_calls(ask, behaviour)
    shown = behaviour.reasoning_tokens or (ask.reasoning_tokens if ask.shows_reasoning else 0)
    reasoning = tuple(_filler(ask, "reasoning", shown))
    if calls:
        text: tuple[str, ...] = ()
        finish = "tool_calls"
    else:
        text, finish = _text(ask, provider, behaviour, wide=kind == "split_utf8")
    text, finish, stop = _stopped(ask, text, finish)
    if fault is not None and not ask.stream:
        text, finish = _faulty_ending(fault, text, finish)
    if fault is not None and kind == "giant_line":
        text = (*text[:1], "x" * fault.size, *text[1:])
    hidden = 0 if reasoning else ask.reasoning_tokens
    spoken = len(text) + sum(len(argument_pieces(call)) for call in calls)
    usage = Usage(
        prompt=ask.prompt_tokens,
        completion=spoken + len(reasoning) + hidden,
        cached=min(behaviour.cached_tokens, ask.prompt_tokens),
        reasoning=len(reasoning) + hidden,
    )
    return Answer(
        text=text,
        reasoning=reasoning,
        tool_calls=calls,
        finish=finish,
        stop_sequence=stop,
        usage=None if kind == "no_usage" else usage,
        empty=kind == "empty_choices",
    )


def argument_pieces(call: ToolCall) -> list[str]:
    """A tool call's arguments in the pieces in which they are streamed."""
    text = call.arguments
    return [text[start : start + 2 * _JSON_PIECE] for start in range(0, len(text), 2 * _JSON_PIECE)]


def embedding_of(text: str, dimensions: int) -> list[float]:
    """A unit vector that depends on the text and its length alone."""
    # a thousand texts of 1,536 numbers are common: one digest instead of a random number each is ten times cheaper
    values = struct.unpack(f"<{dimensions}h", hashlib.shake_256(text.encode()).digest(2 * dimensions))
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [round(value / length, 8) for value in values]


def _text(ask: Ask, provider: str, behaviour: Behaviour, *, wide: bool) -> tuple[tuple[str, ...], str]:
    if behaviour.answer_text is not None:
        pieces = _split_words(behaviour.answer_text)
    elif ask.json_mode or ask.schema is not None:
        instance = instance_of(ask.schema) if ask.schema is not None else {"simulated": True, "model": ask.model}
        text = json.dumps(instance, ensure_ascii=False)
        pieces = [text[start : start + _JSON_PIECE] for start in range(0, len(text), _JSON_PIECE)]
    else:
        pieces = list(_made_up(ask, provider, behaviour.answer_tokens, wide=wide))
    if ask.max_tokens is not None and len(pieces) > ask.max_tokens:
        return tuple(pieces[: ask.max_tokens]), "length"
    return tuple(pieces), "stop"


def _made_up(ask: Ask, provider: str, count: int, *, wide: bool) -> Iterator[str]:
    opening = [f"[simulated {provider}/{ask.model}] ", "You ", "asked: "]
    opening += [f"{word} " for word in ask.last_user[:400].split()[:_ECHOED_WORDS]]
    if wide:
        opening += [f"{word} " for word in _WIDE_WORDS]
    yield from opening[:count]
    yield from _filler(ask, "answer", count - len(opening))


def _filler(ask: Ask, purpose: str, count: int) -> Iterator[str]:
    """`count` words that depend on purpose, prompt, model and seed: a walk through the vocabulary."""
    if count <= 0:
        return
    key = f"{purpose}\0{ask.model}\0{ask.seed}\0{ask.last_user}".encode()
    digest = hashlib.sha256(key).digest()
    place, stride, total = digest[0], 1 + digest[1] % (len(_WORDS) - 1), len(_WORDS)
    for index in range(1, count + 1):
        word = _WORDS[(place + index * stride + digest[index % 32]) % total]
        yield f"{word}." if index == count else f"{word}. " if index % _SENTENCE == 0 else f"{word} "


def _faulty_ending(fault: Fault, text: tuple[str, ...], finish: str) -> tuple[tuple[str, ...], str]:
    """How an answer that is not streamed ends under a fault that a stream shows in its last events."""
    if fault.kind == "no_finish_reason":
        return text, ""
    if fault.kind == "content_filter_mid_stream":
        return text[: fault.tokens_before], "content_filter"
    return text, finish


def _split_words(text: str) -> list[str]:
    words = text.split(" ")
    return [word if index == len(words) - 1 else f"{word} " for index, word in enumerate(words)]


def _stopped(ask: Ask, pieces: tuple[str, ...], finish: str) -> tuple[tuple[str, ...], str, str | None]:
    """The pieces up to the first stop sequence, and which one it was."""
    if not ask.stop or not pieces:
        return pieces, finish, None
    text = "".join(pieces)
    places = sorted((text.find(stop), stop) for stop in ask.stop if stop and stop in text)
    if not places:
        return pieces, finish, None
    end, stop = places[0]
    kept: list[str] = []
    for piece in pieces:
        if end <= 0:
            break
        kept.append(piece[:end])
        end -= len(piece)
    return tuple(kept), "stop", stop


def _tool_calls(ask: Ask, behaviour: Behaviour) -> tuple[ToolCall, ...]:
    if not ask.tools or ask.tool_choice == "none":
        return ()
    named = [tool for tool in ask.tools if tool.name == ask.tool_choice]
    if behaviour.tool_calls is not None:
        count = behaviour.tool_calls
    elif named or ask.tool_choice == "required":
        count = 1
    else:
        named = [tool for tool in ask.tools if tool.name in ask.last_user]
        count = 1 if named and not ask.has_tool_result else 0
    offered = named or list(ask.tools)
    return tuple(_call(offered[index % len(offered)]) for index in range(count))


def _call(tool: ToolSpec) -> ToolCall:
    return ToolCall(tool.name, json.dumps(instance_of(tool.parameters) if tool.parameters else {}, ensure_ascii=False))
