"""When two models are the same, whatever they are called."""

DEFAULT_TAG = "latest"
"""What Ollama adds to a name that has no tag."""


def untagged(name: str) -> str:
    """The name without the tag that Ollama adds by itself: `llama3.1` for `llama3.1:latest`."""
    return name.removesuffix(f":{DEFAULT_TAG}")


def plain_model(name: str) -> str:
    """The bare name of `backend/model` or `backend/vendor/model`, without its default tag, in lower case.

    Models of one bare name are the same wherever they are served: an embedding's vectors can be compared.
    """
    return untagged(name.rpartition("/")[2]).lower()
