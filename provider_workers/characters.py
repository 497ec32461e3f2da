"""Texts that can be sent: JSON may spell half of a character's UTF-16, the other half following later or never."""

from collections.abc import Iterable, Iterator

from provider_workers.backends.base import Finish, Piece, Reasoning, Text, ToolDelta

_Spoken = Text | Reasoning | ToolDelta


def encodable(text: str) -> str:
    """`text` with halves of a character joined where they meet, and replaced by U+FFFD where they do not."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class WholeCharacters:
    """One answer's pieces, with characters made whole that the provider cut in two."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self._half: _Spoken | None = None

    def of(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The pieces; the first half of a character is held back until it is known what follows."""
        for piece in pieces:
            match piece:
                case Text(text) | Reasoning(text):
                    if self._half is None and text.isascii():
                        yield piece
                    else:
                        yield from self._spoken(piece)
                case ToolDelta():
                    yield from self._spoken(piece)
                case Finish():
                    yield from self._left_alone()
                    yield piece
                case _:
                    yield piece

    def _spoken(self, piece: _Spoken) -> Iterator[Piece]:
        if self._half is not None and not _goes_on(self._half, piece):
            yield from self._left_alone()
        said = _said(piece)
        whole = said if self._half is None else _said(self._half) + said
        self._half = None
        if whole and "\ud800" <= whole[-1] <= "\udbff":
            self._half = _more(piece, whole[-1])
            whole = whole[:-1]
        if whole or not said:
            yield _saying(piece, encodable(whole))
        elif isinstance(piece, ToolDelta) and (piece.id or piece.name):
            yield _saying(piece, "")

    def _left_alone(self) -> Iterator[Piece]:
        if self._half is not None:
            yield _more(self._half, "\N{REPLACEMENT CHARACTER}")
        self._half = None


def _said(piece: _Spoken) -> str:
    return piece.arguments_json if isinstance(piece, ToolDelta) else piece.text


def _saying(piece: _Spoken, text: str) -> _Spoken:
    if isinstance(piece, ToolDelta):
        return ToolDelta(piece.index, encodable(piece.id), encodable(piece.name), text)
    return type(piece)(text)


def _more(piece: _Spoken, text: str) -> _Spoken:
    """What goes on where `piece` stopped."""
    return ToolDelta(piece.index, arguments_json=text) if isinstance(piece, ToolDelta) else type(piece)(text)


def _goes_on(half: _Spoken, piece: _Spoken) -> bool:
    """Whether `piece` says more of the same text."""
    if isinstance(half, ToolDelta):
        return isinstance(piece, ToolDelta) and piece.index == half.index
    return type(piece) is type(half)
