"""Lines, server-sent events and NDJSON out of bytes in any chunking."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_workers.backends.lines import MAX_LINE, LineSplitter, LineTooLongError
from provider_workers.backends.ndjson import NdjsonParser, parse_object
from provider_workers.backends.sse import SseParser

EVENTS = 'data: {"text": "Brücke 橋 🌉"}\r\n\r\n: ping\n\nevent: x\ndata: one\ndata: two\n\ndata:[DONE]\n\n'.encode()
EXPECTED = ['{"text": "Brücke 橋 🌉"}'.encode(), b"one\ntwo", b"[DONE]"]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces that end at these places."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.integers(min_value=0, max_value=10_000)))
def test_events_do_not_depend_on_the_chunking(places: list[int]) -> None:
    """However the bytes are cut, the events are the same."""
    parser = SseParser()
    events = [event for chunk in cut(EVENTS, places) for event in parser.feed(chunk)]
    assert events + parser.end() == EXPECTED
    assert not parser.foreign


@given(st.lists(st.binary(max_size=50)))
def test_the_splitter_loses_nothing(chunks: list[bytes]) -> None:
    """Lines and rest together are the bytes that were fed, without line ends."""
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    rest = splitter.rest()
    whole = b"".join(chunks)
    expected = [line.removesuffix(b"\r") for line in whole.split(b"\n")]
    assert [*lines, rest] == [*expected[:-1], whole.split(b"\n")[-1].rstrip(b"\r")]


def test_an_event_without_its_blank_line_counts_at_the_end() -> None:
    """A body that ends in the middle of the line ends gives its last event out."""
    parser = SseParser()
    assert parser.feed(b"data: last") == []
    assert parser.end() == [b"last"]


def test_what_is_no_event_stream_is_kept_as_foreign() -> None:
    """The first line of a page or of bare JSON can be named in the error."""
    parser = SseParser()
    parser.feed(b"<!doctype html>\n<html>\n")
    assert parser.foreign == b"<!doctype html>"


def test_a_byte_order_mark_is_no_part_of_the_first_event() -> None:
    """A leading byte order mark is dropped, as the standard says."""
    assert SseParser().feed(b"\xef\xbb\xbfdata: x\n\n") == [b"x"]


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    """A provider that sends no line end cannot fill the worker's memory."""
    splitter = LineSplitter()
    for _ in range(MAX_LINE // 1_048_576):
        splitter.feed(b"x" * 1_048_576)
    with pytest.raises(LineTooLongError):
        splitter.feed(b"x")


@given(st.lists(st.integers(min_value=0, max_value=10_000)))
def test_ndjson_does_not_depend_on_the_chunking(places: list[int]) -> None:
    """However the bytes are cut, the objects are the same; the last line needs no end."""
    data = '{"a": "ü"}\n\n{"b": 2}\r\n{"c": 3}'.encode()
    parser = NdjsonParser()
    found = [value for chunk in cut(data, places) for value in parser.feed(chunk)]
    assert found + parser.end() == [{"a": "ü"}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize("data", [b"[1]", b"3", b"{", b'{"a": "\xff"}', b""])
def test_only_objects_in_utf8_are_taken(data: bytes) -> None:
    """Another JSON value, broken JSON and broken UTF-8 are mistakes, not guesses."""
    with pytest.raises(ValueError, match=r".*"):
        parse_object(data)
