"""Tables with remarks below their rows."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from trunkline.cli.rendering.statistics import statistics_table
from trunkline.cli.rendering.tables import FADING, Listing, health_table, remark
from trunkline.operations import LatencySummary, TargetStatistics
from trunkline.targets import TargetRow

REMARK = "65 s ago: overloaded (503): The engine is currently overloaded, please try again later."


def _shown(listing: RenderableType, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(listing)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_a_long_remark_leaves_the_columns_as_they_are() -> None:
    """What is wrong with a target takes the width of the screen, not that of the first column."""
    listing = Listing(["target", "state"], ["calls"])
    listing.add([Text("a/b"), Text("ready"), Text("4")], REMARK)
    listing.add([Text("c/d"), Text("ready"), Text("0")], "")
    assert _shown(listing, 100) == [
        "target  state  calls",
        "a/b     ready      4",
        f"  {REMARK}",
        "c/d     ready      0",
    ]


def test_a_remark_stands_below_a_name_that_takes_several_lines() -> None:
    """On a narrow screen a long name is folded first; nothing comes between its parts."""
    listing = Listing(["target", "state"], ["calls"])
    listing.add([Text("backend/" + "m" * 20), Text("ready"), Text("4")], "no credit")
    listing.add([Text("c/d"), Text("ready"), Text("0")], "")
    shown = _shown(listing, 30)
    assert "".join(line.split()[0] for line in shown[1:-2]) == "backend/" + "m" * 20
    assert shown[-2] == "  no credit"


NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
ROW: dict[str, Any] = {
    **dict.fromkeys(TargetRow.__dataclass_fields__),
    **dict.fromkeys(("workers", "in_flight", "reported_in_flight", "queued", "spent_nanodollars"), 0),
    "target": "a/b",
    "state": "ready",
    "state_reason": "",
    "last_error": "",
    "capacity": 64,
    "first_token": 0.032,
    "latency": 1.4,
    "tokens_per_second": 276.0,
    "success_rate": 0.98,
    "attempts": 41,
    "availability": 1.0,
    "simulated": False,
    "assumed_share": 0.0,
}


def test_what_is_partly_assumed_is_marked_and_the_mark_explained() -> None:
    """Figures that fade towards what is assumed are told apart from measured ones; untried targets show none."""
    fresh = _shown(health_table([TargetRow(**ROW)]), 100)
    assert fresh[1].split() == ["a/b", "ready", "0/64", "32", "ms", "1.4", "s", "276", "98%", "41", "$0"]
    assert FADING not in fresh
    faded = _shown(health_table([TargetRow(**{**ROW, "assumed_share": 0.5})]), 100)
    assert faded[1].split()[3:9] == ["~32", "ms", "~1.4", "s", "~276", "~98%"]
    assert faded[-1] == FADING
    untried = {"assumed_share": 1.0, "attempts": 0, "first_token": None, "latency": None, "tokens_per_second": 0.0}
    shown = _shown(health_table([TargetRow(**{**ROW, **untried})]), 100)
    assert shown[1].split()[3:7] == ["-", "-", "-", "-"]


def test_a_remark_says_what_is_wrong_and_when_it_is_over() -> None:
    """A state with its end; of a target that is ready the last failure, and that it is passed over for a while."""
    cooling = {"state": "cooling", "state_reason": "told to wait", "available_at": NOW + timedelta(seconds=12)}
    assert remark(TargetRow(**{**ROW, **cooling}), NOW) == "told to wait; tried again in 12 s"
    failed = {"last_error": "overloaded (503)", "last_error_at": NOW - timedelta(seconds=4)}
    assert remark(TargetRow(**{**ROW, **failed}), NOW) == "4.0 s ago: overloaded (503)"
    doubted = {**failed, "state_reason": "is the name right?"}
    assert remark(TargetRow(**{**ROW, **doubted}), NOW) == "is the name right?; 4.0 s ago: overloaded (503)"
    lowered = remark(TargetRow(**{**ROW, **failed, "availability": 0.91}), NOW)
    assert lowered == "4.0 s ago: overloaded (503); availability 0.91, nears 1 with time"


def test_statistics_fit_a_hundred_columns() -> None:
    """Wider screens show more; in no case is a figure cut."""
    times = LatencySummary(1000, 1.44, 1.44, 2.9)
    target = "groq/llama-3.3-70b-versatile"
    row = TargetStatistics(target, 12_041, 12_040, {"overloaded": 1}, times, times, 276.0, 140_000, 5210, 14_000, 0.81)
    narrow, wide = _shown(statistics_table([row]), 100), _shown(statistics_table([row]), 140)
    assert narrow[1].split()[:3] == [target, "12041", "1"]
    assert narrow[1].endswith("$0.00014")
    assert narrow[2] == wide[2] == "  overloaded 1"
    assert wide[0].split()[-1] == "quality"
    assert wide[1].endswith("0.81")
