"""When two models are the same, whatever they are called."""

LATEST = ":latest"


def untagged(name: str) -> str:
    """The name without the tag that Ollama adds by itself: `llama3.1` for `llama3.1:latest`."""
    return name.removesuffix(LATEST)


def plain_model(name: str) -> str:
    """The bare name of `backend/model` or `backend/vendor/model`, without the tag `latest`, in lower case.

    Models of one bare name are the same wherever they are served: an embedding's vectors can be compared.
    """
    return untagged(name.rpartition("/")[2]).lower()
