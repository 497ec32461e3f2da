"""Reads the YAML files that come with the packages."""

from importlib import resources
from typing import Any

import yaml

FASTEST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""All of them take 5 ms with libyaml and 36 without; the router reads them when it starts, workers most of them."""


def packaged_yaml(package: str, name: str) -> Any:
    """The content of the file `name` of `package`, as plain values."""
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=FASTEST_LOADER)
