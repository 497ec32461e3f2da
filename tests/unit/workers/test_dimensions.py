"""Vectors of another length than a call asked for."""

import asyncio

import pytest

from provider_workers.attempt import RunningAttempt
from provider_workers.backends.base import EmbedWork, Vectors
from provider_workers.orders import Answered, Failed, Order
from service_common.clock import SystemClock
from service_common.failures import FailureClass
from service_common.vocabulary import Operation, Sensitivity
from tests.support.attempts import PATIENCE, Told
from tests.support.backends import TwoModels
from trunkline.router.v1.router_service_pb2 import EmbedRequest


class Stubborn(TwoModels):
    """Makes vectors of three dimensions, whatever was asked for."""

    async def embed(self, work: EmbedWork) -> Vectors:
        """One vector for each text."""
        return Vectors([[0.1, 0.2, 0.3] for _ in work.request.inputs])


async def ending(request: EmbedRequest) -> Answered | Failed:
    """How a call for vectors ends."""
    body = request.SerializeToString()
    order = Order(1, Operation.EMBED, "here", body, 0, PATIENCE, PATIENCE, PATIENCE, 0, Sensitivity.INTERNAL)
    sink = Told(0)
    ends: list[Answered | Failed] = []
    sink.attempt = RunningAttempt(order, sink, Stubborn(), SystemClock(), lambda _, end: ends.append(end))
    await asyncio.wait_for(sink.attempt.start(), PATIENCE)
    return ends[0]


async def test_vectors_of_another_length_are_no_answer() -> None:
    """They cannot be compared with those that the caller has; both lengths are told."""
    failed = await ending(EmbedRequest(inputs=["a"], dimensions=5))
    assert isinstance(failed, Failed)
    assert failed.failure_class is FailureClass.UNSUPPORTED
    assert "3 dimensions, where 5" in failed.message


@pytest.mark.parametrize("request_", [EmbedRequest(inputs=["a"], dimensions=3), EmbedRequest(inputs=["a"])])
async def test_vectors_of_the_length_asked_for_are_one(request_: EmbedRequest) -> None:
    """Any length is, where none was asked for."""
    assert isinstance(await ending(request_), Answered)
