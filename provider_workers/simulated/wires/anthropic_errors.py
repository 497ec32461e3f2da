"""The error bodies of Anthropic's API."""

from typing import Any, Final

from provider_workers.simulated.exchange import ApiError, Reply
from provider_workers.simulated.wires.base import Context, compact, retry_headers

_INVALID: Final = "invalid_request_error"

# kind: (status, type, message)
_TABLE: Final[dict[str, tuple[int, str, str]]] = {
    "400": (400, _INVALID, "Invalid request."),
    "401": (401, "authentication_error", "invalid x-api-key"),
    "402": (402, "billing_error", "Your account has a billing problem. Please check your payment details."),
    "403": (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "404": (404, "not_found_error", "model: {model}"),
    "not_found": (404, "not_found_error", "Not Found"),
    "429": (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute. For details, refer to: "
        "https://docs.claude.com/en/api/rate-limits.",
    ),
    "500": (500, "api_error", "Internal server error"),
    "502": (502, "api_error", "Bad gateway"),
    "503": (503, "api_error", "Service unavailable"),
    "504": (504, "timeout_error", "Request timed out"),
    "529": (529, "overloaded_error", "Overloaded"),
    "context_exceeded": (400, _INVALID, "prompt is too long: {tokens} tokens > {window} maximum"),
    "content_filter": (400, _INVALID, "Output blocked by content filtering policy"),
    "unsupported_parameter": (400, _INVALID, "`{param}` is not supported with this model."),
    "prefill_refused": (
        400,
        _INVALID,
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
    "quota_exhausted": (
        400,
        _INVALID,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
}


def error_object(error: ApiError, context: Context) -> tuple[int, dict[str, Any]]:
    """The status and the error object."""
    status, kind, template = _TABLE.get(error.kind, _TABLE["500"])
    message = error.message or template.format(
        model=error.model,
        tokens=error.prompt_tokens,
        window=max(1, min(200_000, error.prompt_tokens - 1)),
        param=error.param,
    )
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": context.request_id}
    return status, body


def error_reply(error: ApiError, context: Context) -> Reply:
    """The whole response of an error; Anthropic says with each whether a retry makes sense."""
    status, body = error_object(error, context)
    retry = ("x-should-retry", "true" if status in (408, 409, 429) or status >= 500 else "false")
    return Reply(status, compact(body).encode(), headers=(*retry_headers(error), retry))
