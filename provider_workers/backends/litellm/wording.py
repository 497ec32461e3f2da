"""The provider's own words out of litellm's wrapping, without what litellm says to programmers who call it."""

import json
import re
from typing import Any

import aiohttp

from provider_workers.backends.meaning import GATEWAY
from provider_workers.backends.ways import broken, words_of

_PREFIX = re.compile(r"^(?:(?:litellm\.)?[A-Za-z_]+(?:Error|Exception)\b|(?:[A-Z]+_)*[A-Z]{5,}(?= - ))\s*[:-]*\s*")
_ADVICE = re.compile(
    r"\s*(?:Traceback \(most recent call last\)|This looks like a bug in LiteLLM|Handle with `litellm\.|To drop these"
    r"|If you want to use these params|Received Model Group|Check supported provider and route|LiteLLM Retried).*",
    re.DOTALL,
)
_PAGE = re.compile(r"(?i)<!doctype html|<html\b")
_BYTES = re.compile(r"b(['\"])(.*)\1\.?", re.DOTALL)
_IN_ITS_OWN_WORDS = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)  # which hold bytes of the response
_TLS_DETAILS = re.compile(r" ssl:(?:<[^>]*>|\w+)")


def plain(said: str, status: int) -> str:
    """What an error means to who runs the router.

    Args:
        said: litellm's text.
        status: of the provider's response, for where the text is no provider's.
    """
    if _PAGE.search(said):
        page = f"HTTP {status} with a page (HTML) instead of a provider's error"
        return page if status in GATEWAY else f"{page}: is base_url the provider's address?"
    words = without_advice(_own_words(said))
    in_bytes = _BYTES.fullmatch(words)
    return (in_bytes[2] if in_bytes else words) or f"HTTP {status}"


def without_advice(said: str) -> str:
    """Without what litellm would have its caller's code do, and without its names for errors."""
    shorter = _PREFIX.sub("", said)
    while shorter != said:
        said, shorter = shorter, _PREFIX.sub("", shorter)
    return _ADVICE.sub("", said).strip()


def of_connection(lost: Exception, where: str, *, answering: bool) -> str:
    """What became of a connection to `where`, which not every library's message names.

    Args:
        lost: what the HTTP client raised.
        where: host and port, or the provider's name.
        answering: whether the answer had begun.
    """
    cause = lost.__cause__
    told = words_of(cause) if isinstance(cause, _IN_ITS_OWN_WORDS) else str(lost)
    said = _TLS_DETAILS.sub("", told) or type(lost).__name__
    if answering:
        return broken(where, said, answered=True)
    return said if where in said else f"no answer of {where}: {said}"


def json_in(said: str) -> dict[str, Any]:
    """The JSON object inside, as the provider sent it; empty where there is none."""
    start, end = said.find("{"), said.rfind("}")
    if 0 <= start < end:
        text = said[start : end + 1]
        for candidate in (text, text.replace("\\'", "'"), text.replace("\\n", " ").replace('\\"', '"')):
            try:
                value = json.loads(candidate)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                return value
    return {}


def _own_words(said: str) -> str:
    """The message of the JSON inside; all of it where there is none."""
    value = json_in(said)
    error = value.get("error", value)
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else said
