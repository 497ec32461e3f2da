"""placeholder, replaced below."""


def up() -> None:
    """Start."""
