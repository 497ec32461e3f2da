"""Secrets do not leave the worker in a message."""

import pytest

from service_common.scrub import MAX_MESSAGE, scrub


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Incorrect API key provided: sk-proj-abcDEF123456. See the docs.", "sk-proj-abcDEF123456"),
        ("key gsk_1234567890abcdef is wrong", "gsk_1234567890abcdef"),
        ("AIzaSyA1234567890abcdefg not valid", "AIzaSyA1234567890abcdefg"),
        ("Authorization: Bearer abcdef1234567890", "abcdef1234567890"),
        ("api_key=q1w2e3r4t5y6u7 rejected", "q1w2e3r4t5y6u7"),
        ("https://host/v1?key=abc123456789&x=1", "abc123456789"),
        ("cannot reach http://user:hunter22@proxy:3128", "hunter22"),
        ("AKIAIOSFODNN7EXAMPLE is not authorised", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_what_looks_like_a_key_goes(text: str, secret: str) -> None:
    """Keys by their looks are masked, and the rest of the words stay."""
    cleaned = scrub(text)
    assert secret not in cleaned
    assert "[secret]" in cleaned


def test_known_secrets_go_whatever_they_look_like() -> None:
    """The worker's own key is masked even if it looks like a word; short ones would hit words and are left."""
    assert scrub("the key opensesame is wrong", ["opensesame"]) == "the key [secret] is wrong"
    assert scrub("the key", ["the"]) == "the key"


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens, however you requested 9000.",
        "Rate limit reached for gpt-4o-mini in organization org-x on tokens per min (TPM).",
        "invalid api key",
        "secret agents are people too",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """What a person needs to read is left as it is."""
    assert scrub(text) == text


def test_long_texts_are_cut() -> None:
    """A provider's page of HTML does not travel whole."""
    assert len(scrub("x" * 100_000)) == MAX_MESSAGE
