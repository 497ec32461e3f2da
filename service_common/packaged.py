"""Reads the YAML files that come with the packages."""

from importlib import resources
from typing import Any

import yaml

_FASTEST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""They take 4 ms with libyaml and 45 without; the router reads them when it starts, and workers most of them."""


def packaged_yaml(package: str, name: str) -> Any:
    """The content of the file `name` of `package`, as plain values."""
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=_FASTEST)
