"""Whose API answers, by the shape of what it says, and which failures mean that no such call is served."""

from typing import Any

import pytest

from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.wires import Address, Wire, strange, wire_of
from service_common.failures import FailureClass

OPENAI_LIST = {"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]}
ANTHROPIC_LIST = {"data": [{"type": "model", "id": "claude-haiku-4-5"}], "has_more": False}
GEMINI_LIST = {"models": [{"name": "models/gemini-2.5-flash"}]}
OLLAMA_LIST = {"models": [{"name": "llama3.1:latest", "model": "llama3.1:latest", "digest": "42"}]}
ANTHROPIC_ERROR = {"type": "error", "error": {"type": "not_found_error", "message": "Not Found"}}
GEMINI_ERROR = {"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}}
OPENAI_ERROR = {"error": {"message": "Invalid URL", "type": "invalid_request_error", "param": None, "code": None}}


@pytest.mark.parametrize(
    ("said", "wire"),
    [
        (OPENAI_LIST, Wire.OPENAI),
        ({"data": [{"id": "m", "object": "model"}], "has_more": False}, Wire.OPENAI),
        ({"object": "list", "data": [], "models": [{"name": "m", "digest": ""}]}, Wire.OPENAI),  # llama.cpp
        ({"data": [{"id": "m"}]}, None),
        (ANTHROPIC_LIST, Wire.ANTHROPIC),
        ({"data": [], "has_more": False}, Wire.ANTHROPIC),
        (GEMINI_LIST, Wire.GEMINI),
        (OLLAMA_LIST, Wire.OLLAMA),
        ({"models": []}, None),
        (ANTHROPIC_ERROR, Wire.ANTHROPIC),
        (GEMINI_ERROR, Wire.GEMINI),
        ([GEMINI_ERROR], Wire.GEMINI),
        (OPENAI_ERROR, Wire.OPENAI),
        ({"error": {"message": "no"}}, None),
        ({"error": "model not found"}, None),
        ({"object": "chat.completion.chunk", "choices": []}, Wire.OPENAI),
        ({"type": "message_start", "message": {}}, Wire.ANTHROPIC),
        ({"candidates": []}, Wire.GEMINI),
        ({"message": {"content": "a"}, "done": False}, Wire.OLLAMA),
        ({"data": 1, "models": "a", "error": 2, "object": None}, None),
        ([], None),
        ("text", None),
    ],
)
def test_an_answer_shows_whose_api_gives_it(said: Any, wire: Wire | None) -> None:
    """Each provider's own documented shapes; what any server may say tells nothing."""
    assert wire_of(said) is wire


def test_what_is_told_names_the_address_and_what_to_do() -> None:
    """Without credentials and query, which are nobody's business."""
    address = Address.of("http://user:secret@h:1/v1?key=secret", Wire.OPENAI)
    told = address.foreign(ANTHROPIC_LIST)
    assert told.startswith("http://h:1/v1 answers as Anthropic's API does: `kind: litellm, provider: anthropic`")
    assert not address.foreign(OPENAI_LIST)
    assert not Address.of("", Wire.ANTHROPIC).foreign(OPENAI_LIST)


@pytest.mark.parametrize(
    ("base_url", "told"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/openai", False),
        ("https://aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi", False),
        ("https://generativelanguage.googleapis.com/v1beta", True),
    ],
)
def test_googles_endpoint_for_openais_wire_is_no_other_wire(base_url: str, told: bool) -> None:
    """It words errors as all of Google's do."""
    assert bool(Address.of(base_url, Wire.OPENAI).foreign([GEMINI_ERROR])) is told


@pytest.mark.parametrize(
    ("status", "message", "said", "lacks"),
    [
        (404, "HTTP 404 without an error object", None, True),
        (404, "404 page not found", {}, True),
        (404, '"Not Found"', {"detail": "Not Found"}, True),
        (404, "Resource not found", {"error": {}}, True),
        (404, "Invalid URL (POST /v1/v1/messages)", OPENAI_ERROR, True),
        (404, "Not Found", ANTHROPIC_ERROR, True),
        (404, "Requested entity was not found.", GEMINI_ERROR, True),
        (405, "whatever", {"error": {}}, True),
        (404, "The model `m-1` does not exist", OPENAI_ERROR, False),
        (404, "model: m-1", ANTHROPIC_ERROR, False),
        (404, "m-1", ANTHROPIC_ERROR, False),
        (404, "models/m-1 is not found for API version v1beta", GEMINI_ERROR, False),
        (404, "No endpoints found that support tool use.", {"error": {}}, False),
        (404, "The API deployment for this resource does not exist", {"error": {}}, False),
        (404, "File not found", {"error": {}}, False),
        (404, "No route to any provider for this request", {"error": {}}, False),
        (400, "Not Found", ANTHROPIC_ERROR, False),
    ],
)
def test_a_missing_call_is_told_from_a_missing_model(status: int, message: str, said: Any, lacks: bool) -> None:
    """A model that is not there concerns its own calls alone; a path that is not there concerns every call."""
    failure = ProviderFailure(FailureClass.UNSUPPORTED, message, http_status=status)
    assert Address.of("http://h/v1", Wire.OPENAI).lacks_call(failure, said, "m-1") is lacks


@pytest.mark.parametrize(
    ("status", "message", "said", "lacks"),
    [
        (404, "HTTP 404 without an error object", None, False),
        (404, "Not Found", {"detail": "Not Found"}, False),
        (404, "Not Found", ANTHROPIC_ERROR, False),
        (404, "Invalid URL (POST /v1/v1/messages)", OPENAI_ERROR, True),
        (405, "whatever", None, True),
    ],
)
def test_where_models_are_listed_only_what_names_the_path_is_about_it(
    status: int, message: str, said: Any, lacks: bool
) -> None:
    """A gateway that finds its way by the model has a bare "not found" for one that it does not have."""
    failure = ProviderFailure(FailureClass.UNSUPPORTED, message, http_status=status)
    assert Address.of("http://h/v1", Wire.OPENAI).lacks_call(failure, said, "m-1", right=True) is lacks


@pytest.mark.parametrize(
    ("said", "lists"),
    [
        (OPENAI_LIST, True),
        ({"data": [{"id": "m"}]}, True),
        ({"object": "list", "data": []}, False),
        (ANTHROPIC_LIST, False),
        ("text", False),
    ],
)
def test_a_list_of_models_shows_that_an_address_is_right(said: Any, lists: bool) -> None:
    """Where it names one, and is no other API's."""
    assert Address.of("http://h/v1", Wire.OPENAI).lists_models(said) is lists


def test_a_strange_chunk_names_whose_it_is() -> None:
    """Where that can be told; the address is doubted in any case."""
    assert "as Gemini's API sends it: is base_url" in strange("a chunk", {"candidates": []}).message
    assert (
        strange("a chunk", {"a": 1}).message == "a chunk of an unknown shape: is base_url the address of this provider?"
    )


@pytest.mark.parametrize(
    ("failure_class", "told"),
    [(FailureClass.AUTH, True), (FailureClass.RATE_LIMITED, False), (FailureClass.UNAVAILABLE, False)],
)
def test_only_a_refusal_shows_whose_address_it_is(failure_class: FailureClass, told: bool) -> None:
    """A gateway before a provider words its own failures, in whichever shape."""
    failure = Address.of("http://h", Wire.ANTHROPIC).remarked(ProviderFailure(failure_class, "no"), OPENAI_ERROR)
    assert ("answers as OpenAI's" in failure.message) is told
