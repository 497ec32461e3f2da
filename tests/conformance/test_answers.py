"""What every worker must be able to pass on, whatever its provider's wire."""

import asyncio
import json

import pytest

from provider_workers.simulated import Fault
from service_common.failures import FailureClass
from tests.support.conformance import Bench
from tests.support.worker_harness import Tried
from tests.support.worker_processes import embed_body, question
from trunkline.router.v1.router_service_pb2 import EmbedResponse
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.worker.v1 import worker_service_pb2 as wire

pytestmark = pytest.mark.asyncio(loop_scope="session")

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fccfc0500f0004850180"
    "84a98c210000000049454e44ae426082"
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
WEATHER = chat.Tool(
    name="get_weather",
    description="The weather of a city",
    parameters_json_schema=json.dumps(
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    ),
)


def parts(*content: chat.ContentPart) -> chat.CompletionRequest:
    """A request of one message with these parts."""
    return chat.CompletionRequest(messages=[chat.Message(role=chat.ROLE_USER, content=content)])


def calls(tried: Tried) -> dict[int, tuple[str, str, str]]:
    """The tool calls, joined: id, name and arguments by index."""
    joined: dict[int, tuple[str, str, str]] = {}
    for delta in tried.tool_deltas:
        call_id, name, arguments = joined.get(delta.index, ("", "", ""))
        joined[delta.index] = (call_id + delta.id, name + delta.name, arguments + delta.arguments_json)
    return joined


async def test_text_arrives_whole_with_usage_and_the_providers_model(worker: Bench) -> None:
    """A plain answer comes in order, ends with "stop", and carries the provider's token counts and names."""
    worker.behave(answer_text="Bridges span what divides: rivers, valleys, people.")
    tried = worker.ask()
    finished = await tried.finished()
    assert tried.text == "Bridges span what divides: rivers, valleys, people."
    assert finished.finish_reason == chat.FINISH_REASON_STOP
    assert finished.usage.input_tokens > 0
    assert finished.usage.output_tokens > 0
    assert not finished.usage.estimated
    assert worker.kind.model in finished.provider_model
    assert 0 < finished.first_token.ToNanoseconds() <= finished.duration.ToNanoseconds()
    assert tried.events[0].provider_responded.http_status == 200
    assert len(tried.ends) == 1


async def test_text_streams_as_it_comes(worker: Bench) -> None:
    """The first words are passed on while the provider still speaks."""
    worker.behave(tokens_per_second=20, answer_tokens=20)
    tried = worker.ask()
    await tried.until("text_delta")
    assert not tried.ends
    await tried.finished()
    assert len([event for event in tried.events if event.text_delta]) > 5


async def test_length_is_told_from_stop(worker: Bench) -> None:
    """An answer that hits its token limit says so."""
    finished = await worker.ask(question(parameters=chat.GenerationParameters(max_output_tokens=5))).finished()
    assert finished.finish_reason == chat.FINISH_REASON_LENGTH
    assert finished.usage.output_tokens <= 5


async def test_stop_strings_end_the_answer(worker: Bench) -> None:
    """A stop string reaches the provider: what follows it does not come."""
    worker.behave(answer_text="one two three four five six")
    tried = worker.ask(question(parameters=chat.GenerationParameters(stop=["four"])))
    finished = await tried.finished()
    assert finished.finish_reason == chat.FINISH_REASON_STOP
    assert "three" in tried.text
    assert "five" not in tried.text


async def test_a_seed_repeats_the_answer(worker: Bench) -> None:
    """The seed reaches the provider, or the worker says that it cannot."""
    seeds = [11, 11, 12]
    tries = [worker.ask(question(parameters=chat.GenerationParameters(seed=seed))) for seed in seeds]
    if "seed" in worker.kind.lacks:
        assert await tries[0].failure_class() is FailureClass.UNSUPPORTED
        return
    texts = [(await tried.settled()).text for tried in tries]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


async def test_parameters_at_zero_are_sent(worker: Bench) -> None:
    """A temperature of 0 is a value, not an absence: a provider that refuses temperatures refuses it."""
    request = question(parameters=chat.GenerationParameters(temperature=0.0))
    failure, _ = await worker.fails(Fault("unsupported_parameter", parameter="temperature"), request=request)
    assert failure is FailureClass.UNSUPPORTED


async def test_system_and_developer_messages_are_taken(worker: Bench) -> None:
    """Roles that a provider does not know are sent under one that it knows."""
    messages = [
        chat.Message(role=chat.ROLE_SYSTEM, content=[chat.ContentPart(text="Be brief.")]),
        chat.Message(role=chat.ROLE_DEVELOPER, content=[chat.ContentPart(text="Use metric units.")]),
        chat.Message(role=chat.ROLE_USER, content=[chat.ContentPart(text="How long is the bridge?")]),
    ]
    finished = await worker.ask(chat.CompletionRequest(messages=messages)).finished()
    assert finished.finish_reason == chat.FINISH_REASON_STOP


async def test_one_tool_call(worker: Bench) -> None:
    """A tool call comes with id, name and JSON arguments, and the answer ends for it."""
    worker.behave(tool_calls=1)
    tried = worker.ask(question("What is the weather?", tools=[WEATHER]))
    finished = await tried.finished()
    assert finished.finish_reason == chat.FINISH_REASON_TOOL_CALLS
    [(call_id, name, arguments)] = calls(tried).values()
    assert call_id
    assert name == "get_weather"
    assert isinstance(json.loads(arguments)["city"], str)


async def test_several_tool_calls_are_kept_apart(worker: Bench) -> None:
    """Two calls in one turn arrive under two indices, whole each, however their arguments were streamed."""
    worker.behave(tool_calls=2)
    tried = worker.ask(question("What is the weather in two cities?", tools=[WEATHER]))
    await tried.finished()
    joined = calls(tried)
    assert sorted(joined) == [0, 1]
    assert len({call_id for call_id, _, _ in joined.values()}) == 2
    for _, name, arguments in joined.values():
        assert name == "get_weather"
        assert "city" in json.loads(arguments)


async def test_a_forced_tool_is_called_or_refused(worker: Bench) -> None:
    """A demanded tool is called; where a provider has no such thing, the worker says so rather than hoping."""
    request = question("Hello.", tools=[WEATHER], tool_choice=chat.ToolChoice(tool_name="get_weather"))
    tried = await worker.ask(request).settled()
    if "forced tool" in worker.kind.lacks:
        assert await tried.failure_class() is FailureClass.UNSUPPORTED
    else:
        assert [name for _, name, _ in calls(tried).values()] == ["get_weather"]


async def test_a_tool_result_goes_back(worker: Bench) -> None:
    """A conversation with a call and its result is understood: the model answers in text."""
    asked = question("What is the weather in Rome? Use get_weather.", tools=[WEATHER])
    call = chat.ToolCall(id="call_1", name="get_weather", arguments_json='{"city": "Rome"}')
    asked.messages.append(chat.Message(role=chat.ROLE_ASSISTANT, tool_calls=[call]))
    answer = [chat.ContentPart(text='{"sky": "clear"}')]
    asked.messages.append(chat.Message(role=chat.ROLE_TOOL, tool_call_id="call_1", content=answer))
    tried = worker.ask(asked)
    finished = await tried.finished()
    assert finished.finish_reason == chat.FINISH_REASON_STOP
    assert tried.text


async def test_an_image_by_its_bytes(worker: Bench) -> None:
    """A picture reaches the provider: it is counted as tokens of the prompt."""
    text = chat.ContentPart(text="What is this?")
    plain = await worker.ask(parts(text)).finished()
    shown = await worker.ask(parts(text, chat.ContentPart(image=chat.Image(data=PIXEL)))).finished()
    assert shown.usage.input_tokens > plain.usage.input_tokens + 50


async def test_a_file_is_taken_or_refused(worker: Bench) -> None:
    """A file is sent where the provider takes files, and named as unsupported where it does not."""
    document = chat.File(data=b"%PDF-1.4 tiny", media_type="application/pdf", name="tiny.pdf")
    tried = worker.ask(parts(chat.ContentPart(text="Sum this up."), chat.ContentPart(file=document)))
    if "file" in worker.kind.lacks:
        assert await tried.failure_class() is FailureClass.UNSUPPORTED
    else:
        assert (await tried.finished()).finish_reason == chat.FINISH_REASON_STOP


async def test_json_is_json(worker: Bench) -> None:
    """The JSON format reaches the provider."""
    tried = worker.ask(question("Answer in JSON.", response_format=chat.ResponseFormat(json=chat.JsonFormat())))
    await tried.finished()
    assert isinstance(json.loads(tried.text), dict)


async def test_a_json_schema_is_kept(worker: Bench) -> None:
    """An answer by a JSON schema has its fields, and comes as text, not as a call of a tool."""
    schema = chat.JsonSchemaFormat(name="city", schema_json=json.dumps(SCHEMA), strict=True)
    tried = worker.ask(question("Name a city.", response_format=chat.ResponseFormat(json_schema=schema)))
    await tried.finished()
    answer = json.loads(tried.text)
    assert isinstance(answer["city"], str)
    assert isinstance(answer["people"], int)


async def test_reasoning_is_kept_apart_from_the_answer(worker: Bench) -> None:
    """What the model thinks comes as reasoning, before the text, and is not in it."""
    worker.behave(reasoning_tokens=12, answer_text="Forty-two.")
    effort = chat.GenerationParameters(reasoning_effort=chat.REASONING_EFFORT_LOW)
    tried = worker.ask(question(parameters=effort))
    finished = await tried.finished()
    assert tried.text == "Forty-two."
    if "reasoning" not in worker.kind.lacks:
        assert tried.reasoning
        kinds = [event.WhichOneof("event") for event in tried.events]
        assert kinds.index("reasoning_delta") < kinds.index("text_delta")
    if "reasoning tokens" not in worker.kind.lacks and finished.usage.reasoning_tokens:
        assert finished.usage.reasoning_tokens <= finished.usage.output_tokens


async def test_cached_tokens_are_part_of_the_prompts(worker: Bench) -> None:
    """Tokens from the provider's cache are reported, and counted within the prompt's."""
    worker.behave(cached_tokens=16)
    finished = await worker.ask(question("word " * 200)).finished()
    if "cached tokens" not in worker.kind.lacks:
        assert finished.usage.cached_input_tokens == 16
    assert finished.usage.input_tokens > 16


async def test_embeddings_come_in_order(worker: Bench) -> None:
    """One vector per input, of one length, the same for the same text."""
    if "embeddings" in worker.kind.lacks:
        tried = worker.worker.dispatch(embed_body("a"), worker.kind.model, operation=wire.OPERATION_EMBED)
        assert await tried.failure_class() in (FailureClass.UNSUPPORTED, FailureClass.INVALID_REQUEST)
        return
    body = embed_body("red", "green", "red")
    tried = worker.worker.dispatch(body, worker.kind.embedding_model, operation=wire.OPERATION_EMBED)
    finished = await tried.finished()
    response = EmbedResponse.FromString(finished.body or worker.worker.uploads[tried.attempt_id])
    vectors = [list(embedding.values) for embedding in response.embeddings]
    assert len({len(vector) for vector in vectors}) == 1
    assert vectors[0] == vectors[2]
    assert vectors[0] != vectors[1]


async def test_many_embeddings_travel_beside_the_link(worker: Bench) -> None:
    """Vectors that fit no frame are uploaded, and no message on the link grows beyond 64 KiB."""
    if "embeddings" in worker.kind.lacks:
        pytest.skip("this provider has no embeddings")
    body = embed_body(*(f"text {number}" for number in range(2_000)), dimensions=64)
    tried = worker.worker.dispatch(body, worker.kind.embedding_model, operation=wire.OPERATION_EMBED)
    finished = await tried.finished()
    assert finished.body_uploaded
    assert len(EmbedResponse.FromString(worker.worker.uploads[tried.attempt_id]).embeddings) == 2_000
    assert max(worker.worker.message_sizes) <= 64 * 1024


async def test_a_large_request_is_fetched_beside_the_link(worker: Bench) -> None:
    """A body of megabytes is fetched by chunks and answered."""
    picture = chat.ContentPart(image=chat.Image(data=PIXEL + b"\0" * 3_000_000, media_type="image/png"))
    finished = await worker.ask(parts(chat.ContentPart(text="What is this?"), picture)).finished()
    assert finished.finish_reason == chat.FINISH_REASON_STOP


async def test_cancel_closes_the_providers_socket(worker: Bench) -> None:
    """A cancelled attempt settles as cancelled, and the provider sees its socket closed at once."""
    worker.behave(tokens_per_second=10, answer_tokens=500)
    worker.sim.clear_requests()
    tried = worker.ask()
    await tried.until("text_delta")
    worker.worker.cancel(tried)
    assert await tried.failure_class() is FailureClass.CANCELLED
    await worker.provider_saw("client_closed")
    assert len(tried.ends) == 1


async def test_credit_holds_the_answer_back(worker: Bench) -> None:
    """Without credit nothing more is sent; with it the answer goes on, whole."""
    worker.behave(answer_text="word " * 400)
    tried = worker.ask(credit_bytes=100)
    await tried.until("text_delta")
    await asyncio.sleep(0.3)
    assert len(tried.text) <= 100
    assert not tried.ends
    worker.worker.grant(tried, 1_000_000)
    await tried.finished()
    assert tried.text.split() == ["word"] * 400


@pytest.mark.parametrize("fault", ["one_byte_writes", "split_utf8", "gzip"])
async def test_odd_chunking_changes_nothing(worker: Bench, fault: str) -> None:
    """Single bytes, split characters and compression give the same answer."""
    text = "Brücken überspannen Flüsse – 橋は川を渡る 🌉 und Täler."
    worker.behave(Fault(fault), answer_text=text)
    tried = worker.ask()
    await tried.finished()
    assert tried.text == text


async def test_a_giant_line_is_taken_whole(worker: Bench) -> None:
    """An event in one line of a megabyte arrives, cut into frames of the link's size."""
    size = 100_000 if worker.kind.kind == "litellm" else 1_000_000  # httpx's reading of lines is quadratic
    worker.behave(Fault("giant_line", size=size), answer_text="The bridge – 橋 – stands.")
    tried = worker.ask()
    await tried.finished()
    assert len(tried.text) > size / 2
    assert tried.text.endswith("stands.")
    assert max(worker.worker.message_sizes) <= 64 * 1024
