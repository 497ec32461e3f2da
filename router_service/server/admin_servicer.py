"""`trunkline.admin.v1.AdminService`: what operators call."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc

from router_service.calls.drill import Drills
from router_service.config.administration import Administration
from router_service.dispatch.sessions import WorkerSession
from router_service.domain.target import TargetView
from router_service.server.admin_errands import ErrandServicer, drill_results
from router_service.server.admin_requests import check_target, form_of, imported_text, model_settings, switch_of
from router_service.server.admin_statistics import statistics_response
from router_service.server.catalogue import row_message
from router_service.server.handling import CallBoundary, Context, MessageT, Received, receive, serialise
from router_service.server.wire import optional_timestamp, timestamp
from router_service.state.table import Table
from service_common.clock import Clock
from service_common.durations import seconds
from trunkline.admin.v1 import admin_service_pb2 as pb
from trunkline.types.v1 import target_pb2 as target_pb

DEFAULT_INTERVAL = 1.0
SHORTEST_INTERVAL = 0.1
LONGEST_INTERVAL = 3600.0

SERVICE = pb.DESCRIPTOR.services_by_name["AdminService"].full_name


class AdminServicer:
    """Shows the router to operators, and has it changed."""

    def __init__(
        self,
        table: Table,
        sessions: Iterable[WorkerSession],
        administration: Administration,
        boundary: CallBoundary,
        drills: Drills,
        clock: Clock,
    ) -> None:
        """Show `table`, the attached `sessions` and what `drills` told; what can fail runs inside `boundary`."""
        self._table = table
        self._sessions = sessions
        self._administration = administration
        self._boundary = boundary
        self._drills = drills
        self._clock = clock

    async def get_table(self, received: Received[pb.GetTableRequest], context: Context) -> pb.GetTableResponse:
        """The table now."""
        async with self._call("GetTable", received, context):
            drills = drill_results(self._drills.results)
            return pb.GetTableResponse(rows=self._rows(), read_at=timestamp(self._clock.wall()), drills=drills)

    async def watch_table(
        self, received: Received[pb.WatchTableRequest], context: Context
    ) -> AsyncIterator[pb.WatchTableResponse]:
        """The table now, after every change, and at least every few seconds, since time alone changes figures too."""
        async with self._call("WatchTable", received, context) as request:  # not the watching: it would never end
            interval = DEFAULT_INTERVAL
            if request.HasField("min_interval"):
                asked = seconds(request.min_interval)
                interval = min(max(SHORTEST_INTERVAL, asked), LONGEST_INTERVAL)
        with self._table.watch() as changes:
            while True:
                drills = drill_results(self._drills.results)
                yield pb.WatchTableResponse(rows=self._rows(), read_at=timestamp(self._clock.wall()), drills=drills)
                await asyncio.sleep(interval)
                try:
                    async with asyncio.timeout(max(interval, DEFAULT_INTERVAL) * 5):
                        await changes.wait()
                except TimeoutError:
                    continue

    async def list_workers(self, received: Received[pb.ListWorkersRequest], context: Context) -> pb.ListWorkersResponse:
        """The attached workers."""
        async with self._call("ListWorkers", received, context):
            return pb.ListWorkersResponse(workers=[_worker(session) for session in self._sessions])

    async def get_statistics(
        self, received: Received[pb.GetStatisticsRequest], context: Context
    ) -> pb.GetStatisticsResponse:
        """Counts and rolling figures of a target, of a backend's targets, or of all."""
        async with self._call("GetStatistics", received, context) as request:
            return statistics_response(self._table.statistics(request.target))

    async def set_target_state(
        self, received: Received[pb.SetTargetStateRequest], context: Context
    ) -> pb.SetTargetStateResponse:
        """Switch a target or a backend; what is in flight goes on."""
        async with self._call("SetTargetState", received, context) as request:
            switch = switch_of(request)
            names = await self._administration.switch(request.target, switch, persist=request.persist)
            return pb.SetTargetStateResponse(rows=[row for row in self._rows() if row.target in names])

    async def upsert_model(self, received: Received[pb.UpsertModelRequest], context: Context) -> pb.UpsertModelResponse:
        """Add a model or change settings of one."""
        async with self._call("UpsertModel", received, context) as request:
            settings = model_settings(request)
            await self._administration.upsert_model(request.target, settings, persist=request.persist)
            return pb.UpsertModelResponse(configuration_version=self._administration.version)

    async def remove_model(self, received: Received[pb.RemoveModelRequest], context: Context) -> pb.RemoveModelResponse:
        """Remove a model; what is in flight goes on."""
        async with self._call("RemoveModel", received, context) as request:
            check_target(request.target)
            await self._administration.remove_model(request.target, persist=request.persist)
            return pb.RemoveModelResponse(configuration_version=self._administration.version)

    async def export_configuration(
        self, received: Received[pb.ExportConfigurationRequest], context: Context
    ) -> pb.ExportConfigurationResponse:
        """The configuration that is in force."""
        async with self._call("ExportConfiguration", received, context) as request:
            text = self._administration.render(form_of(request))
            return pb.ExportConfigurationResponse(text=text, configuration_version=self._administration.version)

    async def import_configuration(
        self, received: Received[pb.ImportConfigurationRequest], context: Context
    ) -> pb.ImportConfigurationResponse:
        """Replace the configuration until its file changes."""
        async with self._call("ImportConfiguration", received, context) as request:
            changes = await self._administration.import_configuration(
                imported_text(request), dry_run=request.dry_run, persist=request.persist
            )
            version = self._administration.version
            return pb.ImportConfigurationResponse(configuration_version=version, changes=changes)

    async def reload_configuration(
        self, received: Received[pb.ReloadConfigurationRequest], context: Context
    ) -> pb.ReloadConfigurationResponse:
        """Read the file again."""
        async with self._call("ReloadConfiguration", received, context) as request:
            changes = await self._administration.reload(discard=request.discard_changes)
            version = self._administration.version
            return pb.ReloadConfigurationResponse(configuration_version=version, changes=changes)

    @asynccontextmanager
    async def _call(self, name: str, received: Received[MessageT], context: Context) -> AsyncIterator[MessageT]:
        """What stands around each procedure: gives it what was received, inside the boundary of a call."""
        async with self._boundary.recorded(f"{SERVICE}/{name}", context):
            yield received.message

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
        last_heartbeat_at=optional_timestamp(session.report.heard_wall),
        in_flight=session.in_flight,
        suspect=session.report.suspect,
        draining=session.report.draining,
        peer=session.peer,
    )


def admin_handlers(servicer: AdminServicer, errands: ErrandServicer) -> grpc.GenericRpcHandler:
    """The service's procedures; one that is not listed answers UNIMPLEMENTED."""
    unary, streaming = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "GetTable": unary(servicer.get_table, receive(pb.GetTableRequest), serialise),
        "WatchTable": streaming(servicer.watch_table, receive(pb.WatchTableRequest), serialise),
        "PullModel": streaming(errands.pull_model, receive(pb.PullModelRequest), serialise),
        "RunDrill": streaming(errands.run_drill, receive(pb.RunDrillRequest), serialise),
        "ListWorkers": unary(servicer.list_workers, receive(pb.ListWorkersRequest), serialise),
        "GetStatistics": unary(servicer.get_statistics, receive(pb.GetStatisticsRequest), serialise),
        "SetTargetState": unary(servicer.set_target_state, receive(pb.SetTargetStateRequest), serialise),
        "UpsertModel": unary(servicer.upsert_model, receive(pb.UpsertModelRequest), serialise),
        "RemoveModel": unary(servicer.remove_model, receive(pb.RemoveModelRequest), serialise),
        "ExportConfiguration": unary(servicer.export_configuration, receive(pb.ExportConfigurationRequest), serialise),
        "ImportConfiguration": unary(servicer.import_configuration, receive(pb.ImportConfigurationRequest), serialise),
        "ReloadConfiguration": unary(servicer.reload_configuration, receive(pb.ReloadConfigurationRequest), serialise),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)
