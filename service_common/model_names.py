"""When two targets' models are the same."""


def plain_model(name: str) -> str:
    """The bare name of `backend/model` or `backend/vendor/model`, without the tag `latest`, in lower case.

    Models of one bare name are the same wherever they are served: an embedding's vectors can be compared.
    """
    return name.rpartition("/")[2].removesuffix(":latest").lower()
