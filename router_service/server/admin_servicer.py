"""`trunkline.admin.v1.AdminService`: what operators call."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import grpc

from router_service.dispatch.sessions import WorkerSession
from router_service.domain.target import TargetView
from router_service.server.catalogue import row_message
from router_service.server.handling import Context, serialise
from router_service.server.wire import NANO, optional_timestamp, timestamp
from router_service.state.table import Table
from service_common.clock import Clock
from trunkline.admin.v1 import admin_service_pb2 as pb
from trunkline.types.v1 import target_pb2 as target_pb

DEFAULT_INTERVAL = 1.0
SHORTEST_INTERVAL = 0.1
LONGEST_INTERVAL = 3600.0

SERVICE = pb.DESCRIPTOR.services_by_name["AdminService"].full_name


class AdminServicer:
    """Shows the router to operators."""

    def __init__(self, table: Table, sessions: Iterable[WorkerSession], clock: Clock) -> None:
        """Show `table` and the attached `sessions`."""
        self._table = table
        self._sessions = sessions
        self._clock = clock

    async def get_table(self, request: pb.GetTableRequest, context: Context) -> pb.GetTableResponse:
        """The table now."""
        return pb.GetTableResponse(rows=self._rows(), read_at=timestamp(self._clock.wall()))

    async def watch_table(
        self, request: pb.WatchTableRequest, context: Context
    ) -> AsyncIterator[pb.WatchTableResponse]:
        """The table now, after every change, and at least every few seconds, since time alone changes figures too."""
        interval = DEFAULT_INTERVAL
        if request.HasField("min_interval"):
            asked = request.min_interval.seconds + request.min_interval.nanos / NANO
            interval = min(max(SHORTEST_INTERVAL, asked), LONGEST_INTERVAL)
        with self._table.watch() as changes:
            while True:
                yield pb.WatchTableResponse(rows=self._rows(), read_at=timestamp(self._clock.wall()))
                await asyncio.sleep(interval)
                try:
                    async with asyncio.timeout(max(interval, DEFAULT_INTERVAL) * 5):
                        await changes.wait()
                except TimeoutError:
                    continue

    async def list_workers(self, request: pb.ListWorkersRequest, context: Context) -> pb.ListWorkersResponse:
        """The attached workers."""
        return pb.ListWorkersResponse(workers=[_worker(session) for session in self._sessions])

    def _rows(self) -> list[target_pb.TargetRow]:
        snapshot = self._table.snapshot()
        return [self._row(view, snapshot.taken_at) for view in snapshot.targets.values()]

    def _row(self, view: TargetView, now: float) -> target_pb.TargetRow:
        row = row_message(view)
        if view.available_at is not None and view.available_at > now:
            row.available_at.CopyFrom(timestamp(self._clock.wall() + timedelta(seconds=view.available_at - now)))
        return row


def _worker(session: WorkerSession) -> pb.WorkerInfo:
    return pb.WorkerInfo(
        worker_id=session.hello.worker_id,
        session_id=session.session_id,
        backend=session.hello.backend,
        version=session.hello.version,
        attached_at=optional_timestamp(session.attached_at),
        last_heartbeat_at=optional_timestamp(session.last_heartbeat_wall),
        in_flight=session.in_flight,
        suspect=session.suspect,
        draining=session.draining,
        peer=session.peer,
    )


def admin_handlers(servicer: AdminServicer) -> grpc.GenericRpcHandler:
    """The service's procedures; one that is not listed answers UNIMPLEMENTED."""
    unary = grpc.unary_unary_rpc_method_handler
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "GetTable": unary(servicer.get_table, pb.GetTableRequest.FromString, serialise),
        "WatchTable": grpc.unary_stream_rpc_method_handler(
            servicer.watch_table, pb.WatchTableRequest.FromString, serialise
        ),
        "ListWorkers": unary(servicer.list_workers, pb.ListWorkersRequest.FromString, serialise),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)
