"""Several router replicas over a real Redis: limits and answers are shared, and its failure costs nobody an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from provider_workers.simulated import SimulatedProviders
from router_service.contracts.answers import KeptAnswer
from router_service.domain.target import Limits
from router_service.state.limits import LimitBook, Limited
from router_service.state.redis import RedisSharing
from router_service.state.shared_answers import AnswerCodec
from tests.component.router.conftest import sent
from tests.support.caller import Caller, ask, failure_of
from tests.support.configurations import FIRST, Target, configuration, write_configuration
from tests.support.redis import Redis, run_redis
from tests.support.router_harness import RunningRouter, running_router, until
from tests.support.settings import sharing_settings
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1 import classification_pb2 as classification

pytestmark = pytest.mark.redis
Replica = tuple[RunningRouter, Caller]


@asynccontextmanager
async def replicas(
    folder: Path, simulated: SimulatedProviders, redis: str, target: Target = FIRST
) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two routers over the same Redis, each with a worker of its own."""
    shared = {"redis": redis, "refresh": "50ms"}
    content = configuration((target,), simulated, shared=shared, waiting={"length": 0})
    config = write_configuration(folder, content)
    async with running_router(config) as first, running_router(config) as second:
        simulated.clear_requests()
        yield first, second


async def test_an_answer_is_found_by_another_replica(
    tmp_path: Path, simulated: SimulatedProviders, redis: Redis
) -> None:
    """The repeat goes to the other router and gets the same answer; a changed request is refused there, too."""
    async with replicas(tmp_path, simulated, redis.address) as ((_, first), (second_router, second)):
        answer = await first.complete(ask(idempotency_key="k"))
        again = await second.stream(ask(idempotency_key="k"))
        assert again.text == answer.text
        assert again.completed.decision_id == answer.completed.decision_id
        assert again.completed.cost_nanodollars == answer.completed.cost_nanodollars
        assert again.events[0].decision.classification == answer.decision.classification
        assert sent(simulated, "openai") == ["completed"]
        assert second_router.router.repeats.counts.replayed == 1
        failure = await failure_of(second.complete(ask("Something else", idempotency_key="k")))
        assert failure.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_confidential_answer_is_not_shared(tmp_path: Path, simulated: SimulatedProviders, redis: Redis) -> None:
    """It is kept in the memory of the router that gave it, and nowhere else."""
    cleared = Target(FIRST.backend, FIRST.model, section={"clearance": "confidential"})
    routing = chat.RoutingOptions(sensitivity=classification.SENSITIVITY_CONFIDENTIAL)
    async with replicas(tmp_path, simulated, redis.address, cleared) as ((_, first), (_, second)):
        await first.complete(ask(idempotency_key="k", routing=routing))
        await first.complete(ask(idempotency_key="k", routing=routing))
        assert len(sent(simulated, "openai")) == 1
        await second.complete(ask(idempotency_key="k", routing=routing))
        assert len(sent(simulated, "openai")) == 2


async def test_a_limit_per_minute_holds_over_all_replicas(
    tmp_path: Path, simulated: SimulatedProviders, redis: Redis
) -> None:
    """What one replica used, the other has not."""
    limited = Target(FIRST.backend, FIRST.model, section={"limits": {"requests_per_minute": 6}})
    async with replicas(tmp_path, simulated, redis.address, limited) as ((_, first), (router, second)):
        for _ in range(4):
            await first.complete(ask())
        await second.complete(ask())
        await asyncio.sleep(0.3)  # some refreshes
        await second.complete(ask())
        failure = await failure_of(second.complete(ask()))
        assert failure.reason == "EXHAUSTED"
        assert "6 requests per minute of openai" in failure.message
        assert router.router.sharing is not None
        assert router.router.sharing.limits.reachable


async def test_a_redis_that_answers_nothing_costs_no_answer(
    tmp_path: Path, simulated: SimulatedProviders, redis: Redis
) -> None:
    """Calls go on after the short time that it is waited for; when it is back, answers are shared again."""
    limited = Target(FIRST.backend, FIRST.model, section={"limits": {"requests_per_minute": 1000}})
    async with replicas(tmp_path, simulated, redis.address, limited) as ((router, first), (_, second)):
        await first.complete(ask(idempotency_key="before"))
        redis.pause()
        began = asyncio.get_running_loop().time()
        assert (await first.complete(ask(idempotency_key="k"))).text
        assert asyncio.get_running_loop().time() - began < 1.5
        sharing = router.router.sharing
        assert sharing is not None
        await until(lambda: not sharing.limits.reachable, "the loss to be noticed")
        redis.resume()
        await until(lambda: sharing.limits.reachable, "Redis to be found again")
        answer = await first.complete(ask(idempotency_key="after"))
        assert (await second.complete(ask(idempotency_key="after"))).text == answer.text


async def test_a_redis_that_is_gone_costs_no_answer(tmp_path: Path, simulated: SimulatedProviders) -> None:
    """From the start: the router serves, limits and answers are its own."""
    with run_redis(tmp_path) as server:
        address = server.address
    async with replicas(tmp_path, simulated, address) as ((_, first), _):
        answer = await first.complete(ask(idempotency_key="k"))
        assert (await first.complete(ask(idempotency_key="k"))).completed.decision_id == answer.completed.decision_id


async def test_a_password_is_used(tmp_path: Path) -> None:
    """As `redis://:password@host`; in the file it stands as a reference."""
    with run_redis(tmp_path, password="s3cret") as server:
        address = server.address.replace("//", "//:s3cret@")
        book = LimitBook(lambda: 0.0)
        assert book.claim((Limited("a/m", Limits(requests_per_minute=5)),), 1) == 0
        sharing = RedisSharing(address, sharing_settings(timeout=2.0), book)
        await sharing.answers.keep("k", KeptAnswer(b"f", ()), 10)
        assert await sharing.answers.find("k") is None  # it was kept, and is no whole answer
        assert sharing.answers.reachable
        await sharing.limits.exchange()
        assert [count.unsent for count in book.counts()] == [0, 0]
        await sharing.close()


async def test_many_limited_targets_are_shared(redis: Redis) -> None:
    """Two counts each, of two minutes: more than the client library has connections. Each request is told once."""
    every = [Limited(f"b/m{number}", Limits(requests_per_minute=3, tokens_per_minute=1000)) for number in range(60)]
    books = [LimitBook(lambda: 90.0) for _ in range(2)]
    replicas = [RedisSharing(redis.address, sharing_settings(), book) for book in books]
    for book in books:
        assert {book.claim((one,), 10) for one in every} == {1}
    for sharing in (*replicas, *replicas):
        async with asyncio.timeout(20):
            await sharing.limits.exchange()
    for book in books:
        assert {count.unsent for count in book.counts()} == {0}
        assert {book.claim((one,), 10) for one in every} == {1}
        assert not any(isinstance(book.claim((one,), 10), int) for one in every)
    for sharing in replicas:
        await sharing.close()


def test_what_another_version_wrote_is_not_taken() -> None:
    """An unknown event or a field of another type is no answer."""
    codec = AnswerCodec()
    for text in ('{"fingerprint": "Zg==", "events": [{"type": "Unheard"}]}', '{"events": []}', "[]", "no JSON"):
        with pytest.raises(msgspec.DecodeError):
            codec.decode(text)
