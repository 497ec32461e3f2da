"""Half of a UTF-16 character, which JSON can spell, costs a character at most and never the answer."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_workers.backends.base import Finish, Piece, Reasoning, Text, TokenUsage, ToolDelta
from provider_workers.backends.ndjson import parse_object
from provider_workers.backends.ollama.stream import ChatStream as OllamaStream
from provider_workers.backends.openai_wire.stream import ChatStream as OpenAIStream
from provider_workers.characters import WholeCharacters, encodable
from service_common.clock import SystemClock
from service_common.vocabulary import FinishReason

STOP = Finish(FinishReason.STOP)
FIRST, SECOND = "\ud83d", "\ude00"


def whole(*pieces: Piece) -> list[Piece]:
    """What becomes of pieces that come one by one."""
    characters = WholeCharacters()
    return [made for piece in pieces for made in characters.of([piece])]


def text(pieces: Sequence[Piece], kind: type[Text | Reasoning] = Text) -> str:
    """The text of the pieces of one kind."""
    return "".join(piece.text for piece in pieces if isinstance(piece, Text | Reasoning) and type(piece) is kind)


@pytest.mark.parametrize("kind", [Text, Reasoning])
def test_a_character_that_was_cut_in_two_is_joined(kind: type[Text | Reasoning]) -> None:
    """What comes between the halves and is no text does not part them."""
    pieces = whole(kind(f"x{FIRST}"), TokenUsage(1, 1), kind(SECOND + "y"), STOP)
    assert text(pieces, kind) == "x😀y"
    assert pieces[-1] is STOP


def test_arguments_that_were_cut_in_two_are_joined_by_call() -> None:
    """The half of one call's arguments does not join that of another's; identifier and name come once."""
    cut = [ToolDelta(0, "a", "f", '{"x":"' + FIRST), ToolDelta(0, "", "", SECOND + '"}'), ToolDelta(1, "b", "g", FIRST)]
    pieces = whole(*cut, ToolDelta(2, "c" + FIRST, "h", SECOND), STOP)
    calls = [piece for piece in pieces if isinstance(piece, ToolDelta)]
    said = {index: "".join(call.arguments_json for call in calls if call.index == index) for index in range(3)}
    assert said == {0: '{"x":"😀"}', 1: "\ufffd", 2: "\ufffd"}
    assert [(call.id, call.name) for call in calls if call.id or call.name] == [
        ("a", "f"),
        ("b", "g"),
        ("c\ufffd", "h"),
    ]


@pytest.mark.parametrize(
    ("pieces", "meant"),
    [
        ([Text(f"x{FIRST} y")], "x\ufffd y"),
        ([Text(f"x{FIRST}"), Text(" y")], "x\ufffd y"),
        ([Text(f"x{FIRST}"), Text("é")], "x\ufffdé"),
        ([Text(SECOND)], "\ufffd"),
        ([Text(FIRST), Text(FIRST), Text(SECOND)], "\ufffd😀"),
        ([Text(f"x{FIRST}"), Reasoning(SECOND)], "x\ufffd"),
        ([Text(f"x{FIRST}")], "x\ufffd"),
    ],
)
def test_half_a_character_alone_is_replaced(pieces: list[Piece], meant: str) -> None:
    """The rest of the answer is kept, and the order of its pieces."""
    assert text(whole(*pieces, STOP)) == meant


@given(st.text(), st.lists(st.integers(0, 40), max_size=4))
def test_no_cut_between_utf_16_units_costs_anything(said: str, cuts: list[int]) -> None:
    """However an answer is cut, it arrives as it was meant."""
    units = said.encode("utf-16-le")
    places = sorted(min(2 * cut, len(units)) for cut in cuts)
    ends = zip([0, *places], [*places, len(units)], strict=True)
    parts = [units[start:end].decode("utf-16-le", "surrogatepass") for start, end in ends]
    assert text(whole(*map(Text, parts), STOP)) == said
    assert encodable(said) == said


def openai(*contents: str) -> list[Piece]:
    """An answer of OpenAI's wire, by its deltas as JSON spells them."""
    stream = OpenAIStream(SystemClock())
    head = b'data: {"id":"\\ud83d","model":"\\ud83d","choices":[{"index":0,'
    pieces = [
        piece
        for said in contents
        for piece in stream.feed(head + b'"delta":{"content":"' + said.encode() + b'"}}]}\n\n')
    ]
    pieces += stream.feed(head + b'"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    return [*pieces, stream.finish()]


def ollama(*contents: str) -> list[Piece]:
    """An answer of Ollama's wire, by its deltas as JSON spells them."""
    stream = OllamaStream()
    pieces = [
        piece for said in contents for piece in stream.feed(b'{"message":{"content":"' + said.encode() + b'"}}\n')
    ]
    return [*pieces, *stream.feed(b'{"model":"\\ud83d","message":{"content":""},"done":true}\n')]


@pytest.mark.parametrize("answer", [openai, ollama])
def test_an_answer_with_half_a_character_is_read(answer: Callable[..., list[Piece]]) -> None:
    """A lone half, a pair in two chunks, and one in a name."""
    assert text(whole(*answer("x\\ud83d y"))) == "x\ufffd y"
    assert text(whole(*answer("x\\ud83d", "\\ude00y"))) == "x😀y"
    assert text(whole(*answer("plain"))) == "plain"


@pytest.mark.parametrize("data", [b'{"a":"\\ud83d', b'{"a":"\\ud83d"}x', b'["\\ud83d"]', b'{"\\ud83d":' * 60_000])
def test_what_is_no_object_stays_none(data: bytes) -> None:
    """Half a character excuses nothing else."""
    with pytest.raises(ValueError, match=r"escape|trailing|Extra|expected|recursion"):
        parse_object(data)
