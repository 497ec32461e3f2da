"""What adapters share in reading a request: texts, data URLs, embedded JSON, passed-through options."""

import json
from collections.abc import Mapping
from typing import Any

from provider_workers.backends.base import ProviderFailure, Work
from provider_workers.backends.body import LargeFile, base64_text
from service_common.failures import FailureClass
from trunkline.types.v1.chat_pb2 import Image, Message

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)

_ROUTED = frozenset({"model", "models", "messages", "input", "stream", "stream_options", "route"})
"""What the router decided on: another model would escape the policy, other messages the classification."""


def joined_text(message: Message) -> str:
    """The message's text parts, one after another."""
    if len(message.content) == 1:
        return message.content[0].text
    return "".join(part.text for part in message.content if part.WhichOneof("part") == "text")


def only_text(message: Message) -> bool:
    """Whether the message holds nothing but text."""
    return all(part.WhichOneof("part") == "text" for part in message.content)


def image_media_type(image: Image) -> str:
    """What the caller says the picture is, else what its first bytes say, else PNG."""
    if image.media_type:
        return image.media_type
    data = image.data
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), "image/png")


def data_url(data: bytes, media_type: str) -> str | LargeFile:
    """`data` as a URL (RFC 2397)."""
    return base64_text(data, f"data:{media_type};base64,")


def embedded_json(text: str, field: str) -> dict[str, Any]:
    """The JSON object that a request carries as a string; empty for an empty string.

    Raises:
        ProviderFailure: `INVALID_REQUEST`, naming `field`.
    """
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProviderFailure(FailureClass.INVALID_REQUEST, f"{field} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProviderFailure(FailureClass.INVALID_REQUEST, f"{field} is not a JSON object")
    return value


def passed_through(options: Mapping[str, str], backend: str) -> dict[str, Any]:
    """The provider options that the caller gives for this backend.

    Raises:
        ProviderFailure: `INVALID_REQUEST`, they are not a JSON object, or would change what was routed.
    """
    if backend not in options:
        return {}
    given = embedded_json(options[backend], f"provider_options.{backend}")
    if routed := sorted(_ROUTED.intersection(given)):
        said = f"provider_options.{backend} may not hold {', '.join(routed)}: the request itself says that"
        raise ProviderFailure(FailureClass.INVALID_REQUEST, said)
    return given


def may_be_empty(work: Work) -> bool:
    """Whether an answer without any text may be meant so: nothing to add to a text, or a stop string at once."""
    return bool(work.prefill or work.request.parameters.stop)


def no_pull(backend: str, model: str) -> ProviderFailure:
    """The failure of a pull where the provider has no such thing."""
    return unsupported(f"{backend} cannot fetch {model}; only an Ollama backend can fetch models")


def unsupported(what: str) -> ProviderFailure:
    """The failure that says this target cannot do what was asked."""
    return ProviderFailure(FailureClass.UNSUPPORTED, what)
