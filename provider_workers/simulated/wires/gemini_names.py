"""Field names of Gemini's requests: like every protobuf JSON API it takes `max_output_tokens` for `maxOutputTokens`."""

from collections.abc import Mapping
from typing import Any, Final

_CALLERS_OWN: Final = frozenset(
    {"args", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "responseSchema", "trunkline_sim"}
)
"""Fields whose content has names that the caller chose."""


def canonical(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request with its field names in camel case; what stands below the caller's own names is left alone."""
    named = {(_camel(name) if name not in _CALLERS_OWN else name): value for name, value in body.items()}
    return {name: value if name in _CALLERS_OWN else _inside(value) for name, value in named.items()}


def _inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return canonical(value)
    return [_inside(item) for item in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
