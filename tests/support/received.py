"""What a provider received, out of the body in its own wire: the same words for the same request, whatever the wire."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool call that was made. `id` empty: the wire has none."""

    name: str
    arguments: object
    id: str = ""


@dataclass(frozen=True)
class Result:
    """What a tool gave, as JSON; `of` is the call's id, on wires that have none the tool's name."""

    of: str
    value: object


Said = tuple[str, str | bytes | Call | Result]
"""Who said what: `user`, `assistant` or `tool`, and a text, a picture, a call or its result."""


@dataclass(frozen=True)
class Received:
    """One request for a chat answer.

    Attributes:
        instructions: texts of the system and the developer.
        said: the conversation, part by part.
        tools: description and JSON schema by name.
        parameters: `temperature`, `limit` (of tokens) and `stop`, None where nothing was said.
    """

    instructions: list[str]
    said: list[Said]
    tools: dict[str, tuple[str, object]]
    parameters: tuple[float | None, int | None, list[str] | None]


def received(wire: str, body: Body) -> Received:
    """What a body of that wire asks."""
    return _READERS[wire](body)


def received_texts(wire: str, body: Body) -> tuple[list[str], int | None]:
    """The texts that a body asks vectors of, and how long those shall be."""
    if wire != "gemini":
        return body["input"], body.get("dimensions")
    requests = body["requests"]
    texts = [part["text"] for request in requests for part in request["content"]["parts"]]
    return texts, _either(requests[0], "output_dimensionality", "outputDimensionality")


def _openai(body: Body) -> Received:
    turns = list(_turns(body["messages"], ("system", "developer")))
    said = [(turn["role"], said) for turn in turns for said in _openai_said(turn)]
    limit = _either(body, "max_completion_tokens", "max_tokens")
    return Received(_instructions(body), said, _functions(body), (body.get("temperature"), limit, body.get("stop")))


def _openai_said(turn: Body) -> Iterator[str | bytes | Call | Result]:
    if turn["role"] == "tool":
        yield Result(turn["tool_call_id"], json.loads(turn["content"]))
        return
    for part in _parts(turn["content"] or []):
        yield part["text"] if part["type"] == "text" else b64decode(part["image_url"]["url"].partition(",")[2])
    for call in turn.get("tool_calls", ()):
        yield Call(call["function"]["name"], json.loads(call["function"]["arguments"]), call["id"])


def _ollama(body: Body) -> Received:
    turns = list(_turns(body["messages"], ("system",)))
    said = [(turn["role"], said) for turn in turns for said in _ollama_said(turn)]
    options = body.get("options", {})
    asked = (options.get("temperature"), options.get("num_predict"), options.get("stop"))
    return Received(_instructions(body), said, _functions(body), asked)


def _ollama_said(turn: Body) -> Iterator[str | bytes | Call | Result]:
    if turn["role"] == "tool":
        yield Result(turn["tool_name"], json.loads(turn["content"]))
        return
    if turn["content"]:
        yield turn["content"]
    yield from map(b64decode, turn.get("images", ()))
    for call in turn.get("tool_calls", ()):
        yield Call(call["function"]["name"], call["function"]["arguments"])


def _anthropic(body: Body) -> Received:
    system = body.get("system", ())
    instructions = [system] if isinstance(system, str) else [part["text"] for part in system]
    said = [_anthropic_said(turn["role"], part) for turn in body["messages"] for part in _parts(turn["content"])]
    tools = {tool["name"]: (tool.get("description", ""), tool["input_schema"]) for tool in body.get("tools", ())}
    asked = (body.get("temperature"), body.get("max_tokens"), body.get("stop_sequences"))
    return Received(instructions, said, tools, asked)


def _anthropic_said(role: str, part: Body) -> Said:
    match part["type"]:
        case "image":
            return role, b64decode(part["source"]["data"])
        case "tool_use":
            return role, Call(part["name"], part["input"], part["id"])
        case "tool_result":
            text = "".join(inner["text"] for inner in _parts(part["content"]))
            return "tool", Result(part["tool_use_id"], json.loads(text))
        case _:
            return role, part["text"]


def _gemini(body: Body) -> Received:
    system = _either(body, "system_instruction", "systemInstruction") or {"parts": []}
    instructions = [part["text"] for part in system["parts"]]
    said = [_gemini_said(turn.get("role", "user"), part) for turn in body["contents"] for part in turn["parts"]]
    declared = [_either(tool, "function_declarations", "functionDeclarations") for tool in body.get("tools", ())]
    tools = {tool["name"]: (tool.get("description", ""), tool["parameters"]) for group in declared for tool in group}
    asked = body.get("generationConfig", {})
    limit = _either(asked, "max_output_tokens", "maxOutputTokens")
    return Received(
        instructions, said, tools, (asked.get("temperature"), limit, _either(asked, "stop_sequences", "stopSequences"))
    )


def _gemini_said(role: str, part: Body) -> Said:
    speaker = "assistant" if role == "model" else role
    if picture := _either(part, "inline_data", "inlineData"):
        return speaker, b64decode(picture["data"])
    if call := _either(part, "function_call", "functionCall"):
        return speaker, Call(call["name"], call["args"])
    if result := _either(part, "function_response", "functionResponse"):
        return "tool", Result(result["name"], result["response"])
    return speaker, part["text"]


def _turns(messages: list[Body], instructing: tuple[str, ...]) -> Iterator[Body]:
    return (message for message in messages if message["role"] not in instructing)


def _instructions(body: Body) -> list[str]:
    said = [message["content"] for message in body["messages"] if message["role"] in ("system", "developer")]
    return ["".join(part["text"] for part in _parts(content)) for content in said]


def _functions(body: Body) -> dict[str, tuple[str, object]]:
    functions = [tool["function"] for tool in body.get("tools", ())]
    return {function["name"]: (function.get("description", ""), function["parameters"]) for function in functions}


def _parts(content: Any) -> list[Body]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _either(body: Body, name: str, other: str) -> Any:
    return body.get(name, body.get(other))


_READERS: Mapping[str, Callable[[Body], Received]] = {
    "openai": _openai,
    "ollama": _ollama,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
