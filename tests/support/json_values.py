"""JSON that is not what was expected: any value at all, and a right message with any value in some place of it."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(10**30), 2**63])
    | st.floats()  # Python writes and reads NaN and Infinity, as do careless servers
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
)


def bent(message: Any) -> st.SearchStrategy[Any]:
    """`message` with any value in the place of one of its parts."""
    return st.tuples(st.sampled_from(list(_places(message))), VALUES).map(lambda found: _replaced(message, *found))


def _places(value: Any) -> Iterator[Path]:
    yield ()
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from ((key, *rest) for rest in _places(inner))


def _replaced(message: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    changed = deepcopy(message)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed
