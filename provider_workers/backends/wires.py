"""Whose API answers at an address, by the shape of lists, errors and chunks; and what to do where it is another's."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from yarl import URL

from provider_workers.backends.base import ProviderFailure
from service_common.failures import FailureClass


class Wire(Enum):
    """An API that a provider may speak: whose it is, and the settings that speak it."""

    OPENAI = ("OpenAI's", "kind: openai_wire")
    ANTHROPIC = ("Anthropic's", "kind: litellm, provider: anthropic")
    GEMINI = ("Gemini's", "kind: litellm, provider: gemini")
    OLLAMA = ("Ollama's", "kind: ollama")

    @property
    def owner(self) -> str:
        """Whose API it is, for a person."""
        return self.value[0]

    @property
    def settings(self) -> str:
        """What a backend says to speak it."""
        return self.value[1]


_GOOGLE_BY_OPENAI = re.compile(r"/open(?:ai|api)\b")
"""Google's endpoints for OpenAI's wire, whose errors are worded as all of Google's."""

_NOT_FOUND = re.compile(r"(?i)^\W*(?:404 )?(?:the )?(?:page |resource |url |route |path )?(?:was )?not found\W*$")
_NO_SUCH_PATH = re.compile(r"(?i)invalid url|unknown (?:request )?url|cannot (?:get|post)\b|method not allowed")
_REFUSALS = frozenset({FailureClass.AUTH, FailureClass.UNSUPPORTED, FailureClass.INVALID_REQUEST})
_NOT_THERE = frozenset({404, 405})


def wire_of(said: object) -> Wire | None:
    """Whose API answers with this list of models, error or chunk of an answer; None: any may."""
    if isinstance(said, list):
        said = said[0] if said else None
    if not isinstance(said, dict):
        return None
    return _by_list(said) or _by_error(said) or _by_chunk(said)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a backend's provider should be, and whose API should answer there.

    Attributes:
        wire: None: an API that is not known here, so that nothing is said of any answer.
        url: without credentials and query, which may be secret.
    """

    wire: Wire | None
    url: str

    @classmethod
    def of(cls, base_url: str, wire: Wire | None) -> "Address":
        """The address that `base_url` is; `wire` None or no `base_url`: nothing is said of any answer."""
        shown = str(URL(base_url).with_user(None).with_query(None).with_fragment(None)) if base_url else ""
        return cls(wire if shown else None, shown)

    def foreign(self, said: object) -> str:
        """What to say and do of an answer that only another API gives; empty: it may be the expected one's."""
        found = wire_of(said)
        if self.wire is None or found is None or found is self.wire:
            return ""
        if self.wire is Wire.OPENAI and found is Wire.GEMINI and _GOOGLE_BY_OPENAI.search(self.url):
            return ""
        return f"{self.url} answers as {found.owner} API does: `{found.settings}`, or another base_url"

    def remarked(self, failure: ProviderFailure, said: object) -> ProviderFailure:
        """A refusal, with what its body `said` shows of the address; of other failures a gateway may have the words."""
        return with_remark(failure, self.foreign(said)) if failure.failure_class in _REFUSALS else failure

    def lists_models(self, said: object) -> bool:
        """Whether a list names a model, and is of the expected API, as far as can be told."""
        lists = (said.get("data"), said.get("models")) if isinstance(said, dict) else ()
        return any(map(_first, lists)) and not self.foreign(said)

    def lacks_call(self, failure: ProviderFailure, said: object, model: str, *, right: bool = False) -> bool:
        """Whether a call's failure means that no such call is served at the address, whatever the model.

        Args:
            failure: what the response came to.
            said: its body; None: it is no JSON.
            model: what was asked, if any; an error that names it, or any model, is about that.
            right: the address lists models as it should: gateways have a bare "not found" for a model, too.
        """
        if failure.http_status not in _NOT_THERE or failure.failure_class is not FailureClass.UNSUPPORTED:
            return False
        words = failure.message
        if failure.http_status == 405 or _NO_SUCH_PATH.search(words):
            return True
        if right:
            return False
        if said is None or _NOT_FOUND.search(words):
            return True
        names_model = "model" in words.lower() or (model and model in words)
        return bool(self.foreign(said)) and not names_model


def json_of(body: bytes) -> Any:
    """A body as JSON; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def with_remark(failure: ProviderFailure, remark: str, *, backend_wide: bool = False) -> ProviderFailure:
    """A failure that says more, and perhaps holds for the whole backend."""
    return ProviderFailure(
        failure.failure_class,
        f"{failure.message.rstrip('.')}. {remark}" if remark else failure.message,
        http_status=failure.http_status,
        retry_after=failure.retry_after,
        backend_wide=failure.backend_wide or backend_wide,
    )


def strange(what: str, said: object) -> ProviderFailure:
    """The failure of an answer in another shape than its wire has, with whose it is where that can be told."""
    found = wire_of(said)
    whose = f", as {found.owner} API sends it" if found else ""
    text = f"{what} of an unknown shape{whose}: is base_url the address of this provider?"
    return ProviderFailure(FailureClass.STREAM_BROKEN, text)


def _by_list(said: Mapping[str, Any]) -> Wire | None:
    entry = _first(said.get("data"))
    if said.get("object") == "list" or entry.get("object") == "model":
        return Wire.OPENAI
    if entry.get("type") == "model" or (isinstance(said.get("data"), list) and "has_more" in said):
        return Wire.ANTHROPIC
    model = _first(said.get("models"))
    if "digest" in model:
        return Wire.OLLAMA
    return Wire.GEMINI if str(model.get("name")).startswith("models/") else None


def _by_error(said: Mapping[str, Any]) -> Wire | None:
    error = said.get("error")
    if not isinstance(error, dict):
        return None
    if said.get("type") == "error" and "type" in error:
        return Wire.ANTHROPIC
    status = error.get("status")
    if isinstance(error.get("code"), int) and isinstance(status, str) and status.isupper():
        return Wire.GEMINI
    return Wire.OPENAI if "message" in error and "param" in error else None


def _by_chunk(said: Mapping[str, Any]) -> Wire | None:
    if str(said.get("object")).startswith("chat.completion"):
        return Wire.OPENAI
    if said.get("type") in ("message_start", "content_block_start", "content_block_delta", "message"):
        return Wire.ANTHROPIC
    if isinstance(said.get("candidates"), list):
        return Wire.GEMINI
    return Wire.OLLAMA if isinstance(said.get("message"), dict) and "done" in said else None


def _first(entries: object) -> Mapping[str, Any]:
    found = entries[0] if isinstance(entries, list) and entries else None
    return found if isinstance(found, dict) else {}
