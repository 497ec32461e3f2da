"""What replicas make of a Redis that fails, of one that holds what another version wrote, and of their own mistakes."""

import asyncio
import logging

import msgspec
import pytest

from router_service.contracts.answers import KeptAnswer
from router_service.domain.attempt import AttemptOutcome, AttemptRecord, Failure, Usage
from router_service.domain.events import (
    AttemptFailed,
    AttemptStarted,
    Completed,
    DecisionMade,
    ReasoningDelta,
    StreamReset,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from router_service.domain.target import Limits
from router_service.state.limits import LimitBook, Limited
from router_service.state.shared_answers import AnswerCodec, RedisAnswers
from router_service.state.shared_limits import LimitSharing
from service_common.failures import FailureClass
from service_common.vocabulary import AttemptKind, FinishReason
from tests.support.routing import WALL, ask, engine_for, price, snapshot, spec, view
from tests.support.settings import sharing_settings

VIEWS = [
    view(spec("a/m", price=price(0, 0)), {"samples": 3, "quality_by_task": {"creative": (0.5, 2)}}),
    view(spec("b/m", price=price(0, 0))),
    view("c/m"),
]
DECISION = engine_for(VIEWS).decide(ask("Write a poem", max_cost=0), snapshot(*VIEWS), 60.0)
DONE = Completed(FinishReason.STOP, Usage(1, 2), 7, "b/m", (), "d", "t", True, False, "m", "r", 0.25, b"\x00\xff")
ANSWER = KeptAnswer(b"f", (DecisionMade(DECISION, "t"), TextDelta("secret words"), DONE))
FAST = sharing_settings(refresh=0.001)


class LibraryError(Exception):
    """What a client library raises where its server is gone."""


class Texts:
    """A cache in memory. `error`: raised in place of every answer."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self.kept: dict[str, str] = {}
        self.error: Exception | None = None

    async def get(self, key: str) -> str | None:
        """See `Cache.get`."""
        if self.error is not None:
            raise self.error
        return self.kept.get(key)

    async def set(self, key: str, value: str, ttl: float) -> object:
        """See `Cache.set`."""
        if self.error is not None:
            raise self.error
        self.kept[key] = value
        return None


class Counts:
    """Counters that fail. `asked`: how often."""

    def __init__(self, error: Exception) -> None:
        """Raise `error` each time."""
        self.error = error
        self.asked = 0

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See `Counters.incr`."""
        self.asked += 1
        raise self.error

    async def get(self, key: str) -> int:
        """See `Counters.get`."""
        self.asked += 1
        raise self.error


class Sums:
    """Counters in memory of which one target's fail at first."""

    def __init__(self, failing: str) -> None:
        """Refuse what is of the target `failing`."""
        self.failing = failing
        self.sums: dict[str, int] = {}

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See `Counters.incr`; the answer takes longer than a refusal."""
        if self.failing and self.failing in key:
            raise LibraryError("refused")
        self.sums[key] = self.sums.get(key, 0) + amount
        await asyncio.sleep(0.01)
        return self.sums[key]

    async def get(self, key: str) -> int:
        """See `Counters.get`."""
        return self.sums.get(key, 0)


@pytest.mark.parametrize(
    "text",
    [
        "no JSON: secret words",
        "[]",
        '{"fingerprint": "Zg=="}',
        '{"fingerprint": "Zg==", "events": [{"type": "SomethingNew"}]}',
        '{"fingerprint": "Zg==", "events": [{"type": "TextDelta", "words": "secret words"}]}',
        '{"fingerprint": "Zg==", "events": ["TextDelta"]}',
        '{"fingerprint": "Zg==", "events": []}',
        '{"fingerprint": "Zg==", "events": [{"type": "TextDelta", "text": "secret words"}]}',
    ],
)
async def test_an_answer_of_another_version_is_none(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is as if it were not there; Redis is not to blame, and nothing of the answer is logged."""
    texts = Texts()
    answers = RedisAnswers(texts, 1.0)
    await answers.keep("k", ANSWER, 10.0)
    assert await answers.find("k") == ANSWER
    texts.kept["k"] = text
    assert await answers.find("k") is None
    assert (answers.reachable, answers.failures) == (True, 0)
    assert "cannot be read" in caplog.text
    assert "out of reach" not in caplog.text
    assert "secret words" not in caplog.text


def test_a_whole_answer_is_read_back_as_it_was() -> None:
    """With its decision, candidates and rejections, a failed attempt, and each kind of event."""
    assert [rejection.filter for rejection in DECISION.rejections] == ["max_cost"]
    assert len(DECISION.candidates) == 2
    usage = Usage(3, 4, 1, 2, estimated=True)
    failure = Failure(FailureClass.OVERLOADED, 'busy: "x" \u20ac', 503, 1.5, backend_wide=True)
    failed = AttemptRecord(
        "d", 1, "a/m", AttemptKind.FIRST, WALL, AttemptOutcome(None, failure, usage, 0.1, None, 7), "w", simulated=True
    )
    events = (
        DecisionMade(DECISION, "t"),
        AttemptStarted(1, "a/m", AttemptKind.FIRST, simulated=True),
        AttemptFailed(failed),
        StreamReset(restart=False, failed_target="a/m", valid_characters=3),
        TextDelta("text \u20ac"),
        ReasoningDelta("thought"),
        ToolCallDelta(0, "id", "name", "{}"),
        UsageReported(usage),
        msgspec.structs.replace(DONE, usage=usage, attempts=(failed,)),
    )
    codec = AnswerCodec()
    answer = KeptAnswer(b"\xff\x00", events)
    assert codec.decode(codec.encode(answer)) == answer


@pytest.mark.parametrize("error", [LibraryError("connection refused"), OSError("connection refused"), TimeoutError()])
async def test_a_redis_that_is_gone_is_told_once(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Each failure is counted; the log says when it begins and when it is over, without a trace."""
    caplog.set_level(logging.INFO)
    texts = Texts()
    answers = RedisAnswers(texts, 1.0, (LibraryError,))
    texts.error = error
    assert await answers.find("k") is None
    await answers.keep("k", ANSWER, 10.0)
    assert (answers.reachable, answers.failures) == (False, 2)
    texts.error = None
    assert await answers.find("k") is None
    assert answers.reachable
    assert [record.exc_info for record in caplog.records] == [None, None]
    assert "out of reach" in caplog.messages[0]
    assert "is back" in caplog.messages[1]


async def test_a_mistake_is_not_told_as_a_lost_redis(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw leaves its trace, once; the call goes on by itself."""
    texts = Texts()
    answers = RedisAnswers(texts, 1.0, (LibraryError,))
    texts.error = AttributeError("no such thing")
    assert await answers.find("k") is None
    assert await answers.find("k") is None
    assert answers.failures == 2
    [said] = caplog.records
    assert said.exc_info
    assert said.exc_info[1] is texts.error
    assert "out of reach" not in caplog.text


@pytest.mark.parametrize(
    ("error", "traced"),
    [(LibraryError("refused"), False), (OSError("refused"), False), (AttributeError("what?"), True)],
)
async def test_limits_go_on_alone_whatever_fails(
    error: Exception, traced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The exchange is tried again and again, and only what nobody foresaw leaves a trace."""
    book, counts = LimitBook(lambda: 0.0), Counts(error)
    assert book.claim((Limited("a/m", Limits(requests_per_minute=5)),), 1) == 0
    sharing = LimitSharing(book, counts, FAST, (LibraryError,))
    running = asyncio.create_task(sharing.run())
    async with asyncio.timeout(10):
        while counts.asked < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not sharing.reachable
    assert sharing.failures >= 2
    [said] = caplog.records
    assert bool(said.exc_info) is traced
    assert ("out of reach" in said.getMessage()) is not traced


async def test_what_was_told_beside_a_failure_is_not_told_again() -> None:
    """One count that fails takes nothing from the others; it is told itself when it can be."""
    book, sums = LimitBook(lambda: 0.0), Sums(failing="b/m")
    limits = Limits(requests_per_minute=5)
    for name in ("a/m", "b/m", "c/m"):
        assert book.claim((Limited(name, limits),), 1) == 0
    sharing = LimitSharing(book, sums, FAST, (LibraryError,))
    with pytest.raises(LibraryError):
        await sharing.exchange()
    sums.failing = ""
    await sharing.exchange()
    assert sorted(sums.sums.values()) == [1, 1, 1]
