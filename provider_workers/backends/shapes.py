"""JSON of a provider, whose types may be others than its wire has: read as it is meant, or a broken answer."""

import json
from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import ProviderFailure
from service_common.failures import FailureClass

LARGEST_COUNT = 2**53
"""Tokens, requests or bytes; a provider that names more is taken to mean this. It fits every integer on the wire."""


def broken(said: str) -> ProviderFailure:
    """The failure of an answer that cannot be read."""
    return ProviderFailure(FailureClass.STREAM_BROKEN, said)


def text_of(value: object, what: str) -> str:
    """A text; empty where there is none.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, it is something else; `what` it should be is named.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise broken(f"the answer holds {what} that is no text")
    return value


def word_of(value: object) -> str:
    """A name or an identifier; empty where there is none: it is worth no answer."""
    return value if isinstance(value, str) else ""


def object_of(value: object, what: str) -> Mapping[str, Any]:
    """An object; empty where there is none.

    Raises:
        ProviderFailure: as `text_of`.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise broken(f"the answer holds {what} that is no object")
    return value


def list_of(value: object, what: str) -> list[Any]:
    """A list; empty where there is none.

    Raises:
        ProviderFailure: as `text_of`.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise broken(f"the answer holds {what} that is no list")
    return value


def objects_of(value: object, what: str) -> list[Mapping[str, Any]]:
    """A list of objects; empty where there is none.

    Raises:
        ProviderFailure: as `text_of`.
    """
    entries = list_of(value, what)
    if not all(isinstance(entry, dict) for entry in entries):
        raise broken(f"the answer holds {what} that are no objects")
    return entries


def arguments_of(value: object) -> str:
    """A call's arguments, or a piece of them, as JSON text, whether they came as text or as an object.

    Raises:
        ProviderFailure: as `text_of`.
    """
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else text_of(value, "arguments of a call")


def count_of(value: object) -> int | None:
    """A count, bounded; None where it is none, which is worth no answer: what was used can be estimated."""
    return min(value, LARGEST_COUNT) if isinstance(value, int) and value >= 0 else None


def vectors_of(entries: object, wanted: int) -> list[list[float]]:
    """As many vectors as there were texts.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, they are not as many, or something else.
    """
    if not isinstance(entries, list) or len(entries) != wanted:
        raise broken(f"the answer does not hold {wanted} embeddings")
    try:
        return [[float(number) for number in list_of(entry, "an embedding")] for entry in entries]
    except (OverflowError, TypeError, ValueError) as error:
        raise broken("an embedding has an unknown shape") from error
