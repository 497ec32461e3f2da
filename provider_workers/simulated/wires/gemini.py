"""The wire of the Gemini API. A streamed answer always comes as server-sent events (`alt=sse`), never as an array."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from provider_workers.simulated.answering import embedding_of
from provider_workers.simulated.catalogue import Catalogue, ModelInfo
from provider_workers.simulated.exchange import (
    CHAT,
    EMBED,
    METADATA,
    Answer,
    ApiError,
    Ask,
    Operation,
    Reply,
    RequestRefused,
    ToolSpec,
    Usage,
)
from provider_workers.simulated.steps import Step, StepKind, Substitutes
from provider_workers.simulated.wires.base import (
    Context,
    HeaderList,
    Limits,
    compact,
    objects,
    optional_int,
    strings,
    text_of,
)
from provider_workers.simulated.wires.gemini_errors import error_object, error_reply
from provider_workers.simulated.wires.gemini_names import canonical

_JSON: Final = "application/json; charset=UTF-8"
_FINISH_REASONS: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_THINKING_TOKENS: Final = 16
_CHAT_VERBS: Final = ("generateContent", "streamGenerateContent")
_EMBED_VERBS: Final = ("embedContent", "batchEmbedContents")
_TOOL_MODES: Final = {"ANY": "required", "NONE": "none"}


class GeminiWire:
    """See `base.Wire`."""

    name = "gemini"
    stream_content_type = "text/event-stream"

    def base_url(self, origin: str) -> str:
        """`http://host:port`: the SDKs add `/v1beta`."""
        return origin

    def operation(self, method: str, path: str) -> Operation | None:
        """See `base.Wire`; the model and the verb are in the path: `/v1beta/models/MODEL:VERB`."""
        if method == "GET" and path.endswith("/models"):
            return Operation(METADATA, "models")
        _, found, rest = path.partition("/models/")
        if not found:
            return None
        if method == "GET":
            return Operation(METADATA, "model", rest)
        model, _, verb = rest.rpartition(":")
        if verb in _CHAT_VERBS:
            return Operation(CHAT, verb, model)
        if verb in _EMBED_VERBS:
            return Operation(EMBED, verb, model)
        return Operation(METADATA, verb, model) if verb == "countTokens" else None

    def read(self, operation: Operation, body: Mapping[str, Any]) -> Ask:
        """See `base.Wire`."""
        body = canonical(body)
        if operation.kind == EMBED:
            items = body.get("requests") or [body]
            inputs = tuple(_text(item.get("content") or {}) for item in items)
            dimensions = items[0].get("outputDimensionality")
            return Ask(EMBED, operation.model, body, prompt="".join(inputs), inputs=inputs, dimensions=dimensions)
        return _read(operation, body)

    def reply(self, ask: Ask, answer: Answer, context: Context) -> Reply:
        """See `base.Wire`."""
        parts: list[dict[str, Any]] = []
        if answer.reasoning:
            parts.append({"text": "".join(answer.reasoning), "thought": True})
        if answer.text:
            parts.append({"text": "".join(answer.text)})
        parts += _calls(answer)
        body = _chunk(ask, answer, context, parts, answer.finish)
        return Reply(200, json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n", _JSON)

    def steps(self, ask: Ask, answer: Answer, context: Context) -> Iterator[Step]:
        """See `base.Wire`."""
        if not answer.empty:
            for piece in answer.reasoning:
                part = {"text": piece, "thought": True}
                yield Step(StepKind.TOKEN, event(_chunk(ask, answer, context, [part])))
            yield from _text_steps(ask, answer, context)
            for call in _calls(answer):
                yield Step(StepKind.TOKEN, event(_chunk(ask, answer, context, [call])))
        yield Step(StepKind.FINISH, event(_chunk(ask, answer, context, [{"text": ""}], answer.finish)))

    def embedding(self, ask: Ask, context: Context) -> Reply:
        """See `base.Wire`."""
        vectors = [{"values": embedding_of(text, ask.dimensions or 0)} for text in ask.inputs]
        body = {"embeddings": vectors} if "requests" in ask.raw else {"embedding": vectors[0]}
        return Reply(200, json.dumps(body, indent=2).encode() + b"\n", _JSON)

    def metadata(
        self, operation: Operation, body: Mapping[str, Any], catalogue: Catalogue, context: Context
    ) -> Reply | Iterator[Step]:
        """The models, one of them, or the token count of a prompt."""
        if operation.name == "countTokens":
            return _json({"totalTokens": _read(operation, body).prompt_tokens})
        if operation.name == "models":
            return _json({"models": [_model(model) for model in catalogue.all()]})
        model = catalogue.find(operation.model)
        if model is None:
            raise RequestRefused(ApiError("404", model=operation.model))
        return _json(_model(model))

    def error(self, error: ApiError, context: Context) -> Reply:
        """See `gemini_errors`. A filtered prompt is no error here, but an answer that says why it is empty."""
        if error.kind != "content_filter":
            return error_reply(error)
        usage = {"promptTokenCount": error.prompt_tokens, "totalTokenCount": error.prompt_tokens}
        body = {
            "promptFeedback": {"blockReason": "SAFETY"},
            "usageMetadata": usage,
            "modelVersion": error.model,
            "responseId": context.request_id,
        }
        return Reply(200, event(body), self.stream_content_type) if error.stream else _json(body)

    def substitutes(self, ask: Ask, error: ApiError, context: Context) -> Substitutes:
        """See `base.Wire`."""
        filtered = Answer(finish="content_filter", usage=Usage(ask.prompt_tokens, 0))
        return Substitutes(
            error=lambda: event(error_object(error)[1]),
            malformed=lambda: b'data: {"candidates": [{"content": {"parts": [{"te\r\n\r\n',
            filtered=lambda: event(_chunk(ask, filtered, context, [], "content_filter")),
        )

    def other_shape(self, ask: Ask) -> bytes:
        """See `base.Wire`."""
        body = {"result": {"output": [1, 2, 3]}, "status": "ok"}
        return event(body) if ask.stream else compact(body).encode()

    def presented_key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """`x-goog-api-key`, or `key` in the query."""
        return headers.get("x-goog-api-key") or query.get("key")

    def headers(self, context: Context, limits: Limits | None) -> HeaderList:
        """Gemini sends no rate-limit headers."""
        return (("server-timing", "gfet4t7; dur=1"), ("x-frame-options", "SAMEORIGIN"))


def event(body: Mapping[str, Any]) -> bytes:
    """One server-sent event; Gemini ends its lines with CR LF."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\r\n\r\n".encode()


def _text_steps(ask: Ask, answer: Answer, context: Context) -> Iterator[Step]:
    """The text's events; what is the same in all of them is encoded once."""
    mark = "\0"
    head, _, tail = event(_chunk(ask, answer, context, [{"text": mark}])).partition(json.dumps(mark).encode())
    for piece in answer.text:
        yield Step(StepKind.TOKEN, head + compact(piece).encode() + tail)


def _chunk(
    ask: Ask, answer: Answer, context: Context, parts: Sequence[Mapping[str, Any]], finish: str | None = None
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}} if parts else {}
    if finish:
        candidate["finishReason"] = _FINISH_REASONS.get(finish, "OTHER")
    candidate["index"] = 0
    body: dict[str, Any] = {} if answer.empty else {"candidates": [candidate]}
    if answer.usage:
        body["usageMetadata"] = _usage(answer.usage)
    body["modelVersion"] = ask.model
    body["responseId"] = f"sim{context.serial:012d}"
    return body


def _calls(answer: Answer) -> list[dict[str, Any]]:
    calls = answer.tool_calls
    return [{"functionCall": {"name": call.name, "args": json.loads(call.arguments)}} for call in calls]


def _usage(usage: Usage) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
    }
    if usage.cached:
        counts["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        counts["thoughtsTokenCount"] = usage.reasoning
    return counts


def _read(operation: Operation, body: Mapping[str, Any]) -> Ask:
    contents = objects(body, "contents", "contents is not specified")
    if not contents:
        raise RequestRefused(ApiError("400", message="* GenerateContentRequest.contents: contents is not specified\n"))
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    users = [_text(content) for content in contents if content.get("role", "user") == "user"]
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    return Ask(
        CHAT,
        operation.model,
        body,
        stream=operation.name == "streamGenerateContent",
        prompt="\n".join([_text(body.get("systemInstruction") or {}), *(_text(content) for content in contents)]),
        last_user=users[-1] if users else "",
        messages=len(contents),
        images=sum(_parts_with(content, "inlineData", "fileData") for content in contents),
        ends_with_assistant=contents[-1].get("role") == "model",
        has_tool_result=_parts_with(contents[-1], "functionResponse") > 0,
        max_tokens=optional_int(config.get("maxOutputTokens"), "maxOutputTokens"),
        stop=strings(config.get("stopSequences") or ()),
        seed=config.get("seed"),
        tools=_tools(body),
        tool_choice=_tool_choice(calling),
        json_mode=config.get("responseMimeType") == "application/json",
        schema=schema,
        reasoning_tokens=_THINKING_TOKENS if thinking and thinking.get("thinkingBudget") != 0 else 0,
        shows_reasoning=bool(thinking.get("includeThoughts")),
    )


def _text(content: Mapping[str, Any]) -> str:
    return text_of(content.get("parts"))


def _parts_with(content: Mapping[str, Any], *names: str) -> int:
    parts = content.get("parts")
    if not isinstance(parts, list):
        return 0
    return sum(1 for part in parts if isinstance(part, Mapping) and any(name in part for name in names))


def _tools(body: Mapping[str, Any]) -> tuple[ToolSpec, ...]:
    declared = [item for tool in body.get("tools") or () for item in tool.get("functionDeclarations") or ()]
    return tuple(
        ToolSpec(str(item.get("name")), item.get("parametersJsonSchema") or item.get("parameters") or {})
        for item in declared
    )


def _tool_choice(calling: Mapping[str, Any]) -> str:
    allowed = list(calling.get("allowedFunctionNames") or ())
    if calling.get("mode") == "ANY" and len(allowed) == 1:
        return str(allowed[0])
    return _TOOL_MODES.get(str(calling.get("mode")), "auto")


def _json(body: object) -> Reply:
    return Reply(200, json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n", _JSON)


def _model(model: ModelInfo) -> dict[str, Any]:
    methods = ["embedContent"] if model.embedding else ["generateContent", "countTokens"]
    return {
        "name": f"models/{model.name}",
        "version": "001",
        "displayName": model.name,
        "inputTokenLimit": model.context_window,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    }
