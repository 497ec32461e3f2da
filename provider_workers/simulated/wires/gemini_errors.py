"""The error bodies of the Gemini API: `google.rpc.Status` as JSON, with its details."""

import json
from typing import Any, Final

from provider_workers.simulated.exchange import ApiError, Reply
from provider_workers.simulated.wires.base import retry_headers

_TYPE: Final = "type.googleapis.com/google.rpc."

# kind: (status, google.rpc code, message)
_TABLE: Final[dict[str, tuple[int, str, str]]] = {
    "400": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "401": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "402": (402, "FAILED_PRECONDITION", "Billing must be enabled for this project."),
    "403": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "404": (
        404,
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels "
        "to see the list of available models and their supported methods.",
    ),
    "not_found": (404, "NOT_FOUND", "Requested entity was not found."),
    "429": (
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
    ),
    "500": (500, "INTERNAL", "An internal error has occurred. Please retry later."),
    "502": (502, "UNAVAILABLE", "Bad gateway"),
    "503": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "504": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "529": (529, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "context_exceeded": (
        400,
        "INVALID_ARGUMENT",
        "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window}).",
    ),
    "unsupported_parameter": (
        400,
        "INVALID_ARGUMENT",
        'Invalid JSON payload received. Unknown name "{param}": Cannot find field.',
    ),
    "prefill_refused": (
        400,
        "INVALID_ARGUMENT",
        "Please ensure that single turn requests end with a user role or the role field is empty.",
    ),
    "quota_exhausted": (
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
}


def error_object(error: ApiError) -> tuple[int, dict[str, Any]]:
    """The status and the `{"error": ...}` object."""
    status, code, template = _TABLE.get(error.kind, _TABLE["500"])
    message = error.message or template.format(
        model=error.model,
        tokens=error.prompt_tokens,
        window=max(1, min(1_048_576, error.prompt_tokens - 1)),
        param=error.param,
    )
    body: dict[str, Any] = {"code": status, "message": message, "status": code}
    details = _details(error)
    if details:
        body["details"] = details
    return status, {"error": body}


def error_reply(error: ApiError) -> Reply:
    """The whole response of an error."""
    status, body = error_object(error)
    text = json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    return Reply(status, text.encode(), "application/json; charset=UTF-8", retry_headers(error))


def _details(error: ApiError) -> list[dict[str, Any]]:
    if error.kind == "401":
        domain = {"domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}}
        return [{"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID", **domain}]
    if error.kind not in ("429", "quota_exhausted"):
        return []
    per = "Day" if error.kind == "quota_exhausted" else "Minute"
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": f"GenerateRequestsPer{per}PerProjectPerModel-FreeTier",
        "quotaDimensions": {"location": "global", "model": error.model},
        "quotaValue": "10",
    }
    details: list[dict[str, Any]] = [{"@type": f"{_TYPE}QuotaFailure", "violations": [violation]}]
    if error.retry_seconds is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_seconds:g}s"})
    return details
