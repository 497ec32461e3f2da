"""The handlers are listed by hand, so that requests keep their bytes; none may be forgotten."""

from typing import Any, NamedTuple, cast

import pytest

from router_service.server.admin_servicer import admin_handlers
from router_service.server.router_servicer import router_handlers
from router_service.server.worker_servicer import worker_handlers
from trunkline.admin.v1 import admin_service_pb2
from trunkline.router.v1 import router_service_pb2
from trunkline.worker.v1 import worker_service_pb2


class Call(NamedTuple):
    """What gRPC asks a handler about."""

    method: str
    invocation_metadata: tuple[()] = ()


class AnyServicer:
    """Has every method."""

    def __getattr__(self, name: str) -> Any:
        return lambda request, context: None


ANY = cast(Any, AnyServicer())


@pytest.mark.parametrize(
    ("contract", "handlers", "reserved"),
    [
        (router_service_pb2, router_handlers(ANY), []),
        (admin_service_pb2, admin_handlers(ANY, ANY), ["GetUsage"]),
        (worker_service_pb2, worker_handlers(ANY), []),
    ],
)
def test_every_procedure_of_the_contract_is_served(contract: Any, handlers: Any, reserved: list[str]) -> None:
    """A procedure without a handler answers UNIMPLEMENTED, as those do alone that are reserved for later."""
    [service] = contract.DESCRIPTOR.services_by_name.values()
    names = list(service.methods_by_name)
    assert names
    assert [name for name in names if handlers.service(Call(f"/{service.full_name}/{name}")) is None] == reserved
