"""What was meant by a name that nobody knows, in the words of every part that router and workers are made of."""

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

MOST_COMPARED = 500
"""Known names that a name is compared with; of more, those that begin like it."""

KNOWN_SHOWN = 6
"""How many known names are listed where none is near."""

_ALIKE = 0.6


def suggest(name: str, known: Iterable[str], most: int = 1) -> str:
    """`did_you_mean`, else the first known names, else (nothing is known) nothing."""
    names = sorted(known)
    if not names:
        return ""
    listed = f"Known: {', '.join(names[:KNOWN_SHOWN])}{', ...' if len(names) > KNOWN_SHOWN else '.'}"
    return did_you_mean(name, names, most) or listed


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str:
    """The `most` nearest of the known names as a question; empty where none is near.

    Case does not count. Where no name is spelled alike, targets whose model is are near.
    """
    names = list(known)
    models = {each.lower().partition("/")[2]: each for each in names if "/" in each}
    near = _alike(name, {each.lower(): each for each in names}, most) or _alike(name.rpartition("/")[2], models, most)
    quoted = " or ".join(f'"{each}"' for each in near)
    return f"Did you mean {quoted}?" if near else ""


def _alike(name: str, known: Mapping[str, str], most: int) -> list[str]:
    """Of the known names, by their lower-case spelling, those that are spelled like `name`, the nearest first."""
    written = name.lower()
    near = get_close_matches(written, _around(written, sorted(known)), n=most, cutoff=_ALIKE)
    return [known[each] for each in near]


def _around(name: str, names: Sequence[str]) -> Sequence[str]:
    """The part of sorted `names` in which `name` would stand."""
    middle = bisect(names, name) if len(names) > MOST_COMPARED else 0
    start = max(0, min(middle - MOST_COMPARED // 2, len(names) - MOST_COMPARED))
    return names[start : start + MOST_COMPARED]
