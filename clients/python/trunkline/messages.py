"""What a request carries: messages, their parts, and tools."""

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from trunkline._files import read_file
from trunkline.answers import ToolCall

Role = Literal["system", "developer", "user", "assistant", "tool"]
ImageDetail = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, by address or by its bytes (exactly one of them).

    Attributes:
        url: an http(s) or data address that the provider fetches.
        data: the encoded picture.
        media_type: of `data`, such as `image/png`.
        detail: how closely the model should look; None: the provider's default.
    """

    url: str | None = None
    data: bytes | None = None
    media_type: str = ""
    detail: ImageDetail | None = None

    @classmethod
    def from_path(cls, path: Path | str) -> Self:
        """The picture in a file, its media type by the file's name.

        Raises:
            OSError: the file cannot be read, is no regular file, or has more than 32 MiB.
        """
        return cls(data=read_file(Path(path)), media_type=mimetypes.guess_type(str(path))[0] or "")


@dataclass(frozen=True, slots=True)
class File:
    """A file by its bytes; `media_type` such as `application/pdf`, `name` as shown to the model."""

    data: bytes
    media_type: str = ""
    name: str = ""

    @classmethod
    def from_path(cls, path: Path | str) -> Self:
        """A file, its media type and name by its path.

        Raises:
            OSError: the file cannot be read, is no regular file, or has more than 32 MiB.
        """
        file = Path(path)
        return cls(data=read_file(file), media_type=mimetypes.guess_type(file.name)[0] or "", name=file.name)


Part = str | Image | File


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation.

    Attributes:
        role: who wrote it.
        content: a text, or parts in order.
        tool_calls: calls that the assistant made in this turn (role assistant only).
        tool_call_id: the call that this message answers (role tool only).
        name: the participant's or the tool's name, where there is one.
    """

    role: Role
    content: str | Sequence[Part] = ""
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str = ""
    name: str = ""


Prompt = str | Message | Sequence[Message]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call.

    Attributes:
        parameters: JSON schema of the arguments; None: no arguments.
        strict: whether the provider must hold the arguments to the schema; None: its default.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The answer is to be JSON that follows a schema."""

    name: str
    schema: Mapping[str, Any]
    strict: bool | None = None
