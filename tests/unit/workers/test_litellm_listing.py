"""What litellm is given, and which names a provider's list of models covers."""

import pytest

from provider_workers.backends.base import EmbedWork, Work
from provider_workers.backends.litellm.listing import is_listed
from provider_workers.backends.litellm.request import completion_arguments, embedding_arguments
from provider_workers.settings import BackendSettings
from tests.support.worker_processes import question
from trunkline.router.v1.router_service_pb2 import EmbedRequest


@pytest.mark.parametrize(
    ("provider", "base_url", "chat", "embed"),
    [
        ("cohere", "https://api.cohere.com", "https://api.cohere.com/v2/chat", "https://api.cohere.com/v2/embed"),
        ("cohere", "https://proxy/v2/chat", "https://proxy/v2/chat", "https://proxy/v2/chat"),
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com", "https://api.anthropic.com"),
        ("anthropic", "https://proxy/v1", "https://proxy", "https://proxy"),
    ],
)
def test_the_address_is_as_litellm_wants_it(provider: str, base_url: str, chat: str, embed: str) -> None:
    """One base_url serves chat and embeddings, also of the provider whose endpoints litellm wants whole."""
    settings = BackendSettings(provider, "litellm", provider, base_url, api_key="k")
    assert completion_arguments(Work("m", question()), settings)["api_base"] == chat
    assert embedding_arguments(EmbedWork("m", EmbedRequest(inputs=["a"])), settings)["api_base"] == embed


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("claude-haiku-4-5-20251001", True),
        ("claude-haiku-4-5", True),
        ("claude-3-5-haiku-latest", True),
        ("claude-haiku-4", False),
        ("claude-haiku", False),
        ("gpt-4o", False),
    ],
)
def test_a_short_name_stands_for_its_dated_versions(model: str, listed: bool) -> None:
    """Providers take names without a date that they do not list; another version of a model is another model."""
    assert is_listed(model, frozenset({"claude-haiku-4-5-20251001", "claude-3-5-haiku-20241022"})) is listed
