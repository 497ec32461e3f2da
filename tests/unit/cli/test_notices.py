"""What processes log at once is one line of the screen."""

import asyncio

from trunkline.cli.processes.notices import Notices
from trunkline.cli.processes.supervisor import Notice

ROUTER = "127.0.0.1:50051"
LOST = f"WARNING the router at {ROUTER} was lost"


def board() -> tuple[Notices, list[Notice]]:
    """Notices that are shown in a list."""
    shown: list[Notice] = []
    notices = Notices(shown.append, fold=0.02)
    notices.router_at(ROUTER)
    return notices, shown


def logged(name: str, text: str) -> Notice:
    """A line of a process's log."""
    return Notice(name, text, logged=True)


async def test_equal_lines_are_one() -> None:
    """With the names of all who said it; another line stays its own; repeats count once."""
    notices, shown = board()
    for name in ("worker openai", "worker groq", "worker groq"):
        notices.take(logged(name, LOST))
    notices.take(logged("router", "ERROR something else"))
    assert not shown
    await asyncio.sleep(0.1)
    assert [(notice.name, notice.text) for notice in shown] == [
        ("workers groq, openai", LOST),
        ("router", "ERROR something else"),
    ]


async def test_a_dead_router_is_told_once() -> None:
    """The supervisor's own words come at once; what all workers say of it, again and again, is one line."""
    notices, shown = board()
    notices.take(logged("worker groq", LOST))  # may come before the end of the process is known
    notices.take(Notice("router", "was ended by signal 9"))
    notices.take(logged("worker openai", LOST))
    notices.flush()
    notices.take(logged("worker groq", f"WARNING the router at {ROUTER} cannot be reached"))
    notices.take(logged("worker openai", "WARNING the key is refused"))
    notices.flush()
    assert [(notice.name, notice.text) for notice in shown] == [
        ("router", "was ended by signal 9"),
        ("workers groq, openai", "lost the router; attaching again as soon as it is back"),
        ("worker openai", "WARNING the key is refused"),
    ]


async def test_the_next_end_is_told_again() -> None:
    """One line per end, not one per run."""
    notices, shown = board()
    for _ in range(2):
        notices.take(Notice("router", "was ended by signal 9"))
        notices.take(Notice("router", "started again", bad=False))
        notices.take(logged("worker groq", LOST))
        notices.flush()
    assert [notice.name for notice in shown] == ["router", "router", "worker groq"] * 2


async def test_a_lost_connection_to_a_living_router_is_shown_as_it_is() -> None:
    """Then the worker's words are all that there is."""
    notices, shown = board()
    notices.take(logged("worker groq", LOST))
    notices.flush()
    assert [(notice.name, notice.text) for notice in shown] == [("worker groq", LOST)]
