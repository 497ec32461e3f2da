"""Which providers litellm knows."""

import litellm
from litellm.constants import openai_compatible_providers
from litellm.llms.openai_like.json_loader import JSONProviderRegistry

from service_common.near_names import suggest


def led_astray(model: str, provider: str) -> str:
    """Why litellm would send a model's requests, and the key, to somebody else; empty: it would not."""
    exempt = {"replicate", "azure", "azure_ai", *openai_compatible_providers}  # litellm looks at these first
    if "replicate" not in model or provider in exempt:
        return ""
    return f"litellm would send {model} to Replicate, by its name, and not to {provider}: call the model something else"


def unknown_provider(name: str) -> str:
    """What is wrong with a provider's name, for a person; empty: litellm knows it."""
    listed = {str(getattr(provider, "value", provider)) for provider in litellm.provider_list}
    known = listed | set(openai_compatible_providers) | set(JSONProviderRegistry.list_providers())
    if name in known:
        return ""
    return f'litellm knows no provider "{name}": correct its provider in the configuration. {suggest(name, known)}'
