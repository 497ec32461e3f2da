"""Secrets do not leave the worker in a message."""

import pytest

from provider_workers.backends.base import Finish
from provider_workers.link.frames import attempt_frame
from provider_workers.orders import Answered
from service_common.scrub import MAX_MESSAGE, scrub
from service_common.vocabulary import FinishReason


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


@pytest.mark.parametrize("code", ["\x1b", "\x07", "\x00", "\r", "\x7f", "\x9b", "\u202e", "\u2066"])
def test_what_a_terminal_would_obey_goes(code: str) -> None:
    """A provider's words can neither paint over a screen nor hide a key from the patterns."""
    assert scrub(f"no {code}[2Jmodel\n\tof that name") == "no [2Jmodel\n\tof that name"
    assert scrub(f"key sk-pro{code}j-abcDEF123456 is wrong") == "key [secret] is wrong"
    assert scrub(f"the key opense{code}same is wrong", ["opensesame"]) == "the key [secret] is wrong"


def test_names_that_a_provider_sends_are_printable() -> None:
    """What the model calls itself is shown to people, too."""
    finish = Finish(FinishReason.STOP, "gpt\x1b[31m-4", "req\x07-1")
    finished = attempt_frame(1, Answered(finish, None, None, 0.0)).frames[0].attempt_event.finished
    assert (finished.provider_model, finished.provider_request_id) == ("gpt[31m-4", "req-1")


def test_long_texts_are_cut() -> None:
    """A provider's page of HTML does not travel whole."""
    assert len(scrub("x" * 100_000)) == MAX_MESSAGE
