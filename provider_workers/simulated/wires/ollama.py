"""The wire of Ollama's own API: chat, generate, embed, and the endpoints about models."""

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
)
from provider_workers.simulated.steps import Step, StepKind, Substitutes
from provider_workers.simulated.wires.base import (
    Context,
    HeaderList,
    Limits,
    compact,
    objects,
    optional_int,
    require,
    retry_headers,
    strings,
    text_of,
)
from provider_workers.simulated.wires.ollama_lines import LineWriter, line
from provider_workers.simulated.wires.ollama_models import VERSION, pull_lines, running, show, tag
from provider_workers.simulated.wires.openai_reading import function_tools

_JSON: Final = "application/json; charset=utf-8"
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
        limit = optional_int(options.get("num_predict"), "num_predict")
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
            max_tokens=limit if limit is not None and limit > 0 else None,
            stop=strings(options.get("stop") or ()),
            seed=options.get("seed"),
            tools=function_tools(body),
            json_mode=form == "json",
            schema=form if isinstance(form, Mapping) else None,
            reasoning_tokens=_THINKING_TOKENS if body.get("think") else 0,
            shows_reasoning=True,
        )

    def reply(self, ask: Ask, answer: Answer, context: Context) -> Reply:
        """See `base.Wire`."""
        writer = LineWriter(ask, answer, context)
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
        writer = LineWriter(ask, answer, context)
        if ask.messages == 0:
            yield Step(StepKind.FINISH, line(writer.loaded()))
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
        yield Step(StepKind.FINISH, line(last))

    def embedding(self, ask: Ask, context: Context) -> Reply:
        """See `base.Wire`."""
        vectors = [embedding_of(text, ask.dimensions or 0) for text in ask.inputs]
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
        writer = LineWriter(ask, Answer(finish="content_filter"), context)
        return Substitutes(
            error=lambda: line({"error": _error(error)[1]}),
            malformed=lambda: b'{"model":"simulated","created_at":"2025-01-01T00:00:00Z","message":{"role":"assis\n',
            filtered=lambda: line(writer.last()),
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


def _messages(operation: Operation, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if operation.name == "chat":
        return objects(body, "messages", "") if body.get("messages") else []
    if not body.get("prompt"):
        return []
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    return [*system, {"role": "user", "content": body["prompt"], "images": body.get("images")}]


def _error(error: ApiError) -> tuple[int, str]:
    status, template = _ERRORS.get(error.kind, _ERRORS["500"])
    return status, error.message or template.format(model=error.model, param=error.param)


def _json(body: object) -> Reply:
    return Reply(200, compact(body).encode(), _JSON)


def _pull(name: str, catalogue: Catalogue, *, stream: bool) -> Reply | Iterator[Step]:
    if not stream:
        catalogue.add(name)
        return _json({"status": "success"})
    return _pull_steps(name, catalogue)


def _pull_steps(name: str, catalogue: Catalogue) -> Iterator[Step]:
    for progress in pull_lines(name):
        if progress["status"] == "success":
            catalogue.add(name)
        yield Step(StepKind.TOKEN, line(progress))
