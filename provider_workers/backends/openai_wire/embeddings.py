"""`POST /embeddings`: body and answer."""

from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import EmbedWork, ProviderFailure, Vectors
from provider_workers.backends.content import passed_through
from provider_workers.backends.openai_wire.stream import token_usage
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass


def embedding_body(work: EmbedWork, settings: BackendSettings) -> dict[str, Any]:
    """The request's body.

    Raises:
        ProviderFailure: `INVALID_REQUEST`, the caller's provider options are not a JSON object.
    """
    body: dict[str, Any] = {"model": work.model, "input": list(work.request.inputs), "encoding_format": "float"}
    if work.request.HasField("dimensions"):
        body["dimensions"] = work.request.dimensions
    body.update(passed_through(work.request.provider_options, settings.name))
    return body


def vectors(answer: Mapping[str, Any], wanted: int) -> Vectors:
    """The vectors of an answer, in the order of the inputs.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, the answer has another shape or another number of vectors.
    """
    entries = answer.get("data")
    if not isinstance(entries, list) or len(entries) != wanted:
        raise ProviderFailure(FailureClass.STREAM_BROKEN, f"the answer does not hold {wanted} embeddings")
    try:
        ordered = sorted(enumerate(entries), key=lambda pair: pair[1].get("index", pair[0]))
        values = [[float(value) for value in entry["embedding"]] for _, entry in ordered]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ProviderFailure(FailureClass.STREAM_BROKEN, "an embedding has an unknown shape") from error
    usage = answer.get("usage")
    return Vectors(
        values,
        token_usage(usage) if isinstance(usage, dict) else None,
        str(answer.get("model") or ""),
        str(answer.get("id") or ""),
    )
