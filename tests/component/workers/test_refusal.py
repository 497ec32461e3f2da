"""A router that refuses a worker before it has read a word."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NoReturn

import grpc
import pytest

from provider_workers.link.client import CHANNEL_OPTIONS
from provider_workers.link.session import Session
from provider_workers.settings import BackendSettings, WorkerSettings
from provider_workers.worker import Worker
from service_common.clock import SystemClock
from service_common.vocabulary import Locality
from tests.support.backends import TwoModels
from trunkline.worker.v1.worker_service_pb2_grpc import WorkerServiceServicer, add_WorkerServiceServicer_to_server

TRIES = 60


class Refusing(WorkerServiceServicer):
    """Ends every call at once, in threads of its own, so that it overtakes the worker's hello now and then."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def Attach(self, request_iterator: object, context: grpc.ServicerContext) -> None:  # type: ignore[override]  # noqa: N802
        """See the contract."""
        context.abort(self._code, "wrong token")

    def FetchBody(self, request: object, context: grpc.ServicerContext) -> None:  # type: ignore[override]  # noqa: N802
        """See the contract."""
        context.abort(self._code, "wrong token")

    def UploadBody(self, request_iterator: object, context: grpc.ServicerContext) -> NoReturn:  # noqa: N802
        """See the contract."""
        context.abort(self._code, "wrong token")


@contextmanager
def refusing(code: grpc.StatusCode) -> Iterator[str]:
    """The address of such a router."""
    server = grpc.server(ThreadPoolExecutor(2))
    add_WorkerServiceServicer_to_server(Refusing(code), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED], ids=str)
async def test_a_refusal_that_overtakes_the_hello_is_told(code: grpc.StatusCode) -> None:
    """gRPC puts the failed write in the status's place, in one of five such refusals: the worker asks again."""
    with refusing(code) as address:
        backend = BackendSettings("a", "ollama", "ollama", "http://127.0.0.1:9")
        settings = WorkerSettings(backend, (address,), "worker-1", 1)
        worker = Worker(settings, TwoModels(), Locality.HOST, SystemClock())
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            ends = [await Session(worker, channel, (), "0", lambda *_: None).run() for _ in range(TRIES)]
        await worker.close()
    assert {(ended.code, ended.details) for ended in ends} == {(code, "wrong token")}
