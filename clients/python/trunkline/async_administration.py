"""Operators' commands, for asyncio: `client.admin`."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from grpc import aio

from trunkline._administering import (
    Form,
    change_of,
    drill_request,
    drill_results_of,
    drill_step_of,
    export_request,
    model_request,
    pull_progress_of,
    state_request,
    statistics_of,
)
from trunkline._tables import rows_of
from trunkline.admin.v1 import admin_service_pb2 as pb
from trunkline.operations import ConfigurationChange, DrillResult, DrillStep, PullProgress, TargetStatistics
from trunkline.targets import TargetRow

if TYPE_CHECKING:
    from trunkline.admin.v1.admin_service_pb2_grpc import AdminServiceAsyncStub

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Item = TypeVar("_Item")


class Call(Protocol):
    """Makes a unary call under the client's deadline; its failure is one of `trunkline.errors`."""

    async def __call__(
        self, method: "aio.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request
    ) -> _Response:
        """The response."""


class Stream(Protocol):
    """Makes a call whose answers come one by one; its failure is one of `trunkline.errors`."""

    def __call__(
        self,
        method: "aio.UnaryStreamMultiCallable[_Request, _Response]",
        request: _Request,
        read: Callable[[_Response], _Item],
    ) -> AsyncGenerator[_Item, None]:
        """What `read` makes of each answer. Closed early, the call is cancelled."""


class AsyncAdministration:
    """Changes a running router; nothing that is in flight is lost.

    A change holds until the router ends; with `persist` also after that, and for every router on the same database.
    Every method raises `TrunklineError` as `trunkline.errors` says: `InvalidRequest` with every mistake, `NotFound`
    where there is no such target, `Unavailable` where a change was to be kept and could not be (nothing is changed).
    """

    def __init__(self, stub: "AdminServiceAsyncStub", call: Call, stream: Stream) -> None:
        """Use a client's channel; made by the client."""
        self._stub = stub
        self._call = call
        self._stream = stream

    async def enable(self, name: str, *, persist: bool = False) -> tuple[TargetRow, ...]:
        """Have a target, or all of a backend's, serve again; their rows."""
        return await self._switch(name, pb.DESIRED_STATE_ENABLED, "", persist=persist)

    async def disable(self, name: str, *, reason: str = "", persist: bool = False) -> tuple[TargetRow, ...]:
        """Take a target, or all of a backend's, out of use; `reason` is shown in the table. Their rows."""
        return await self._switch(name, pb.DESIRED_STATE_DISABLED, reason, persist=persist)

    async def drain(self, name: str, *, reason: str = "", persist: bool = False) -> tuple[TargetRow, ...]:
        """Let a target, or all of a backend's, finish what they have and take nothing new. Their rows."""
        return await self._switch(name, pb.DESIRED_STATE_DRAINED, reason, persist=persist)

    async def upsert_model(self, target: str, settings: Mapping[str, Any], *, persist: bool = False) -> str:
        """Add a model, or change these settings of one (None takes a setting away); the configuration's version.

        `settings` are those of the configuration's `models` section, as plain values.
        """
        request = model_request(target, settings, persist=persist)
        return (await self._call(self._stub.UpsertModel, request)).configuration_version

    async def remove_model(self, target: str, *, persist: bool = False) -> str:
        """Remove a model; the configuration's version."""
        request = pb.RemoveModelRequest(target=target, persist=persist)
        return (await self._call(self._stub.RemoveModel, request)).configuration_version

    async def export_configuration(self, form: Form = "yaml") -> str:
        """The configuration that is in force, as text; secrets are references."""
        return (await self._call(self._stub.ExportConfiguration, export_request(form))).text

    async def import_configuration(
        self, text: str, *, dry_run: bool = False, persist: bool = False
    ) -> ConfigurationChange:
        """Put a configuration, YAML or JSON, in the place of the router's file until that changes.

        With `dry_run` it is only checked: what would be different.
        """
        request = pb.ImportConfigurationRequest(text=text, dry_run=dry_run, persist=persist)
        response = await self._call(self._stub.ImportConfiguration, request)
        return change_of(response)

    async def reload_configuration(self, *, discard_changes: bool = False) -> ConfigurationChange:
        """Have the file read again; `discard_changes`: without anything that operators imported or changed over it."""
        request = pb.ReloadConfigurationRequest(discard_changes=discard_changes)
        response = await self._call(self._stub.ReloadConfiguration, request)
        return change_of(response)

    async def drill_cost(self, aliases: Sequence[str] = (), *, prompt: str = "") -> tuple[DrillStep, ...]:
        """The steps that `drill` would make, each with its expected cost; nothing is sent."""
        request = drill_request(aliases, prompt, estimate_only=True)
        return tuple([step async for step in self._stream(self._stub.RunDrill, request, drill_step_of)])

    def drill(self, aliases: Sequence[str] = (), *, prompt: str = "") -> AsyncGenerator[DrillStep, None]:
        """Make each alias's targets fail, one after the other, so that the rest must answer: each step as it is done.

        Closing the iterator (`aclose`) ends the drill.

        Args:
            aliases: none: all.
            prompt: what to ask; empty: a short default.
        """
        request = drill_request(aliases, prompt, estimate_only=False)
        return self._stream(self._stub.RunDrill, request, drill_step_of)

    async def drills(self) -> tuple[DrillResult, ...]:
        """What the newest drill of each alias came to, on this router."""
        return drill_results_of((await self._call(self._stub.GetTable, pb.GetTableRequest())).drills)

    def pull_model(self, target: str) -> AsyncGenerator[PullProgress, None]:
        """Have a local server fetch `backend/model`: how far it has come, until the model is there.

        Closing the iterator (`aclose`) ends the call.
        """
        return self._stream(self._stub.PullModel, pb.PullModelRequest(target=target), pull_progress_of)

    async def statistics(self, name: str = "") -> tuple[TargetStatistics, ...]:
        """Counts and rolling figures of a target, of all of a backend's, or of all."""
        return statistics_of(await self._call(self._stub.GetStatistics, pb.GetStatisticsRequest(target=name)))

    async def _switch(
        self, name: str, state: pb.DesiredState.ValueType, reason: str, *, persist: bool
    ) -> tuple[TargetRow, ...]:
        request = state_request(name, state, reason, persist=persist)
        response = await self._call(self._stub.SetTargetState, request)
        return rows_of(response.rows)
