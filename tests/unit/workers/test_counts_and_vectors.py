"""Counts that are none are no usage, and vectors that are none are no success."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from provider_workers.backends.base import ProviderFailure, TokenUsage
from provider_workers.backends.litellm import stream as litellm
from provider_workers.backends.ollama import stream as ollama
from provider_workers.backends.openai_wire.embeddings import vectors
from provider_workers.backends.openai_wire.stream import token_usage
from provider_workers.backends.shapes import in_order
from service_common.failures import FailureClass

NO_COUNT = [True, False, -5, float("nan"), float("inf"), "12", 1.5, [3]]
NO_VECTORS = [
    "[]",
    "[NaN, 1]",
    "[Infinity]",
    "[Infinity, -Infinity]",
    "[1e300, -1e300]",
    "[1" + "0" * 400 + "]",
    '[true, "3"]',
    '["3"]',
    "[null]",
    '"AACAPw=="',
    "null",
]


@pytest.mark.parametrize("count", NO_COUNT)
@pytest.mark.parametrize("place", ["prompt_tokens", "completion_tokens"])
def test_what_is_no_count_makes_no_usage(count: Any, place: str) -> None:
    """Told as 0 tokens it would be taken for the truth, and cost nothing; without usage the router estimates."""
    told = {"prompt_tokens": 5, "completion_tokens": 2, place: count}
    assert token_usage(told) is None
    assert litellm.token_usage(SimpleNamespace(**told)) is None
    assert ollama.usage({"prompt_eval_count": told["prompt_tokens"], "eval_count": told["completion_tokens"]}) is None


def test_a_count_that_is_not_told_is_none_beside_one_that_is() -> None:
    """Embeddings have no answer to count, and a prompt that was cached whole is not counted by all."""
    assert token_usage({"prompt_tokens": 5}) == TokenUsage(5)
    assert ollama.usage({"eval_count": 2}) == TokenUsage(0, 2)
    assert token_usage({}) is None
    assert litellm.token_usage(None) is None


@pytest.mark.parametrize(("cached", "meant"), [(5_000, 5), (3, 3), (True, 0), (-1, 0), (1e99, 0)])
def test_no_more_was_cached_than_was_sent(cached: Any, meant: int) -> None:
    """More cached tokens than tokens would make a price below nothing."""
    told = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": cached}}
    assert token_usage(told) == TokenUsage(5, 2, meant)
    details = SimpleNamespace(cached_tokens=cached)
    usage = SimpleNamespace(prompt_tokens=5, completion_tokens=2, prompt_tokens_details=details)
    assert litellm.token_usage(usage) == TokenUsage(5, 2, meant)


@pytest.mark.parametrize("vector", NO_VECTORS)
def test_a_hollow_vector_breaks_the_answer(vector: str) -> None:
    """What a caller would store beside true vectors must be one."""
    entry = json.loads(vector)
    assert broken({"data": [{"index": 0, "embedding": entry}]}, 1)
    with pytest.raises(ProviderFailure) as raised:
        ollama.embeddings({"embeddings": [entry]}, 1)
    assert raised.value.failure_class is FailureClass.STREAM_BROKEN


@pytest.mark.parametrize("places", [(0, 0), (1, 2), (0, None), (None, 1), (0, True), ("0", "1"), (0.0, 1.0), (-1, 0)])
def test_vectors_that_are_numbered_wrongly_break_the_answer(places: tuple[Any, Any]) -> None:
    """Nobody can tell which of the texts such a vector belongs to."""
    data = [{"embedding": [1.0], **({} if place is None else {"index": place})} for place in places]
    assert broken({"data": data}, 2)


def test_a_single_vector_of_another_text_breaks_the_answer() -> None:
    """One text was sent; this is the vector of a sixth."""
    assert broken({"data": [{"index": 5, "embedding": [1.0]}]}, 1)


def test_vectors_of_different_lengths_break_the_answer() -> None:
    """They are not of one model."""
    assert broken({"data": [{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [0]}]}, 2)


def test_vectors_come_by_number_or_else_as_they_were_sent() -> None:
    """The order of the texts, whichever way the provider tells it."""
    swapped = [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [0.5]}]
    assert vectors({"data": swapped}, 2).values == [[0.5], [1.0]]
    assert in_order([{"a": 1}, {"a": 2}]) == [{"a": 1}, {"a": 2}]
    largest = [3.4028234663852886e38]
    assert vectors({"data": [{"index": 0, "embedding": largest}]}, 1).values == [largest]


def broken(answer: Mapping[str, Any], wanted: int) -> bool:
    """Whether an answer of OpenAI's wire is taken for broken."""
    with pytest.raises(ProviderFailure) as raised:
        vectors(answer, wanted)
    return raised.value.failure_class is FailureClass.STREAM_BROKEN
