"""Faults of connection, stream, content and transport, seen in the raw bytes."""

import asyncio
import gzip
import json
import time

import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from provider_workers.simulated.faults import FAULTS
from tests.component.simulated.raw_http import RawResponse, post
from tests.component.simulated.requests_by_wire import WIRES, chat

FINISH_MARKS = {
    "openai": b'"finish_reason":"stop"',
    "ollama": b'"done_reason":"stop"',
    "anthropic": b'"stop_reason":"end_turn"',
    "gemini": b'"finishReason": "STOP"',
}
END_MARKS = {"openai": b"data: [DONE]", "anthropic": b'"message_stop"'}


async def _with(
    sim: SimulatedProviders, wire: str, fault: Fault, *, stream: bool = True, wait: float = 5.0
) -> RawResponse:
    sim.set_behaviour(wire, Behaviour(answer_tokens=12, faults=(fault,)))
    return await post(*chat(sim, wire, stream=stream), wait=wait)


def _finished(response: RawResponse, wire: str) -> bool:
    return FINISH_MARKS[wire] in response.body


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", FAULTS)
async def test_every_fault_on_every_wire_is_recorded(
    sim: SimulatedProviders, wire: str, stream: bool, kind: str
) -> None:
    """No fault on any wire breaks the simulation itself: each is recorded and the next request is answered."""
    fault = Fault(kind, seconds=0.05, after_tokens=None if kind == "reset" else 2, size=70_000)
    sim.enqueue(wire, Behaviour(faults=(fault,)))
    await post(*chat(sim, wire, stream=stream))
    record = sim.requests(wire)[-1]
    if kind != "prefill_refused":
        assert (record.outcome, record.fault) == (f"fault:{kind}", kind)
    await asyncio.sleep(0.06 if kind == "refuse_connection" else 0)
    healthy = await post(*chat(sim, wire, stream=True))
    assert healthy.ending == "whole"
    assert _finished(healthy, wire)


@pytest.mark.parametrize("wire", WIRES)
async def test_cut_reset_and_cut_in_a_chunk(sim: SimulatedProviders, wire: str) -> None:
    """The connection ends after whole events, with RST, or inside of a chunk; never with a finish reason."""
    cut = await _with(sim, wire, Fault("cut", after_tokens=2))
    assert (cut.ending, _finished(cut, wire)) == ("eof", False)
    assert cut.body.endswith(b"\n")
    reset = await _with(sim, wire, Fault("reset", after_tokens=2))
    assert (reset.ending, _finished(reset, wire)) == ("reset", False)
    assert reset.body == cut.body or len(reset.body) == len(cut.body)
    in_chunk = await _with(sim, wire, Fault("cut_chunked", after_tokens=2))
    assert in_chunk.ending == "eof"
    assert in_chunk.chunks[-1] == b"data: {"


async def test_reset_before_the_headers(sim: SimulatedProviders) -> None:
    """Without after_tokens the reset comes before any byte."""
    response = await _with(sim, "openai", Fault("reset"))
    assert (response.ending, response.status) == ("reset", 0)


@pytest.mark.parametrize("kind", ["cut", "reset", "cut_chunked"])
async def test_whole_answers_are_cut_in_the_middle(sim: SimulatedProviders, kind: str) -> None:
    """An answer that is not streamed loses its second half."""
    response = await _with(sim, "openai", Fault(kind, after_tokens=1), stream=False)
    assert response.ending == ("reset" if kind == "reset" else "eof")
    with pytest.raises(json.JSONDecodeError):
        response.json()


@pytest.mark.parametrize("wire", WIRES)
async def test_silence_before_headers_and_before_the_first_token(sim: SimulatedProviders, wire: str) -> None:
    """Nothing at all, or only the headers, while the connection stays open; with seconds it goes on after them."""
    nothing = await _with(sim, wire, Fault("silent_before_headers"), wait=0.15)
    assert (nothing.ending, nothing.status) == ("open", 0)
    headers = await _with(sim, wire, Fault("silent_before_first_token"), wait=0.15)
    assert (headers.ending, headers.status, headers.body) == ("open", 200, b"")
    started = time.monotonic()
    late = await _with(sim, wire, Fault("silent_before_first_token", seconds=0.2))
    assert time.monotonic() - started >= 0.2
    assert _finished(late, wire)


@pytest.mark.parametrize("wire", WIRES)
async def test_stall_stops_after_the_tokens(sim: SimulatedProviders, wire: str) -> None:
    """For ever it stays open without a finish reason; for seconds it goes on to the end."""
    for_ever = await _with(sim, wire, Fault("stall", after_tokens=3), wait=0.2)
    assert (for_ever.ending, _finished(for_ever, wire)) == ("open", False)
    assert sim.requests(wire)[-1].tokens_sent == 3
    for_a_while = await _with(sim, wire, Fault("stall", after_tokens=3, seconds=0.1))
    assert (for_a_while.ending, _finished(for_a_while, wire)) == ("whole", True)


@pytest.mark.parametrize("wire", WIRES)
async def test_endings_without_reason_or_mark(sim: SimulatedProviders, wire: str) -> None:
    """A body that ends properly without a finish reason; a finish reason without the end mark, body ended or open."""
    without_reason = await _with(sim, wire, Fault("no_finish_reason"))
    assert (without_reason.ending, _finished(without_reason, wire)) == ("whole", False)
    without_mark = await _with(sim, wire, Fault("no_done"))
    assert (without_mark.ending, _finished(without_mark, wire)) == ("whole", True)
    kept_open = await _with(sim, wire, Fault("no_done", keep_open=True), wait=0.2)
    assert (kept_open.ending, _finished(kept_open, wire)) == ("open", True)
    for response in (without_reason, without_mark, kept_open):
        assert wire not in END_MARKS or END_MARKS[wire] not in response.body


@pytest.mark.parametrize("wire", WIRES)
async def test_duplicate_finish(sim: SimulatedProviders, wire: str) -> None:
    """The event with the finish reason comes twice."""
    response = await _with(sim, wire, Fault("duplicate_finish"))
    assert response.body.count(FINISH_MARKS[wire]) == 2


@pytest.mark.parametrize("wire", WIRES)
async def test_malformed_chunk_is_followed_by_a_sound_ending(sim: SimulatedProviders, wire: str) -> None:
    """One event is broken JSON; whoever skips it would take the rest for a whole answer."""
    response = await _with(sim, wire, Fault("malformed_chunk", after_tokens=2))
    lines = response.body.decode().splitlines() if wire == "ollama" else response.sse()
    broken = 0
    for line in lines:
        try:
            json.loads(line)
        except json.JSONDecodeError:
            broken += line != "[DONE]"
    assert broken == 1
    assert _finished(response, wire)


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ("openai", b'data: {"error":{"message":'),
        ("ollama", b'{"error":"llama runner'),
        ("anthropic", b'event: error\ndata: {"type":"error","error":{"type":"api_error"'),
        ("gemini", b'data: {"error": {"code": 500'),
    ],
)
async def test_error_inside_of_a_stream(sim: SimulatedProviders, wire: str, words: bytes) -> None:
    """Status 200, some tokens, then the provider's error event, and the end."""
    response = await _with(sim, wire, Fault("error_in_stream", after_tokens=2))
    assert (response.status, response.ending) == (200, "whole")
    assert words in response.body
    assert not _finished(response, wire)


@pytest.mark.parametrize(
    ("wire", "mark"),
    [
        ("openai", b'"finish_reason":"content_filter"'),
        ("ollama", b'"done_reason":"content_filter"'),
        ("anthropic", b'"stop_reason":"refusal"'),
        ("gemini", b'"finishReason": "SAFETY"'),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_filter_in_the_middle(sim: SimulatedProviders, wire: str, mark: bytes, stream: bool) -> None:
    """The answer breaks off after some tokens with the filter's own finish reason."""
    response = await _with(sim, wire, Fault("content_filter_mid_stream", after_tokens=2), stream=stream)
    assert response.ending == "whole"
    assert mark in response.body
    assert b"asked" not in response.body


async def test_wrong_content(sim: SimulatedProviders) -> None:
    """A page, nothing, another shape, no choices, no usage, another provider's wire: all with status 200."""
    page = await _with(sim, "openai", Fault("html_200"))
    assert page.headers["content-type"].startswith("text/html")
    assert (await _with(sim, "openai", Fault("empty_body"))).headers["content-length"] == "0"
    assert (await _with(sim, "openai", Fault("other_shape"), stream=False)).json()["status"] == "ok"
    assert (await _with(sim, "openai", Fault("empty_choices"), stream=False)).json()["choices"] == []
    assert "usage" not in (await _with(sim, "openai", Fault("no_usage"), stream=False)).json()
    foreign = await _with(sim, "openai", Fault("wrong_wire"))
    assert foreign.body.startswith(b"event: message_start")
    assert b'"done":true' in (await _with(sim, "anthropic", Fault("wrong_wire", wire="ollama"))).body


async def test_gzip_of_a_stream_can_be_read_as_it_comes(sim: SimulatedProviders) -> None:
    """The body is gzip; joined and unpacked it is the answer."""
    for stream in (True, False):
        response = await _with(sim, "openai", Fault("gzip"), stream=stream)
        assert response.headers["content-encoding"] == "gzip"
        assert b"[simulated openai/" in gzip.decompress(response.body)


async def test_single_bytes_and_split_characters(sim: SimulatedProviders) -> None:
    """Every byte alone still makes the answer; chunks end inside characters and join to valid UTF-8."""
    alone = await _with(sim, "openai", Fault("one_byte_writes"), stream=False)
    assert alone.json()["choices"][0]["finish_reason"] == "stop"
    split = await _with(sim, "openai", Fault("split_utf8"))
    undecodable = 0
    for chunk in split.chunks:
        try:
            chunk.decode()
        except UnicodeDecodeError:
            undecodable += 1
    assert undecodable > 5
    assert "日本語" in split.body.decode()


async def test_giant_line_and_slow_headers(sim: SimulatedProviders) -> None:
    """One event is longer than a line reader's usual limit; headers trickle over their seconds."""
    giant = await _with(sim, "ollama", Fault("giant_line", size=1_000_000))
    assert max(len(line) for line in giant.body.splitlines()) > 1_000_000
    assert _finished(giant, "ollama")
    started = time.monotonic()
    slow = await _with(sim, "openai", Fault("slow_headers", seconds=0.3))
    assert time.monotonic() - started >= 0.3
    assert _finished(slow, "openai")


async def test_refused_connections(sim: SimulatedProviders) -> None:
    """While the port is closed connections are refused; it opens by itself or when the behaviour changes."""
    sim.set_behaviour("openai", Behaviour(faults=(Fault("refuse_connection"),)))
    with pytest.raises(ConnectionRefusedError):
        await post(*chat(sim, "openai"))
    sim.reset_behaviour("openai")
    assert (await post(*chat(sim, "openai"))).status == 200
    sim.set_behaviour("openai", Behaviour(faults=(Fault("refuse_connection", seconds=0.1),)))
    with pytest.raises(ConnectionRefusedError):
        await post(*chat(sim, "openai"))
    await asyncio.sleep(0.15)
    assert (await post(*chat(sim, "openai"))).status == 200


async def test_pace_is_kept(sim: SimulatedProviders) -> None:
    """Latency before the first token and tokens per second after it, streamed and whole."""
    sim.set_behaviour("openai", Behaviour(first_token_latency=0.1, tokens_per_second=100, answer_tokens=21))
    for stream in (True, False):
        started = time.monotonic()
        response = await post(*chat(sim, "openai", stream=stream))
        assert 0.29 <= time.monotonic() - started <= 2.0
        assert not stream or len(response.chunks) >= 20
