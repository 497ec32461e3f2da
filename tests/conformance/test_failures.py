"""Every failure class, in each provider's own words."""

import asyncio
import math

import pytest

from provider_workers.simulated import Fault
from service_common.failures import FailureClass as Class
from tests.support.conformance import KEY, Bench
from tests.support.worker_harness import seconds
from tests.support.worker_processes import question
from trunkline.types.v1 import chat_pb2 as chat
from trunkline.types.v1.classification_pb2 import SENSITIVITY_CONFIDENTIAL

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSALS = {
    "429": {Class.RATE_LIMITED},
    "503": {Class.OVERLOADED},
    "529": {Class.OVERLOADED},
    "500": {Class.UNAVAILABLE},
    "502": {Class.UNAVAILABLE, Class.OVERLOADED},
    "400": {Class.INVALID_REQUEST},
    "401": {Class.AUTH},
    "403": {Class.AUTH},
    "404": {Class.UNSUPPORTED},
    "context_exceeded": {Class.CONTEXT_EXCEEDED},
    "unsupported_parameter": {Class.UNSUPPORTED},
    "quota_exhausted": {Class.QUOTA_EXHAUSTED},
    "content_filter": {Class.CONTENT_FILTERED},
}
BREAKS = (
    "cut",
    "cut_chunked",
    "no_finish_reason",
    "html_200",
    "empty_body",
    "empty_choices",
    "other_shape",
    "wrong_wire",
)


@pytest.mark.parametrize("fault", list(REFUSALS))
async def test_a_refusal_is_understood(worker: Bench, fault: str) -> None:
    """Each error response becomes the class that the router acts on, with status and the provider's words."""
    if fault == "content_filter" and "filter" in worker.kind.lacks:
        pytest.skip("this provider has no content filter")
    if fault == "quota_exhausted" and "quota" in worker.kind.lacks:
        pytest.skip("this provider has no accounts")
    failure, tried = await worker.fails(Fault(fault))
    assert failure in REFUSALS[fault]
    failed = await tried.failed()
    assert failed.message
    assert KEY not in failed.message
    assert len(tried.ends) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_carried_up(worker: Bench, form: str) -> None:
    """A wait that the provider names, in seconds or as a date, arrives as a duration."""
    _, tried = await worker.fails(Fault("429", retry_after=17, retry_after_format=form, rate_limit_headers=False))
    told = (await tried.failed()).retry_after
    assert math.isclose(told.seconds, 17, abs_tol=2)


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_broken_answer_is_never_a_short_one(worker: Bench, fault: str) -> None:
    """What is cut, ends without a finish reason, or is no answer at all is broken, not finished."""
    failure, tried = await worker.fails(Fault(fault))
    assert failure in (Class.STREAM_BROKEN, Class.UNAVAILABLE)
    assert failure is Class.STREAM_BROKEN or not tried.text


async def test_a_malformed_chunk_never_goes_unnoticed(worker: Bench) -> None:
    """An answer with a hole in it is broken."""
    failure, _ = await worker.fails(Fault("malformed_chunk"))
    assert failure is Class.STREAM_BROKEN


async def test_an_error_inside_the_stream_is_a_failure(worker: Bench) -> None:
    """Status 200 and then an error is a failure after text, with the provider's words."""
    failure, tried = await worker.fails(Fault("error_in_stream", after_tokens=4))
    assert failure in (Class.UNAVAILABLE, Class.OVERLOADED, Class.STREAM_BROKEN)
    assert tried.text


async def test_a_filter_in_the_middle_is_a_reason_to_end(worker: Bench) -> None:
    """Text that the provider withheld in the middle ends with that reason, or as filtered."""
    if "filter" in worker.kind.lacks:
        pytest.skip("this provider has no content filter")
    worker.behave(Fault("content_filter_mid_stream"))
    finished = await worker.ask().finished()
    assert finished.finish_reason == chat.FINISH_REASON_CONTENT_FILTER


@pytest.mark.parametrize("fault", [Fault("no_done"), Fault("no_done", keep_open=True), Fault("duplicate_finish")])
async def test_an_answer_with_a_finish_reason_is_whole(worker: Bench, fault: Fault) -> None:
    """A missing end mark or a finish that comes twice breaks nothing, and a body that stays open is not waited for."""
    worker.behave(fault)
    async with asyncio.timeout(3):
        finished = await worker.ask().finished()
    assert finished.finish_reason == chat.FINISH_REASON_STOP


async def test_an_answer_without_usage_says_that_it_has_none(worker: Bench) -> None:
    """No token counts are not counts of zero."""
    worker.behave(Fault("no_usage"))
    finished = await worker.ask().finished()
    assert not finished.HasField("usage") or finished.usage.input_tokens == 0


async def test_a_lost_connection_before_the_answer_is_unavailable(worker: Bench) -> None:
    """A reset before the headers is no broken answer: nothing was begun."""
    failure, _ = await worker.fails(Fault("reset", after_tokens=None))
    assert failure in (Class.UNAVAILABLE, Class.STREAM_BROKEN)


async def test_a_refused_connection_is_unavailable(worker: Bench) -> None:
    """A closed port is told in words that name it."""
    failure, _ = await worker.fails(Fault("refuse_connection", seconds=0.3, times=1))
    assert failure is Class.UNAVAILABLE
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("fault", ["silent_before_headers", "silent_before_first_token"])
async def test_silence_before_the_first_token(worker: Bench, fault: str) -> None:
    """A provider that says nothing is given up after the first-token time, and its socket closed."""
    worker.behave(Fault(fault))
    worker.sim.clear_requests()
    assert await worker.ask(first_token_timeout=seconds(0.3)).failure_class() is Class.TIMEOUT_FIRST_TOKEN
    await worker.provider_saw("client_closed")


async def test_silence_in_the_middle(worker: Bench) -> None:
    """A stalled answer is given up after the idle time."""
    worker.behave(Fault("stall", after_tokens=4))
    tried = worker.ask(idle_timeout=seconds(0.3))
    assert await tried.failure_class() is Class.TIMEOUT_IDLE
    assert tried.text


async def test_the_whole_time_is_kept(worker: Bench) -> None:
    """An answer that takes longer than the attempt has is given up, however lively it is."""
    worker.behave(tokens_per_second=10, answer_tokens=500)
    assert await worker.ask(time_left=seconds(0.5)).failure_class() is Class.TIMEOUT_TOTAL


async def test_confidential_is_refused_above_the_clearance(worker: Bench) -> None:
    """A worker without the clearance refuses a confidential prompt before anything is sent to its provider."""
    worker.sim.clear_requests()
    tried = await worker.ask(sensitivity=SENSITIVITY_CONFIDENTIAL).settled()
    if worker.worker.hello.clearance >= SENSITIVITY_CONFIDENTIAL:
        assert tried.text
    else:
        assert await tried.failure_class() is Class.REFUSED_BY_WORKER
        assert not worker.sim.requests(worker.kind.wire)


async def test_options_cannot_change_what_was_routed(worker: Bench) -> None:
    """A caller's provider options cannot put another model in the routed one's place."""
    options = {worker.kind.wire: '{"model": "another-model"}'}
    tried = worker.ask(question(provider_options=options))
    assert await tried.failure_class() is Class.INVALID_REQUEST
    assert "model" in (await tried.failed()).message
