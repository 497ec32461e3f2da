"""Which targets a request is about, before any filter."""

from collections.abc import Mapping
from datetime import date

from msgspec import Struct

from router_service.contracts.engine import Catalogue
from router_service.domain.request import Request
from router_service.domain.target import TableSnapshot, TargetView
from router_service.engine.names import is_allowed, other_name, same_model
from service_common.vocabulary import ModelMode, Operation, TargetState


class Selection(Struct, frozen=True):
    """The targets to consider.

    Attributes:
        views: in name order, the last resort included.
        chain: an explicit order of targets; empty: none.
        outside: the last resort, where it is not among those asked for; empty otherwise.
    """

    views: tuple[TargetView, ...]
    chain: tuple[str, ...] = ()
    outside: str = ""
    warnings: tuple[str, ...] = ()


class Selector:
    """Turns what a request asks for (a target, an alias, nothing) into targets."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Prepare a row for each configured target that no worker has announced."""
        self._catalogue = catalogue
        self._absent: Mapping[str, TargetView] = {
            name: TargetView(spec, TargetState.DETACHED if spec.enabled else TargetState.DISABLED)
            for name, spec in catalogue.targets.items()
        }

    def select(self, request: Request, snapshot: TableSnapshot, today: date, last_resort: str) -> Selection:
        """The targets that the request is about; with nothing asked for, all that are for its use."""
        model = request.options.model
        if not model:
            return self._every(request, snapshot)
        names, chain = self._named(model, snapshot)
        warnings: list[str] = []
        for name in names:
            successor = self._successor(name, snapshot, today)
            if successor and successor not in names:
                names = (*names, successor)
                warnings.append(f"{name} is retired, its successor {successor} stands in")
        outside = last_resort if last_resort and last_resort not in names else ""
        views = [view for name in (*names, outside) if (view := self.view(name, snapshot)) is not None]
        views.sort(key=_name)
        return Selection(tuple(views), chain, outside, tuple(warnings))

    def view(self, name: str, snapshot: TableSnapshot) -> TargetView | None:
        """A target's row; for a configured one that the table lacks, a detached one."""
        return snapshot.targets.get(name) or self._absent.get(name)

    def _named(self, model: str, snapshot: TableSnapshot) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The targets that a name (an alias, a target, a model of any backend) stands for, and their explicit order."""
        catalogue = self._catalogue
        chain = catalogue.chains.get(model, ())
        base = catalogue.aliases.get(model)
        if base is None:
            is_target = model in catalogue.targets or model in snapshot.targets
            target = model if is_target else other_name(model, snapshot, catalogue)
            base = (target,) if target else same_model(model, snapshot, catalogue)
        names = tuple(dict.fromkeys((*base, *chain)))
        if chain and model not in catalogue.aliases and model in names:
            return names, (model, *(name for name in chain if name != model))
        return names, chain

    def _every(self, request: Request, snapshot: TableSnapshot) -> Selection:
        mode = ModelMode.EMBEDDING if request.operation is Operation.EMBED else ModelMode.CHAT
        catalogue = self._catalogue
        configured = catalogue.targets
        views = [
            view
            for name, view in snapshot.targets.items()
            if view.spec.mode is mode and (name in configured or is_allowed(view.spec, catalogue))
        ]
        known = snapshot.targets
        absent = [view for name, view in self._absent.items() if name not in known and view.spec.mode is mode]
        if absent:
            views += absent
            views.sort(key=_name)
        return Selection(tuple(views))

    def _successor(self, name: str, snapshot: TableSnapshot, today: date) -> str:
        view = self.view(name, snapshot)
        if view is None or view.spec.retires_on is None or view.spec.retires_on >= today:
            return ""
        return view.spec.successor


def _name(view: TargetView) -> str:
    return view.spec.name
