"""What reaches the provider: the whole conversation, each part as who said it, and what was asked beside it."""

import json

import pytest

from tests.conformance.test_answers import PIXEL, WEATHER, parts
from tests.support.conformance import Bench
from tests.support.received import Call, Result, received_texts
from tests.support.worker_processes import embed_body, question
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.worker.v1 import worker_service_pb2 as wire

pytestmark = pytest.mark.asyncio(loop_scope="session")

HAS_IDS = {"openai": True, "anthropic": True, "ollama": False, "gemini": False}
"""Whether a wire tells tool calls apart by an id; else by the tool's name."""


def said(role: chat.Role.ValueType, text: str) -> chat.Message:
    """A message of one text."""
    return chat.Message(role=role, content=[chat.ContentPart(text=text)])


async def test_instructions_stay_instructions(worker: Bench) -> None:
    """What the system and the developer say is no user's word, and what the model said before is its own."""
    messages = [
        said(chat.ROLE_SYSTEM, "Be brief."),
        said(chat.ROLE_DEVELOPER, "Use metric units."),
        said(chat.ROLE_USER, "How long is the bridge?"),
        said(chat.ROLE_ASSISTANT, "Which one?"),
        said(chat.ROLE_USER, "The one at Rialto."),
    ]
    await worker.ask(chat.CompletionRequest(messages=messages)).finished()
    received = worker.received()
    assert received.instructions == ["Be brief.", "Use metric units."]
    assert received.said == [
        ("user", "How long is the bridge?"),
        ("assistant", "Which one?"),
        ("user", "The one at Rialto."),
    ]


async def test_a_tools_result_is_its_calls(worker: Bench) -> None:
    """Calls go back with their arguments, each result with the call that it belongs to, tools with their schemas."""
    asked = question("What is the weather in Rome and in Oslo?", tools=[WEATHER])
    places = {"call_1": "Rome", "call_2": "Oslo"}
    tools = [
        chat.ToolCall(id=call, name="get_weather", arguments_json=json.dumps({"city": place}))
        for call, place in places.items()
    ]
    asked.messages.append(chat.Message(role=chat.ROLE_ASSISTANT, tool_calls=tools))
    for call, place in places.items():
        answer = [chat.ContentPart(text=json.dumps({"seen": place}))]
        asked.messages.append(chat.Message(role=chat.ROLE_TOOL, tool_call_id=call, content=answer))
    await worker.ask(asked).finished()
    received = worker.received()
    ids = {call: call if HAS_IDS[worker.kind.wire] else "" for call in places}
    assert received.said == [
        ("user", "What is the weather in Rome and in Oslo?"),
        *(("assistant", Call("get_weather", {"city": place}, ids[call])) for call, place in places.items()),
        *(("tool", Result(ids[call] or "get_weather", {"seen": place})) for call, place in places.items()),
    ]
    assert received.tools == {"get_weather": (WEATHER.description, json.loads(WEATHER.parameters_json_schema))}


async def test_a_picture_is_the_one_that_was_shown(worker: Bench) -> None:
    """Its bytes, beside the text that they were shown with."""
    shown = parts(chat.ContentPart(text="What is this?"), chat.ContentPart(image=chat.Image(data=PIXEL)))
    await worker.ask(shown).finished()
    assert worker.received().said == [("user", "What is this?"), ("user", PIXEL)]


async def test_parameters_arrive_with_their_values(worker: Bench) -> None:
    """Temperature, limit and stop strings, under the wire's own names."""
    asked = chat.GenerationParameters(temperature=0.25, max_output_tokens=9, stop=["END", "."])
    await worker.ask(question(parameters=asked)).finished()
    assert worker.received().parameters == (0.25, 9, ["END", "."])


async def test_texts_for_vectors_arrive_in_order(worker: Bench) -> None:
    """All of them, with the length that their vectors shall have."""
    if "embeddings" in worker.kind.lacks:
        pytest.skip("this provider has no embeddings")
    body = embed_body("red", "green", "blue", dimensions=16)
    await worker.worker.dispatch(body, worker.kind.embedding_model, operation=wire.OPERATION_EMBED).finished()
    assert received_texts(worker.kind.wire, worker.body()) == (["red", "green", "blue"], 16)
