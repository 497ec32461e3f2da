"""What the start screen says beside each backend."""

from typing import Any

from trunkline.cli.processes.router_tools import BackendDescription
from trunkline.cli.rendering.backends import Standing, standing
from trunkline.targets import TargetRow

BACKEND = BackendDescription("a", "openai_wire", (), simulated=False, enabled=True)
ROW: dict[str, Any] = dict.fromkeys(TargetRow.__dataclass_fields__)
NO_LIST = "the provider lists no models (HTTP 404): is base_url right?"


def _row(model: str, state: str = "ready", reason: str = "") -> TargetRow:
    return TargetRow(**{**ROW, "target": f"a/{model}", "state": state, "state_reason": reason})


def _stands(*rows: TargetRow, unattached: bool = False) -> Standing:
    return standing(BACKEND, rows, unattached=unattached)


def test_a_doubt_about_all_models_is_told_once_below_them() -> None:
    """A base URL that leads to a plain web server: its models stay in use, and the screen says what is odd."""
    stands = _stands(_row("x", reason=NO_LIST), _row("y", reason=NO_LIST))
    assert (str(stands.state), str(stands.detail), stands.doubts) == ("ready", "x, y", (NO_LIST,))
    assert stands.sentence() == f"ready: x, y; {NO_LIST}"
    assert stands.bad


def test_a_doubt_about_some_models_names_them() -> None:
    """An unknown model beside known ones, and one that is not there: each remark with its models."""
    unknown = "the provider does not list this model"
    rows = [_row("x"), *(_row(name, reason=unknown) for name in "pqrs"), _row("z", "detached", "not there")]
    assert _stands(*rows).doubts == (f"p, q and 2 other models: {unknown}", "z: detached, not there")
    disabled = _stands(_row("x"), _row("off", "disabled", "by the configuration"))
    assert (disabled.doubts, disabled.bad) == ((), False)


def test_many_doubts_are_cut() -> None:
    """A screen is no table: the rest is counted, with the command that shows it."""
    doubts = _stands(*(_row(f"m{number}", reason=f"reason {number}") for number in range(6))).doubts
    assert doubts[2:] == ("m2: reason 2", "and 3 more such remarks: `trunkline table` shows all")


def test_a_backend_without_a_ready_model_says_why() -> None:
    """Its state stands where the models would; a worker that is on its way is announced."""
    out = _stands(_row("x", "out", "auth: Incorrect API key"), _row("y", "out", "auth: Incorrect API key"))
    assert (str(out.state), str(out.detail), out.doubts) == ("out", "auth: Incorrect API key", ())
    assert str(_stands().detail) == "it reports no model"
    offline = _stands(
        _row("x", "disabled", "offline: true, and it is far"), _row("y", "disabled", "offline: true, and it is far")
    )
    assert offline.sentence() == "disabled: offline: true, and it is far"
    assert not offline.bad
    starting = _stands(unattached=True)
    assert (str(starting.state), "a line below says when" in str(starting.detail)) == ("starting", True)


def test_a_worker_that_others_start_is_waited_for() -> None:
    """It is not on its way by itself; once it is attached it stands as any other."""
    external = BackendDescription("a", "external", (), simulated=False, enabled=True, external=True)
    stands = standing(external, [_row("x", "detached")], unattached=True)
    assert (str(stands.state), stands.bad) == ("waiting", True)
    assert "which you start" in str(stands.detail)
    assert str(standing(external, [_row("x")], unattached=False).state) == "ready"
