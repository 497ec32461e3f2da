"""Writes configurations as YAML."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out instead of as anchors, which people find hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(content: Any) -> str:
    """Plain values as YAML, in their order; the innermost mappings and lists on one line."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
