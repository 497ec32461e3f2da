"""`POST /embeddings`: body and answer."""

from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import EmbedWork, Vectors
from provider_workers.backends.content import passed_through
from provider_workers.backends.openai_wire.stream import token_usage
from provider_workers.backends.shapes import broken, in_order, list_of, vectors_of, word_of
from provider_workers.settings import BackendSettings


def embedding_body(work: EmbedWork, settings: BackendSettings) -> dict[str, Any]:
    """The request's body.

    Raises:
        ProviderFailure: `INVALID_REQUEST`, the caller's provider options are not a JSON object.
    """
    body: dict[str, Any] = {"model": work.model, "input": list(work.request.inputs), "encoding_format": "float"}
    if work.request.HasField("dimensions"):
        body["dimensions"] = work.request.dimensions
    body.update(settings.options)
    body.update(passed_through(work.request.provider_options, settings.name))
    return body


def vectors(answer: Mapping[str, Any], wanted: int) -> Vectors:
    """The vectors of an answer, in the order of the inputs.

    Raises:
        ProviderFailure: `STREAM_BROKEN`, the answer has another shape or another number of vectors.
    """
    try:
        entries = [entry["embedding"] for entry in in_order(list_of(answer.get("data"), "data"))]
    except (AttributeError, KeyError, TypeError) as error:
        raise broken("an embedding has an unknown shape") from error
    values = vectors_of(entries, wanted)
    return Vectors(values, token_usage(answer.get("usage")), word_of(answer.get("model")), word_of(answer.get("id")))
