"""What cannot stand in a header, of HTTP or of gRPC, told without the value: it is often a secret."""

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.6.2."""


def is_header_name(name: str) -> bool:
    """Whether a header may be called so."""
    return _NAME.fullmatch(name) is not None


def fault_of_header_value(value: str) -> str:
    """What a value holds that is neither visible ASCII nor a blank (RFC 9110, section 5.5); empty: nothing.

    Libraries differ in what they make of other characters: they refuse, or send them in an encoding of their own.
    """
    if value.isascii() and value.isprintable():
        return ""
    if "\r" in value or "\n" in value:
        held = "a line break"
    else:
        held = "a control character" if value.isascii() else "a character outside ASCII"
    return f"holds {held}, which no header can carry"
