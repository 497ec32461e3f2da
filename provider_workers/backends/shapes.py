"""JSON of a provider, whose types may be others than its wire has: read as it is meant, or a broken answer."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provider_workers.backends.base import ProviderFailure, TokenUsage
from service_common.failures import FailureClass

LARGEST_COUNT = 2**53
"""Tokens, requests or bytes; a provider that names more is taken to mean this. It fits every integer on the wire."""

LARGEST_FLOAT = (2 - 2**-23) * 2.0**127
"""The largest number of 32 bits (IEEE 754 binary32), in which vectors travel."""

_NUMBERS = frozenset({int, float})


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
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return min(value, LARGEST_COUNT)


def usage_of(read: object, written: object, cached: object = None, reasoning: object = None) -> TokenUsage | None:
    """Tokens by a provider's counts: of the prompt, of the answer, and the parts of either that were special.

    None where neither count is told, or one is no count: what was used is estimated then, and never told as 0.
    """
    if read is None and written is None:
        return None
    counted = [count_of(0 if count is None else count) for count in (read, written)]
    if counted[0] is None or counted[1] is None:
        return None
    return TokenUsage(counted[0], counted[1], min(count_of(cached) or 0, counted[0]), count_of(reasoning) or 0)


def vectors_of(entries: object, wanted: int) -> list[list[float]]:
    """As many vectors as there were texts, of one length, of finite numbers of 32 bits.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, they are not as many, or something else.
    """
    if not isinstance(entries, list) or len(entries) != wanted:
        raise broken(f"the answer does not hold {wanted} embeddings")
    vectors = [_vector(list_of(entry, "an embedding")) for entry in entries]
    if len({len(vector) for vector in vectors}) > 1:
        raise broken("the answer holds embeddings of different lengths")
    return vectors


def check_dimensions(vectors: Sequence[Sequence[float]], wanted: int) -> None:
    """Check that vectors are as long as was asked for; `wanted` 0: nothing was.

    Raises:
        ProviderFailure: `UNSUPPORTED`, the provider took no notice: its vectors are not comparable with those meant.
    """
    if wanted and vectors and len(vectors[0]) != wanted:
        said = f"the provider made vectors of {len(vectors[0])} dimensions, where {wanted} were asked for"
        raise ProviderFailure(FailureClass.UNSUPPORTED, said)


def in_order(entries: Iterable[Any]) -> list[Any]:
    """Entries of a list by their `index`, which all of them have or none.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, the indexes do not count the entries.
        AttributeError: an entry is no object.
    """
    listed = list(entries)
    places = [entry.get("index") for entry in listed]
    if all(place is None for place in places):
        return listed
    if any(type(place) is not int for place in places) or sorted(places) != list(range(len(listed))):
        raise broken("the answer's embeddings are not numbered as its texts are")
    return sorted(listed, key=lambda entry: int(entry["index"]))


def _vector(entry: list[Any]) -> list[float]:
    if not entry or not _NUMBERS.issuperset(map(type, entry)):
        raise broken("an embedding is empty, or holds what is no number")
    try:
        vector = list(map(float, entry))
    except OverflowError as error:
        raise broken("an embedding holds a number beyond 32 bits") from error
    # A sum is finite only if every number is; comparing alone would let NaN pass.
    if not math.isfinite(sum(vector)) or max(vector) > LARGEST_FLOAT or min(vector) < -LARGEST_FLOAT:
        raise broken("an embedding holds a number beyond 32 bits, or none")
    return vector
