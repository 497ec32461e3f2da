"""Which providers litellm knows."""

import litellm
from litellm.constants import openai_compatible_providers
from litellm.llms.openai_like.json_loader import JSONProviderRegistry

from service_common.near_names import suggest


def unknown_provider(name: str) -> str:
    """What is wrong with a provider's name, for a person; empty: litellm knows it."""
    listed = {str(getattr(provider, "value", provider)) for provider in litellm.provider_list}
    known = listed | set(openai_compatible_providers) | set(JSONProviderRegistry.list_providers())
    if name in known:
        return ""
    return f'litellm knows no provider "{name}": correct its provider in the configuration. {suggest(name, known)}'
