"""What each process may know: a worker gets the variables of its own backend, and nobody gets another's secrets."""

import re
from collections.abc import Collection, Mapping

_SECRET = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$|\d)", re.IGNORECASE)
_KNOWN_TO_ALL = ("OTEL_",)  # a collector may ask for a token, and every process sends spans


def looks_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold a secret."""
    return not name.startswith(_KNOWN_TO_ALL) and _SECRET.search(name) is not None


def child_environment(
    base: Mapping[str, str], *, own: Collection[str], others: Collection[str], more: Mapping[str, str]
) -> dict[str, str]:
    """The environment of one process.

    Args:
        base: this process's variables together with those of `.env`.
        own: names that this process needs; they are handed on whatever they are called.
        others: names that other processes need; not handed on unless in `own`.
        more: what is set for it.
    """
    withheld = set(others).difference(own)
    kept = {name: value for name, value in base.items() if name in own or not (name in withheld or looks_secret(name))}
    return {**kept, **more}
