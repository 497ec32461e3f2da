"""The error bodies of the OpenAI wire, as OpenAI (and for 402 and 529 its imitators) send them."""

from typing import Final

from provider_workers.simulated.exchange import ApiError, Reply
from provider_workers.simulated.wires.base import Context, compact, retry_headers

_INVALID: Final = "invalid_request_error"

# kind: (status, type, code, message)
_TABLE: Final[dict[str, tuple[int, str, str | None, str]]] = {
    "400": (400, _INVALID, None, "Invalid request."),
    "401": (
        401,
        _INVALID,
        "invalid_api_key",
        "Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    "402": (402, "insufficient_balance", "402", "Insufficient Balance"),
    "403": (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    "404": (
        404,
        _INVALID,
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    "not_found": (404, _INVALID, None, "Invalid URL"),
    "429": (
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} in organization org-simulated on requests per min (RPM): Limit 3, Used 3, "
        "Requested 1. Please try again in {wait}s. Visit https://platform.openai.com/account/rate-limits to learn "
        "more.",
    ),
    "500": (
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "503": (503, "server_error", None, "The engine is currently overloaded, please try again later."),
    "504": (504, "server_error", None, "Gateway timeout"),
    "529": (529, "overloaded_error", None, "The service is overloaded. Please try again later."),
    "context_exceeded": (
        400,
        _INVALID,
        "context_length_exceeded",
        "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens. "
        "Please reduce the length of the messages.",
    ),
    "content_filter": (
        400,
        _INVALID,
        "content_filter",
        "The response was filtered due to the prompt triggering the content management policy. "
        "Please modify your prompt and retry.",
    ),
    "unsupported_parameter": (
        400,
        _INVALID,
        "unsupported_parameter",
        "Unsupported parameter: '{param}' is not supported with this model.",
    ),
    "prefill_refused": (
        400,
        _INVALID,
        None,
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
    ),
    "quota_exhausted": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
}

_DEFAULT_PARAM: Final = {"context_exceeded": "messages", "content_filter": "prompt"}
_BAD_GATEWAY: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


def error_object(error: ApiError) -> tuple[int, dict[str, object]]:
    """The status and the `{"error": ...}` object of an error."""
    status, kind, code, template = _TABLE.get(error.kind, _TABLE["500"])
    message = error.message or template.format(
        key="sk-sim********wrong",
        model=error.model or "unknown",
        wait=f"{error.retry_seconds if error.retry_seconds is not None else 20:g}",
        window=max(1, min(8192, error.prompt_tokens - 1)),
        tokens=error.prompt_tokens,
        param=error.param,
    )
    param = error.param or _DEFAULT_PARAM.get(error.kind)
    return status, {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_reply(error: ApiError, context: Context) -> Reply:
    """The whole response of an error. A bad gateway answers for the provider, so it is a page, not JSON."""
    if error.kind == "502":
        return Reply(502, _BAD_GATEWAY, "text/html")
    status, body = error_object(error)
    return Reply(status, compact(body).encode(), headers=retry_headers(error))
