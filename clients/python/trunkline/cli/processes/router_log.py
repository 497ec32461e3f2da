"""What the router says about itself while it starts, read from its log."""

import re
from pathlib import Path

_METRICS = re.compile(r" (?:INFO metrics are at|WARNING no metrics are served:) (.+)$", re.MULTILINE)


def metrics_told(log: Path) -> str:
    """Where the router that was started last serves its metrics, or why it does not; empty: they are off."""
    if not log.exists():
        return ""
    told = _METRICS.findall(log.read_text(encoding="utf-8", errors="replace"))
    return str(told[-1]) if told else ""
