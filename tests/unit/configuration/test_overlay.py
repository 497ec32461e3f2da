"""What operators changed over a file: merged as they mean it, in the order in which it was said."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router_service.config.overlay import DISCARD, Overlay, combined, import_change, merged, removal
from router_service.domain.changes import Change, ChangeKind, switch_change, switch_in
from router_service.domain.switches import NONE, Switch, Switches, switch_of, switched
from service_common.vocabulary import TargetState

FILE = {"models": {"a/m": {"quality": 0.5, "price": {"input": 1, "output": 2}}, "a/n": {}}}
OFF = Switch(TargetState.DISABLED, "too dear")

flat = st.dictionaries(st.sampled_from("pqr"), st.none() | st.integers(0, 3))


def models(*changes: Change) -> dict[str, Any]:
    """The models of the file after changes."""
    data = {"models": dict(FILE["models"])}
    Overlay().after(changes).edit(data)
    return data["models"]


def test_an_edit_touches_what_it_names() -> None:
    """Mapping by mapping; None takes a setting away; other models stay."""
    change = Overlay().upsert("a/m", {"price": {"output": 3}, "quality": None, "tier": 1})
    assert models(change) == {"a/m": {"price": {"input": 1, "output": 3}, "tier": 1}, "a/n": {}}
    assert FILE["models"]["a/m"]["quality"] == 0.5


def test_edits_of_one_model_add_up() -> None:
    """The second keeps what the first said of other settings."""
    overlay = Overlay().after([Overlay().upsert("a/m", {"quality": 0.1, "tier": 1})])
    second = overlay.upsert("a/m", {"tier": 2})
    assert models(second)["a/m"] == {"quality": 0.1, "tier": 2, "price": {"input": 1, "output": 2}}


def test_a_model_that_was_removed_and_added_begins_anew() -> None:
    """What the file says of it does not come back by the way."""
    assert "a/m" not in models(removal("a/m"))
    overlay = Overlay().after([removal("a/m")])
    added = overlay.upsert("a/m", {"tier": 1})
    assert models(removal("a/m"), added)["a/m"] == {"tier": 1}
    again = overlay.after([added]).upsert("a/m", {"quality": 0.2})
    assert models(removal("a/m"), again)["a/m"] == {"tier": 1, "quality": 0.2}


def test_a_whole_configuration_ends_what_was_done_to_single_models() -> None:
    """And is in force only in the place of the file that it was made for."""
    edit = Overlay().upsert("a/m", {"tier": 1})
    imported = Overlay().after([edit, import_change("new", "old")])
    assert imported.models == {}
    assert (imported.text("old"), imported.text("other")) == ("new", "other")
    assert imported.after([edit]).models.keys() == {"a/m"}
    assert imported.after([edit, DISCARD]) == Overlay()


@given(flat, flat, flat)
def test_two_edits_together_do_what_they_do_in_turn(written: Any, first: Any, second: Any) -> None:
    """So that what is kept is one edit for each model."""
    assert merged(written, combined(first, second)) == merged(merged(written, first), second)


def test_a_switch_survives_being_written_down() -> None:
    """State and reason are the same again; anything else is another kind of change."""
    change = switch_change("a/m", OFF)
    assert change.kind is ChangeKind.SWITCH
    assert switch_in(change) == OFF


def after(*steps: tuple[str, Switch]) -> Switches:
    """The switches after these steps."""
    switches = NONE
    for name, switch in steps:
        switches = switched(switches, name, switch)
    return switches


def test_a_backends_switch_holds_for_all_its_targets() -> None:
    """The later word counts: a target may be on in a backend that is off, until that is switched again."""
    on = Switch()
    assert switch_of(after(("a", OFF)), "a/m") == OFF
    assert switch_of(after(("a", OFF)), "ab/m") == on
    assert switch_of(after(("a", OFF), ("a/m", on)), "a/m") == on
    assert switch_of(after(("a", OFF), ("a/m", on)), "a/n") == OFF
    assert switch_of(after(("a/m", OFF), ("a", on)), "a/m") == on
    assert after(("a/m", OFF), ("a/m", on)) == {}


def test_a_models_name_may_hold_slashes() -> None:
    """A target is not taken for the backend of another."""
    assert switch_of(after(("a/m/x", OFF), ("a/m", Switch())), "a/m/x") == OFF
