"""Mistakes are told to more people than may read the environment: they never show what a reference stands for."""

from collections.abc import Mapping
from dataclasses import replace

from service_common.configuration.mistakes import Finding, Path

SHORTEST_HIDDEN = 4
"""Characters of a value that is looked for in other settings' mistakes; shorter ones occur in any sentence."""

_ADVICE = "Write the value itself in its place to be told why."


def masked(finding: Finding, resolved: Mapping[Path, tuple[str, str]]) -> Finding:
    """The finding, said without any value out of the environment.

    `resolved`: by path, what was written and what it stands for. A mistake of such a setting is told by the reference
    alone, as a message may show a value whole, in part, or written otherwise.
    """
    for path, (written, _) in resolved.items():
        if finding.path[: len(path)] == path:
            return replace(finding, message=f"what {written} stands for does not fit here.", suggestion=_ADVICE)
    said = f"{finding.message} {finding.suggestion}".casefold()
    for written, value in resolved.values():
        shown = value.strip().casefold()
        if len(shown) >= SHORTEST_HIDDEN and shown in said:
            message = f"something does not fit here that shows what {written} stands for."
            return replace(finding, message=message, suggestion=_ADVICE)
    return finding
