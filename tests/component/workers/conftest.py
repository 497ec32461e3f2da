"""What the tests of several kinds of workers share."""

import pytest


@pytest.fixture
def provider_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the libraries of Bedrock and Azure read."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAABCDEFGHIJKLMNOP",
        "AWS_SECRET_ACCESS_KEY": "s" * 40,
        "AWS_REGION": "us-east-1",
        "AZURE_API_VERSION": "2024-10-21",
    }.items():
        monkeypatch.setenv(name, value)
