"""What a provider's HTTP status and words mean, where its error codes do not say it. Shared by the adapters."""

import re
from collections.abc import Mapping

from service_common.failures import FailureClass

BY_STATUS: Mapping[int, FailureClass] = {
    401: FailureClass.AUTH,
    402: FailureClass.QUOTA_EXHAUSTED,
    403: FailureClass.AUTH,
    404: FailureClass.UNSUPPORTED,
    405: FailureClass.UNSUPPORTED,
    408: FailureClass.UNAVAILABLE,
    409: FailureClass.UNAVAILABLE,
    413: FailureClass.CONTEXT_EXCEEDED,
    425: FailureClass.UNAVAILABLE,
    429: FailureClass.RATE_LIMITED,
    498: FailureClass.OVERLOADED,  # Groq: flex tier capacity exceeded
    503: FailureClass.OVERLOADED,
    529: FailureClass.OVERLOADED,
}
GATEWAY = frozenset({502, 503, 504})
"""What stands before a provider answers with these; then a page in the place of JSON is no wrong address."""

WHOLE_BACKEND = frozenset({FailureClass.AUTH, FailureClass.QUOTA_EXHAUSTED})
"""What concerns the account, whatever the model."""

_CONTEXT = re.compile(
    r"(?i)context[ _-](?:length|window|size)|maximum (?:context|input|prompt)|prompt is too long|reduce the length"
    r"|too many (?:input )?tokens|exceeds? the (?:model'?s? )?(?:max|available context)|too large for model"
    r"|input token count|input length"
)
_FILTERED = re.compile(
    r"(?i)content (?:filter|policy|management policy)|filtering policy|ResponsibleAIPolicy|flagged|safety system"
)
_UNSUPPORTED = re.compile(
    r"(?i)(?:not|n't|un)[ -]?support|unrecognized request argument|unknown (?:parameter|field|argument|name)"
    r"|extra inputs are not permitted|does not (?:allow|accept)|prefill|last role|expected last|not a multimodal"
    r"|not a (?:chat|vision) model|only available"
)
_QUOTA = re.compile(
    r"(?i)insufficient (?:quota|balance|credit)|exceeded your current quota|billing|more credits|credit balance"
)
_KEY = re.compile(r"(?i)api[ _-]key (?:not valid|expired|not found)|invalid api[ _-]key")
_WORDS_COUNT = frozenset({400, 403, 404, 413, 415, 422, 429})


def failure_class_of(status: int, message: str) -> FailureClass:
    """The failure class of an error response, by its words where the status leaves it open, else by its status."""
    return by_words(status, message) or by_status(status)


def by_status(status: int) -> FailureClass:
    """By status alone; what is no error status means that the provider broke down."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    return FailureClass.INVALID_REQUEST if 400 <= status < 500 else FailureClass.UNAVAILABLE


def by_words(status: int, message: str) -> FailureClass | None:
    """By what the provider says; None where that tells nothing that the status does not."""
    if status not in _WORDS_COUNT:
        return None
    if status == 429:
        return FailureClass.QUOTA_EXHAUSTED if says_quota(message) else None
    if _CONTEXT.search(message):
        return FailureClass.CONTEXT_EXCEEDED
    if _FILTERED.search(message):
        return FailureClass.CONTENT_FILTERED
    if status == 400 and _KEY.search(message):
        return FailureClass.AUTH
    if status == 400 and _QUOTA.search(message):
        return FailureClass.QUOTA_EXHAUSTED
    if status in (400, 415, 422) and _UNSUPPORTED.search(message):
        return FailureClass.UNSUPPORTED
    return None


def says_quota(message: str) -> bool:
    """Whether a provider that refuses for too much use means the account rather than the moment."""
    return _QUOTA.search(message) is not None
