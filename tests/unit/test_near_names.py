"""What was meant by a name that nobody knows."""

import pytest

from router_service.domain.errors import NotFound
from service_common.near_names import KNOWN_SHOWN, did_you_mean, suggest


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("FAST", ("fast", "smart"), 'Did you mean "fast"?'),
        ("fats", ("smart", "Fast"), 'Did you mean "Fast"?'),
        ("gpt-4o-mni", ("openai/gpt-4o-mini", "groq/llama"), 'Did you mean "openai/gpt-4o-mini"?'),
        ("gpt4o", ("openai", "groq"), "Known: groq, openai."),
        ("anything", (), ""),
    ],
)
def test_the_nearest_else_the_known_names(name: str, known: tuple[str, ...], said: str) -> None:
    """Case does not count, and a model may be named without its backend."""
    assert suggest(name, known) == said


def test_several_near_names() -> None:
    """As many as are asked for, the nearest first."""
    assert did_you_mean("a/mm", ("b", "a/mx", "a/m"), 2) == 'Did you mean "a/m" or "a/mx"?'


def test_no_message_lists_more_names_than_one_reads() -> None:
    """Three dots stand for the rest; nothing is listed where only a question is wanted."""
    known = [f"target-{number}" for number in range(1_000)]
    assert suggest("zzz", known).count(",") == KNOWN_SHOWN
    assert suggest("zzz", known).endswith(", ...")
    assert did_you_mean("zzz", known) == ""


def test_what_an_operator_named_wrongly_is_said_in_the_same_words() -> None:
    """With what else may help; where nothing is known, that is said."""
    found = NotFound.among("alias", "FAST", ("smart", "fast"), "Or name a target.")
    assert found.message == 'no alias "FAST". Did you mean "fast"? Or name a target.'
    assert NotFound.among("alias", "FAST", ()).message == 'no alias "FAST". There is none.'
