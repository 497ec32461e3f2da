"""Lines of an Ollama, or of what takes itself for one, that say other than they should."""

import json
from typing import Any

import pytest

from provider_workers.backends.base import Finish, Piece, ProviderFailure, Text
from provider_workers.backends.ollama.models import description, listed_models
from provider_workers.backends.ollama.stream import ChatStream
from service_common.failures import FailureClass
from service_common.vocabulary import FinishReason


def line(said: str = "", **more: Any) -> dict[str, Any]:
    """One line of an answer."""
    return {"model": "m", "message": {"role": "assistant", "content": said}, "done": False, **more}


LAST = line(done=True, done_reason="stop", prompt_eval_count=3, eval_count=4)


def answer(*lines: dict[str, Any]) -> list[Piece]:
    """The pieces of an answer that came in one read."""
    stream = ChatStream()
    pieces = stream.feed("".join(f"{json.dumps(said)}\n" for said in lines).encode())
    stream.check()
    return [*pieces, *stream.end(), stream.finish()]


def broken(*lines: dict[str, Any]) -> str:
    """What is told of an answer that breaks."""
    with pytest.raises(ProviderFailure) as raised:
        answer(*lines)
    assert raised.value.failure_class is FailureClass.STREAM_BROKEN
    return raised.value.message


@pytest.mark.parametrize("done", ["false", "true", 1, [], {}])
def test_an_end_is_one_only_where_it_is_said(done: object) -> None:
    """A text of the word "false" is no end, and nobody knows what else of such a server is one."""
    assert "done" in broken(line("a"), line("b", done=done), line("c"), LAST)


@pytest.mark.parametrize("reason", ["error", "unload", "load"])
def test_a_reason_that_is_no_end_is_named(reason: str) -> None:
    """The model went, or never began: what came until then is not the whole answer."""
    assert reason in broken(line("a"), {**LAST, "done_reason": reason})


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", FinishReason.STOP), ("length", FinishReason.LENGTH), ("", FinishReason.STOP), (None, FinishReason.STOP)],
)
def test_a_reason_that_is_an_end_is_one(reason: object, expected: FinishReason) -> None:
    """Older versions give none."""
    assert answer(line("a"), {**LAST, "done_reason": reason})[-1] == Finish(expected, "m")


def test_text_behind_the_end_breaks_the_answer() -> None:
    """Where such an answer really ends, nobody can tell; an empty line more says nothing."""
    assert "went on" in broken(line("a"), LAST, line("b"))
    assert Text("a") in answer(line("a"), LAST, LAST)


@pytest.mark.parametrize("name", [["a"], {"a": 1}, 5, "a\ud83d", "", None])
def test_an_odd_name_is_passed_over(name: object) -> None:
    """The other models can be used."""
    tags = {"models": [{"model": name, "name": name}, {"model": "llama3.1:latest"}]}
    assert list(listed_models(tags)) == ["llama3.1"]


@pytest.mark.parametrize(
    "shown",
    [
        {"capabilities": 5},
        {"capabilities": [5, None, {}], "model_info": "x"},
        {"model_info": [1]},
        {"model_info": {"general.architecture": {"a": 1}}},
    ],
)
def test_odd_facts_of_a_model_are_none(shown: dict[str, Any]) -> None:
    """What can be read of it is told."""
    assert description("m", {}, shown).context_window == 0
