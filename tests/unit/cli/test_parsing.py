"""Values on the command line."""

from pathlib import Path

import pytest
import typer

from trunkline import Tool
from trunkline.cli.parsing import capabilities, dollars, labels, names, provider_options, seconds, tool_list


@pytest.mark.parametrize(("text", "value"), [("2", 2.0), ("2s", 2.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0)])
def test_times(text: str, value: float) -> None:
    """A number is seconds; the usual units are understood."""
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "0", "-1s", "inf", "nan", "2 weeks"])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    """Zero, negative and endless times are mistakes too."""
    with pytest.raises(typer.BadParameter):
        seconds(text)


@pytest.mark.parametrize("text", ["1e400s", "inf", "1e300", "99999999d"])
def test_an_eternity_is_told_how_long_is_allowed(text: str) -> None:
    """A time too long to be meant is not called too short."""
    with pytest.raises(typer.BadParameter, match="is too long; at most 36500d"):
        seconds(text)


def test_capabilities() -> None:
    """A rating after the colon; without, the profile's."""
    assert capabilities(["coding:7", "vision"]) == {"coding": 7, "vision": None}
    with pytest.raises(typer.BadParameter, match="coding:7"):
        capabilities(["coding:good"])


def test_labels() -> None:
    """Only the first equals sign parts; a key is needed."""
    assert labels(["team=search", "note=a=b", "empty="]) == {"team": "search", "note": "a=b", "empty": ""}
    with pytest.raises(typer.BadParameter):
        labels(["team"])
    with pytest.raises(typer.BadParameter):
        labels(["=x"])


def test_provider_options() -> None:
    """Several for one backend are put together; what is no object for a backend is wrong usage."""
    given = ['openai={"service_tier": "flex"}', 'openai={"store": true}', 'ollama={"mirostat": 1}']
    assert provider_options(given) == {"openai": {"service_tier": "flex", "store": True}, "ollama": {"mirostat": 1}}
    for wrong in ("openai", "openai=flex", "openai=[1]", '={"a": 1}', "openai="):
        with pytest.raises(typer.BadParameter, match="BACKEND=JSON"):
            provider_options([wrong])


def test_names() -> None:
    """Separated by commas, each once; at least one."""
    assert names("cost, latency,cost,") == ("cost", "latency")
    with pytest.raises(typer.BadParameter):
        names(" , ")


def test_dollars() -> None:
    """An amount stays as it was written, so that nothing is rounded on the way."""
    assert dollars("0.0040") == "0.0040"
    with pytest.raises(typer.BadParameter):
        dollars("much")
    with pytest.raises(typer.BadParameter, match="at most 9,223,372,036"):
        dollars("1e400")


def test_tools_in_both_usual_forms(tmp_path: Path) -> None:
    """A plain list, and OpenAI's with the function one level deeper; anything else says what is expected."""
    plain = tmp_path / "plain.json"
    plain.write_text('[{"name": "now", "description": "tells the time"}]')
    nested = tmp_path / "nested.json"
    nested.write_text('[{"type": "function", "function": {"name": "now", "description": "tells the time"}}]')
    assert tool_list(plain) == tool_list(nested) == [Tool("now", "tells the time")]
    for text in ("{", '{"name": "now"}', "[1]", '[{"title": "now"}]'):
        wrong = tmp_path / "wrong.json"
        wrong.write_text(text)
        with pytest.raises(typer.BadParameter, match="JSON list of objects"):
            tool_list(wrong)


def test_tools_that_cannot_be_read_say_why() -> None:
    """A device is no file of tools, and is not read until memory ends."""
    with pytest.raises(typer.BadParameter, match="/dev/zero cannot be read: it is no regular file"):
        tool_list(Path("/dev/zero"))


def test_an_amount_below_zero_is_wrong_usage() -> None:
    """A negative amount is refused where it is written, in dollars."""
    with pytest.raises(typer.BadParameter, match='"-1" is below 0'):
        dollars("-1")
