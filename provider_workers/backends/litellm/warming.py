"""Pays the dearest part of litellm's first call before the worker attaches.

Reading the tokenizer, which litellm hands to every provider, and completing pydantic's models hold the interpreter's
lock for 0.2 s, and many times that on a busy machine: so long that a router missed the worker's heartbeats. Both stay
in memory (40 MB) from the first call on anyway. A whole call that litellm makes up (`mock_response`) would load as much
again that no real call needs.
"""

from importlib import import_module

from litellm.litellm_core_utils.llm_response_utils.get_api_base import get_api_base


def warm() -> None:
    """Load both; nothing is sent to anybody."""
    import_module("litellm.litellm_core_utils.default_encoding")
    get_api_base(model="any", optional_params={"api_base": "http://127.0.0.1"})
