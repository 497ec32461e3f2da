"""A request as the arguments of `litellm.acompletion` and `litellm.aembedding`."""

import json
from typing import Any

from provider_workers.backends.base import EmbedWork, ProviderFailure, Work
from provider_workers.backends.body import with_texts
from provider_workers.backends.content import passed_through
from provider_workers.backends.litellm.providers import led_astray
from provider_workers.backends.openai_wire.dialects import Dialect, Prefill
from provider_workers.backends.openai_wire.request import chat_body
from provider_workers.settings import BackendSettings
from service_common.failures import FailureClass

Arguments = dict[str, Any]

_CONTINUING = frozenset({"anthropic", "bedrock"})
_ANY_OBJECT = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": {"type": "object", "additionalProperties": True}},
}
CALLERS_OPTIONS = frozenset(
    {
        "cache_control_injection_points",
        "logit_bias",
        "logprobs",
        "modalities",
        "reasoning_effort",
        "safety_settings",
        "service_tier",
        "thinking",
        "top_k",
        "top_logprobs",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""What a caller may pass through. litellm takes addresses, keys and credentials the same way: those never."""

_WISH = "trunkline_sim"
_WISH_HEADER = "x-trunkline-sim"
"""What a simulated provider shall do. It travels in its header: litellm hands no field on that it does not know."""


def completion_arguments(work: Work, settings: BackendSettings) -> Arguments:
    """The arguments of a streamed chat answer.

    Raises:
        ProviderFailure: `UNSUPPORTED` or `INVALID_REQUEST`, as `openai_wire.request.chat_body`; `INVALID_REQUEST`, a
            provider option that callers may not set; `UNSUPPORTED`, a model that litellm would ask somebody else for.
    """
    if wrong := led_astray(work.model, settings.provider):
        raise ProviderFailure(FailureClass.UNSUPPORTED, wrong)
    prefill = Prefill.PLAIN if settings.provider in _CONTINUING else Prefill.NONE
    _check_options(passed_through(work.request.provider_options, settings.name), settings)
    body: Arguments = with_texts(chat_body(work, settings, Dialect(top_k=True, prefill=prefill)))
    if settings.provider in _CONTINUING and body.get("response_format") == {"type": "json_object"}:
        body["response_format"] = _ANY_OBJECT  # litellm drops the plain JSON format for Claude without a word
    return _with_wish({**body, **_connection(settings, "chat")})


def embedding_arguments(work: EmbedWork, settings: BackendSettings) -> Arguments:
    """The arguments of an embedding.

    Raises:
        ProviderFailure: `INVALID_REQUEST`, a provider option that callers may not set.
    """
    arguments: Arguments = {"model": work.model, "input": list(work.request.inputs), **settings.options}
    if work.request.HasField("dimensions"):
        arguments["dimensions"] = work.request.dimensions
    options = passed_through(work.request.provider_options, settings.name)
    _check_options(options, settings)
    return _with_wish({**arguments, **options, **_connection(settings, "embed")})


def _check_options(options: Arguments, settings: BackendSettings) -> None:
    known = CALLERS_OPTIONS | {_WISH} if settings.simulated else CALLERS_OPTIONS
    if foreign := sorted(options.keys() - known):
        said = f"provider_options.{settings.name} may not hold {', '.join(foreign)}. Known: {', '.join(sorted(known))}"
        raise ProviderFailure(FailureClass.INVALID_REQUEST, said)


def _with_wish(arguments: Arguments) -> Arguments:
    wish = arguments.pop(_WISH, None)
    if wish is not None:
        arguments["extra_headers"] = {**arguments.get("extra_headers", {}), _WISH_HEADER: json.dumps(wish)}
    return arguments


def _connection(settings: BackendSettings, use: str) -> Arguments:
    """Where to and with which key; litellm's own retries are off, as the router retries."""
    connection: Arguments = {
        "custom_llm_provider": settings.provider,
        "num_retries": 0,
        "max_retries": 0,
        "drop_params": False,
        "_skip_mcp_handler": True,  # else a request with tools needs the package `mcp`
    }
    if settings.base_url:
        # of Cohere, litellm wants the whole address of each endpoint
        whole = settings.provider == "cohere" and "/v2" not in settings.base_url
        connection["api_base"] = f"{settings.base_url}/v2/{use}" if whole else settings.base_url
        if settings.provider == "anthropic":  # litellm adds the version itself
            connection["api_base"] = settings.base_url.removesuffix("/v1")
    if settings.api_key:
        connection["api_key"] = settings.api_key
    elif settings.simulated:
        connection["api_key"] = "simulated"  # litellm calls nobody without a key, and might find a real one by itself
    if settings.headers:
        connection["extra_headers"] = dict(settings.headers)
    return connection
