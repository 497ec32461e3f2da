"""Keeps the screen of `up` readable: what several processes say at once is one line."""

import asyncio
import math
from collections.abc import Callable, Collection

from trunkline.cli.processes.launch import ROUTER_NAME, WORKER_PREFIX
from trunkline.cli.processes.supervisor import Notice

_FOLD_SECONDS = 0.3
_ATTACH_SECONDS = 5.0


class Notices:
    """Folds what processes log: equal lines within a moment become one, and so does everything that workers say about
    a router whose end the screen shows already. What we say ourselves is shown at once.
    """

    def __init__(self, show: Callable[[Notice], None], fold: float = _FOLD_SECONDS) -> None:
        """Show notices with `show`; `fold` is how long a line waits for its equals, in seconds."""
        self._show = show
        self._fold = fold
        self._router = ""
        self._router_gone_until = -math.inf
        self._loss_told = False
        self._waiting: dict[str, list[str]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def router_at(self, address: str) -> None:
        """Where the router is: a worker's line that names it is about the router."""
        self._router = address

    def take(self, notice: Notice) -> None:
        """Show a notice, now or with its equals."""
        if not notice.logged:
            self._mind_router(notice)
            self._show(notice)
            return
        names = self._waiting.setdefault(notice.text, [])
        if notice.name not in names:
            names.append(notice.name)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._fold, self.flush)

    def flush(self) -> None:
        """Show what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        about_loss = {text for text, names in waiting.items() if self._is_about_lost_router(text, names)}
        for text, names in waiting.items():
            if text not in about_loss:
                self._show(Notice(_joined(names), text, logged=True))
        lost = {name for text in about_loss for name in waiting[text]}
        if lost and not self._loss_told:
            self._loss_told = True
            self._show(Notice(_joined(lost), "lost the router; attaching again as soon as it is back", logged=True))

    def _mind_router(self, notice: Notice) -> None:
        """Remember that the router ended, or that it was started again."""
        if notice.name != ROUTER_NAME:
            return
        self._router_gone_until = math.inf if notice.bad else asyncio.get_running_loop().time() + _ATTACH_SECONDS
        self._loss_told = self._loss_told and not notice.bad

    def _is_about_lost_router(self, text: str, names: Collection[str]) -> bool:
        """Whether workers say what the screen has said already."""
        gone = asyncio.get_running_loop().time() < self._router_gone_until
        return gone and self._router in text and all(name.startswith(WORKER_PREFIX) for name in names)


def _joined(names: Collection[str]) -> str:
    """`worker groq`, or `workers groq, openai`; other names as they are."""
    ordered = sorted(names)
    if len(ordered) > 1 and all(name.startswith(WORKER_PREFIX) for name in ordered):
        return f"{WORKER_PREFIX.strip()}s {', '.join(name.removeprefix(WORKER_PREFIX) for name in ordered)}"
    return ", ".join(ordered)
