"""What is left of litellm's texts for a person."""

import pytest

from provider_workers.backends.litellm.wording import plain, without_advice

SEED = (
    "litellm.UnsupportedParamsError: anthropic does not support parameters: ['seed'], for model=claude-haiku-4-5. "
    "To drop these, set `litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: true`\n. \n "
    "If you want to use these params dynamically send allowed_openai_params=['seed'] in your request."
)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (SEED, "anthropic does not support parameters: ['seed'], for model=claude-haiku-4-5."),
        ("Internal server error. Handle with `litellm.InternalServerError`.", "Internal server error."),
        ("Vertex_ai_betaException InternalServerError - INTERNAL - An internal error.", "An internal error."),
        ("litellm.BadRequestError: AnthropicException - No such thing", "No such thing"),
        ("No such embedding\nTraceback (most recent call last):\n  File x\n\nThis looks like", "No such embedding"),
        ("JSON is not what AnthropicException means", "JSON is not what AnthropicException means"),
    ],
)
def test_advice_to_programmers_is_left_out(said: str, left: str) -> None:
    """The cause stays, litellm's names for it and its advice go."""
    assert without_advice(said) == left


def test_a_gateways_page_is_no_doubt_of_the_address() -> None:
    """Gateways before a provider answer 502 with a page; another web server answers with other statuses."""
    assert "base_url" not in plain("<html>Bad gateway</html>", 502)
    assert "base_url" in plain("b'<!DOCTYPE html>'", 501)


def test_an_error_without_words_is_told_by_its_status() -> None:
    """An empty text says nothing."""
    assert plain("litellm.APIError: ", 500) == "HTTP 500"
