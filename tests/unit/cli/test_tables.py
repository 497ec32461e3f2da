"""Tables with remarks below their rows."""

from io import StringIO

from rich.console import Console
from rich.text import Text

from trunkline.cli.rendering.tables import Listing

REMARK = "65 s ago: overloaded (503): The engine is currently overloaded, please try again later."


def _shown(listing: Listing, width: int) -> list[str]:
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
