"""What the litellm backend makes of server-sent events before litellm sees them."""

import pytest

from provider_workers.backends import lines
from provider_workers.backends.base import ProviderFailure
from provider_workers.backends.litellm.events import WholeEvents

BODY = (
    b'event: a\r\ndata: {"x": 1}\r\n\r\n: busy\n\n\nid: 5\nretry: 1\ndata: {"y":\ndata: 2}\n\n'
    b"data: text\ndata: more\n\n<p>\n"
)
EVENTS = [b'event: a\ndata: {"x": 1}\n\n', b'data: {"y":  2}\n\n', b"data: text\ndata: more\n\n", b"<p>\n\n"]


@pytest.mark.parametrize("size", [1, 7, len(BODY)])
def test_events_come_whole_and_alone(size: int) -> None:
    """Whatever the chunking: without comments and fields that nobody reads, with JSON on one line."""
    parser = WholeEvents()
    found = [event for start in range(0, len(BODY), size) for event in parser.feed(BODY[start : start + size])]
    assert [*found, *parser.end()] == EVENTS


def test_separators_inside_json_are_escaped() -> None:
    """httpx takes them for ends of lines; in plain text they stay."""
    parser = WholeEvents()
    given = 'data: {"t": "a\u2028b\u2029c\u0085d"}\n\ndata: a\u2028b\n\n'.encode()
    assert parser.feed(given) == [
        b'data: {"t": "a\\u2028b\\u2029c\\u0085d"}\n\n',
        "data: a\u2028b\n\n".encode(),
    ]


@pytest.mark.parametrize("part", [b"data: yyyyyyy", b"data: yyyyyyy\n"])
def test_what_has_no_end_is_refused(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a line nor an event grows beyond the limit."""
    monkeypatch.setattr(lines, "MAX_LINE", 100)
    monkeypatch.setattr("provider_workers.backends.litellm.events.MAX_LINE", 100)
    parser = WholeEvents()
    parser.feed(part * 5)
    with pytest.raises(ProviderFailure, match="of more than 100 bytes"):
        parser.feed(part * 5)
