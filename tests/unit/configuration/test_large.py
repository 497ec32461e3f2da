"""Configurations of any size are checked in bounded time, or refused at once."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_common.configuration.cycles import cycles
from service_common.configuration.document import MOST_CHARACTERS
from service_common.configuration.loader import load_configuration, parse_configuration
from service_common.configuration.mistakes import MOST_MISTAKES, ConfigurationErrors
from service_common.configuration.reading import read_text
from service_common.near_names import suggest

HEAD = """
backends:
  openai: {kind: openai_wire, base_url: "http://127.0.0.1:1"}
models:
  openai/gpt-4o: {}
"""
NAMES = "abcdef"


def mistakes(text: str) -> list[str]:
    """What is wrong with a configuration, a line each."""
    with pytest.raises(ConfigurationErrors) as caught:
        parse_configuration(text, Path("trunkline.yaml"), {})
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_giant_is_refused_by_its_size(tmp_path: Path) -> None:
    """Nobody waits half a minute to learn that 300,000 aliases are too many; nor is a device read without an end."""
    file = tmp_path / "trunkline.yaml"
    file.write_text(HEAD + "#" * MOST_CHARACTERS, encoding="utf-8")
    for path in (file, Path("/dev/zero")):
        with pytest.raises(ConfigurationErrors, match=r"characters or more; 1,048,576 are allowed"):
            load_configuration(path, {})
    file.write_text("é" * MOST_CHARACTERS, encoding="utf-8")
    assert len(read_text(file)) == MOST_CHARACTERS


@pytest.mark.timeout(60)
def test_many_mistakes_are_told_by_the_first_of_them() -> None:
    """Two thousand wrong names are not each compared with two thousand others."""
    aliases = "".join(f"  alias{number}: [alais{number}]\n" for number in range(2_000))
    told = mistakes(f"{HEAD}aliases:\n{aliases}")
    assert len(told) == MOST_MISTAKES + 1
    assert 'no alias or target "alais0". Did you mean "alias0"?' in told[0]
    assert "there are more" in told[-1]
    settings = "".join(f"  openai/m{number}: {{pricee: 1}}\n" for number in range(2_000))
    told = mistakes(HEAD + settings)
    assert len(told) == MOST_MISTAKES + 1
    assert 'Did you mean "price"?' in told[0]


def test_a_near_name_is_found_among_many() -> None:
    """Where there are too many to compare with all, those that begin alike are looked at."""
    known = [f"backend{number}/model{number}" for number in range(5_000)]
    assert suggest("backend4711/mdoel4711", known) == 'Did you mean "backend4711/model4711"?'


@pytest.mark.timeout(60)
def test_long_chains_take_no_more_than_their_length() -> None:
    """100,000 aliases, one after the other, are looked at once each; so is a circle of them."""
    names = [f"a{number}" for number in range(100_000)]
    chain = {name: (after,) for name, after in pairwise(names)}
    assert list(cycles(chain)) == []
    assert list(cycles({**chain, names[-1]: (names[0],)})) == [names]


def test_successors_do_not_go_on_for_ever() -> None:
    """A chain of successors that nobody means is a mistake, found without walking it from each of its models."""
    models = "".join(f"  openai/m{number}: {{successor: openai/m{number + 1}}}\n" for number in range(300))
    assert "more than 100 models succeed one another" in mistakes(f"{HEAD}{models}  openai/m300: {{}}\n")[0]


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3).map(tuple)))
def test_every_circle_is_found_and_nothing_else(aliases: dict[str, tuple[str, ...]]) -> None:
    """What is told is a circle from its first name; of names that lead to each other at least one circle is told."""
    found = list(cycles(aliases))
    for way in found:
        assert all(after in aliases[name] for name, after in pairwise([*way, way[0]]))
        assert way[0] == min(way, key=list(aliases).index)
    told = {name for way in found for name in way}
    assert len(told) == sum(map(len, found))
    for name in aliases:
        if _leads_to(name, name, aliases):
            assert any(_leads_to(name, one, aliases) and _leads_to(one, name, aliases) for one in told)


def _leads_to(start: str, end: str, aliases: dict[str, tuple[str, ...]]) -> bool:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for member in aliases.get(waiting.pop(), ()):
            if member not in reached:
                reached.add(member)
                waiting.append(member)
    return end in reached
