"""Request bodies with large files: the same bytes as in one go, without the standstill."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest

from provider_workers.backends.body import LARGE_FILE, PIECE, JsonBody, LargeFile, base64_text, with_texts


async def sent(body: JsonBody) -> bytes:
    """All pieces."""
    return b"".join([piece async for piece in body.pieces()])


@pytest.mark.parametrize("size", [LARGE_FILE, LARGE_FILE + 1, LARGE_FILE + 2, PIECE * 2, PIECE * 2 + 1])
async def test_a_large_file_is_sent_as_it_would_be_in_one_go(size: int) -> None:
    """Whatever its length, with text around it and a second file; and the size is told beforehand."""
    data = bytes(range(256)) * (size // 256 + 1)
    files = [base64_text(data[:size], "data:image/png;base64,"), base64_text(data[1 : size + 1])]
    assert all(isinstance(file, LargeFile) for file in files)
    body: dict[str, Any] = {"model": "ä", "messages": [{"content": [{"url": files[0]}, {"text": "é"}, files[1]]}]}
    encoded = JsonBody(body)
    whole = await sent(encoded)
    assert len(whole) == encoded.size
    assert json.loads(whole) == with_texts(body)
    assert json.loads(whole)["messages"][0]["content"][2] == base64.b64encode(data[1 : size + 1]).decode()


async def test_a_small_body_is_one_piece() -> None:
    """Most requests hold no file, and a small file is plain text."""
    body = {"model": "m", "picture": base64_text(b"abc", "data:,")}
    assert body["picture"] == "data:,YWJj"
    assert JsonBody(body).payload == b'{"model":"m","picture":"data:,YWJj"}'


async def test_others_have_their_turn_while_a_large_file_is_encoded() -> None:
    """The loop never stands still for as long as a tenth of what encoding in one go takes."""
    body = {"picture": LargeFile(bytes(32 * 1024 * 1024), "")}
    began = time.perf_counter()
    json.dumps(with_texts(body)).encode()
    in_one_go = time.perf_counter() - began
    lags: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0)
            lags.append(time.perf_counter() - began)

    ticking = asyncio.create_task(tick())
    async for piece in JsonBody(body).pieces():
        assert len(piece) <= PIECE * 4 // 3
    ticking.cancel()
    assert len(lags) > 100
    assert sorted(lags)[-3] < in_one_go / 10


def test_what_is_no_json_is_refused() -> None:
    """A mistake of an adapter fails at once, not at the provider."""
    with pytest.raises(TypeError, match="set does not belong"):
        JsonBody({"stop": {"a"}})
