"""The wire of Ollama's own API: chat, generate, embed, and the endpoints about models."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from provider_workers.simulated.answering import embedding_of
from provider_workers.simulated.catalogue import Catalogue
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
)
from provider_workers.simulated.steps import Step, StepKind, Substitutes
from provider_workers.simulated.wires.base import (
    Context,
    HeaderList,
    Limits,
    compact,
    require,
    retry_headers,
    strings,
    text_of,
)
from provider_workers.simulated.wires.ollama_models import VERSION, pull_lines, running, show, tag, timestamp

_JSON: Final = "application/json; charset=utf-8"
_NANOSECONDS: Final = 1_000_000_000
_THINKING_TOKENS: Final = 8
_PATHS: Final = {
    ("POST", "/api/chat"): Operation(CHAT, "chat"),
    ("POST", "/api/generate"): Operation(CHAT, "generate"),
    ("POST", "/api/embed"): Operation(EMBED, "embed"),
    ("POST", "/api/embeddings"): Operation(EMBED, "embeddings"),
    ("GET", "/api/tags"): Operation(METADATA, "tags"),
    ("GET", "/api/ps"): Operation(METADATA, "ps"),
    ("GET", "/api/version"): Operation(METADATA, "version"),
    ("POST", "/api/show"): Operation(METADATA, "show"),
    ("POST", "/api/pull"): Operation(METADATA, "pull"),
    ("DELETE", "/api/delete"): Operation(METADATA, "delete"),
    ("GET", "/"): Operation(METADATA, "root"),
    ("HEAD", "/"): Operation(METADATA, "root"),
}
_ERRORS: Final[dict[str, tuple[int, str]]] = {
    "400": (400, "invalid request"),
    "401": (401, "unauthorized"),
    "402": (402, "payment required"),
    "403": (403, "this model requires a subscription, upgrade for access: https://ollama.com/upgrade"),
    "404": (404, "model '{model}' not found"),
    "not_found": (404, "404 page not found"),
    "429": (429, "you've reached your hourly usage limit, please upgrade to continue"),
    "500": (500, "llama runner process has terminated: exit status 2"),
    "502": (502, "upstream error"),
    "503": (503, "server busy, please try again.  maximum pending requests exceeded"),
    "504": (504, "timed out waiting for llama runner to start"),
    "529": (529, "overloaded"),
    "context_exceeded": (400, "the input length exceeds the context length"),
    "content_filter": (403, "the prompt was refused by the content policy"),
    "unsupported_parameter": (400, '"{model}" does not support {param}'),
    "prefill_refused": (400, "the last message must not be of role assistant"),
    "quota_exhausted": (429, "you've reached your weekly usage limit, please upgrade to continue"),
}


class OllamaWire:
    """See `base.Wire`."""

    name = "ollama"
    stream_content_type = "application/x-ndjson"

    def base_url(self, origin: str) -> str:
        """`http://host:port`."""
        return origin

    def operation(self, method: str, path: str) -> Operation | None:
        """See `base.Wire`."""
        return _PATHS.get((method, path))

    def read(self, operation: Operation, body: Mapping[str, Any]) -> Ask:
        """See `base.Wire`. A model without messages or prompt is to be loaded (or, with keep_alive 0, unloaded)."""
        model = require(body, "model", str, "model is required")
        if operation.kind == EMBED:
            inputs = strings(body.get("input") or body.get("prompt") or ())
            return Ask(EMBED, model, body, prompt="".join(inputs), inputs=inputs, dimensions=body.get("dimensions"))
        messages = _messages(operation, body)
        users = [text_of(message.get("content")) for message in messages if message.get("role") == "user"]
        options = body.get("options") or {}
        form = body.get("format")
        limit = options.get("num_predict")
        return Ask(
            CHAT,
            model,
            body,
            stream=body.get("stream") is not False,
            prompt="\n".join(text_of(message.get("content")) for message in messages),
            last_user=users[-1] if users else "",
            messages=len(messages),
            images=sum(len(message.get("images") or ()) for message in messages),
            ends_with_assistant=bool(messages) and messages[-1].get("role") == "assistant",
            has_tool_result=bool(messages) and messages[-1].get("role") == "tool",
            max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
            stop=strings(options.get("stop") or ()),
            seed=options.get("seed"),
            tools=_tools(body),
            json_mode=form == "json",
            schema=form if isinstance(form, Mapping) else None,
            reasoning_tokens=_THINKING_TOKENS if body.get("think") else 0,
            shows_reasoning=True,
        )

    def reply(self, ask: Ask, answer: Answer, context: Context) -> Reply:
        """See `base.Wire`."""
        writer = _LineWriter(ask, answer, context)
        if ask.messages == 0:
            return Reply(200, compact(writer.loaded()).encode(), _JSON)
        last = writer.last()
        if answer.empty:
            last.pop(writer.key)
        elif writer.generate:
            last["response"] = "".join(answer.text)
            if answer.reasoning:
                last["thinking"] = "".join(answer.reasoning)
        else:
            last["message"] = writer.message("".join(answer.text), "".join(answer.reasoning), answer)
        return Reply(200, compact(last).encode(), _JSON)

    def steps(self, ask: Ask, answer: Answer, context: Context) -> Iterator[Step]:
        """See `base.Wire`."""
        writer = _LineWriter(ask, answer, context)
        if ask.messages == 0:
            yield Step(StepKind.FINISH, _line(writer.loaded()))
            return
        if not answer.empty:
            for piece in answer.reasoning:
                yield Step(StepKind.TOKEN, writer.piece("", piece))
            for piece in answer.text:
                yield Step(StepKind.TOKEN, writer.piece(piece, ""))
            for index in range(len(answer.tool_calls)):
                yield Step(StepKind.TOKEN, writer.tool_call(index))
        last = writer.last()
        if answer.empty:
            last.pop(writer.key)
        yield Step(StepKind.FINISH, _line(last))

    def embedding(self, ask: Ask, context: Context) -> Reply:
        """See `base.Wire`."""
        vectors = [embedding_of(text, ask.dimensions) for text in ask.inputs]
        if "prompt" in ask.raw:
            return Reply(200, compact({"embedding": vectors[0] if vectors else []}).encode(), _JSON)
        body = {
            "model": ask.model,
            "embeddings": vectors,
            "total_duration": 14_143_917,
            "load_duration": 1_019_500,
            "prompt_eval_count": ask.prompt_tokens,
        }
        return Reply(200, compact(body).encode(), _JSON)

    def metadata(
        self, operation: Operation, body: Mapping[str, Any], catalogue: Catalogue, context: Context
    ) -> Reply | Iterator[Step]:
        """tags, ps, version, show, pull, delete, and the greeting at the root."""
        match operation.name:
            case "root":
                return Reply(200, b"Ollama is running", "text/plain; charset=utf-8")
            case "version":
                return _json({"version": VERSION})
            case "tags":
                return _json({"models": [tag(model) for model in catalogue.all()]})
            case "ps":
                return _json({"models": [running(model, until) for model, until in catalogue.resident(context.now)]})
        name = str(body.get("model") or body.get("name") or "")
        if not name:
            raise RequestRefused(ApiError("400", message="model is required"))
        if operation.name == "pull":
            return _pull(name, catalogue, stream=body.get("stream") is not False)
        model = catalogue.find(name)
        if model is None:
            raise RequestRefused(ApiError("404", model=name))
        if operation.name == "delete":
            catalogue.remove(name)
            return Reply(200, b"", "text/plain")
        return _json(show(model))

    def error(self, error: ApiError, context: Context) -> Reply:
        """`{"error": "..."}`."""
        status, message = _error(error)
        return Reply(status, compact({"error": message}).encode(), _JSON, headers=retry_headers(error))

    def substitutes(self, ask: Ask, error: ApiError, context: Context) -> Substitutes:
        """See `base.Wire`."""
        writer = _LineWriter(ask, Answer(finish="content_filter"), context)
        return Substitutes(
            error=lambda: _line({"error": _error(error)[1]}),
            malformed=lambda: b'{"model":"simulated","created_at":"2025-01-01T00:00:00Z","message":{"role":"assis\n',
            filtered=lambda: _line(writer.last()),
        )

    def other_shape(self, ask: Ask) -> bytes:
        """See `base.Wire`."""
        return b'{"result":{"output":[1,2,3]},"status":"ok"}\n'

    def presented_key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token (of Ollama's cloud)."""
        return headers.get("authorization", "").removeprefix("Bearer ") or None

    def headers(self, context: Context, limits: Limits | None) -> HeaderList:
        """Ollama sends none of its own."""
        return ()


class _LineWriter:
    """Writes the lines of one answer, of `/api/chat` or `/api/generate`."""

    def __init__(self, ask: Ask, answer: Answer, context: Context) -> None:
        self.generate = "messages" not in ask.raw
        self.key = "response" if self.generate else "message"
        self._ask = ask
        self._answer = answer
        self._created = timestamp(context.now)
        self._head = f'{{"model":{compact(ask.model)},"created_at":"{self._created}",'

    def message(self, text: str, thinking: str, answer: Answer) -> dict[str, Any]:
        """An assistant message; with the answer's tool calls."""
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thinking:
            message["thinking"] = thinking
        if answer.tool_calls:
            message["tool_calls"] = [self._call(index) for index in range(len(answer.tool_calls))]
        return message

    def piece(self, text: str, thinking: str) -> bytes:
        """A line with a piece of the answer."""
        thought = f',"thinking":{compact(thinking)}' if thinking else ""
        if self.generate:
            return f'{self._head}"response":{compact(text)}{thought},"done":false}}\n'.encode()
        message = f'{{"role":"assistant","content":{compact(text)}{thought}}}'
        return f'{self._head}"message":{message},"done":false}}\n'.encode()

    def tool_call(self, index: int) -> bytes:
        """A line with a whole tool call: Ollama does not split its arguments."""
        message = {"role": "assistant", "content": "", "tool_calls": [self._call(index)]}
        return f'{self._head}"message":{compact(message)},"done":false}}\n'.encode()

    def last(self) -> dict[str, Any]:
        """The last line, with the reason and the counts."""
        usage = self._answer.usage
        body: dict[str, Any] = {"model": self._ask.model, "created_at": self._created}
        body[self.key] = "" if self.generate else {"role": "assistant", "content": ""}
        body["done"] = True
        if self._answer.finish:
            # Ollama has no reason of its own for tool calls.
            body["done_reason"] = "stop" if self._answer.finish == "tool_calls" else self._answer.finish
        load = int(self._answer.load_seconds * _NANOSECONDS) + 1_019_500
        body |= {"total_duration": load + 200_000_000, "load_duration": load}
        if usage:
            body |= {"prompt_eval_count": usage.prompt, "prompt_eval_duration": 50_000_000}
            body |= {"eval_count": usage.completion, "eval_duration": 100_000_000}
        return body

    def loaded(self) -> dict[str, Any]:
        """The answer to a request that only loads or unloads the model."""
        reason = "unload" if self._ask.raw.get("keep_alive") == 0 else "load"
        empty: object = "" if self.generate else {"role": "assistant", "content": ""}
        head = {"model": self._ask.model, "created_at": self._created}
        return {**head, self.key: empty, "done": True, "done_reason": reason}

    def _call(self, index: int) -> dict[str, Any]:
        call = self._answer.tool_calls[index]
        return {"function": {"index": index, "name": call.name, "arguments": json.loads(call.arguments)}}


def _messages(operation: Operation, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if operation.name == "chat":
        return list(body.get("messages") or ())
    if not body.get("prompt"):
        return []
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    return [*system, {"role": "user", "content": body["prompt"], "images": body.get("images")}]


def _tools(body: Mapping[str, Any]) -> tuple[ToolSpec, ...]:
    functions = [tool.get("function") or {} for tool in body.get("tools") or ()]
    return tuple(ToolSpec(str(item.get("name")), item.get("parameters") or {}) for item in functions)


def _error(error: ApiError) -> tuple[int, str]:
    status, template = _ERRORS.get(error.kind, _ERRORS["500"])
    return status, error.message or template.format(model=error.model, param=error.param)


def _json(body: object) -> Reply:
    return Reply(200, compact(body).encode(), _JSON)


def _line(body: Mapping[str, Any]) -> bytes:
    return compact(body).encode() + b"\n"


def _pull(name: str, catalogue: Catalogue, *, stream: bool) -> Reply | Iterator[Step]:
    if not stream:
        catalogue.add(name)
        return _json({"status": "success"})
    return _pull_steps(name, catalogue)


def _pull_steps(name: str, catalogue: Catalogue) -> Iterator[Step]:
    for line in pull_lines(name):
        if line["status"] == "success":
            catalogue.add(name)
        yield Step(StepKind.TOKEN, _line(line))
