"""How far token counts are off once a few answers have been seen, against real tokenizers."""

from collections.abc import Callable, Mapping
from random import Random
from statistics import median

import pytest

from service_common.tokens import Family, TokenCorrection, estimate_text
from tests.unit.tokens.real_tokenizers import real_tokenizers
from tests.unit.tokens.texts import CHINESE, ENGLISH, GERMAN, JSON, PYTHON

KINDS = (ENGLISH, GERMAN, CHINESE, PYTHON, JSON)
ANSWERS = 5
WITHIN = 0.10


@pytest.fixture(scope="module")
def counters() -> Mapping[Family, Callable[[str], int]]:
    """Real tokenizers by family."""
    return real_tokenizers()


def prompts(random: Random, count: int) -> list[str]:
    """Pieces of 300 to 900 characters of every kind of text, in random order."""
    found = []
    for _ in range(count):
        text = random.choice(KINDS)
        start = random.randrange(max(1, len(text) - 300))
        found.append(text[start : start + random.randint(300, 900)])
    return found


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.35])
@pytest.mark.parametrize("family", [Family.OPENAI, Family.CLAUDE])
def test_after_five_answers_counts_are_within_ten_percent(
    counters: Mapping[Family, Callable[[str], int]], family: Family, scale: float
) -> None:
    """The median error over many sessions, also of a model that counts a fifth less or a third more than its family."""
    random = Random(7)
    errors = []
    for _ in range(40):
        correction = TokenCorrection()
        for seen, prompt in enumerate(prompts(random, ANSWERS + 5)):
            estimated, reported = estimate_text(prompt, family), round(counters[family](prompt) * scale)
            if seen >= ANSWERS:
                errors.append(abs(correction.correct(family, estimated) / reported - 1))
            correction.observe(family, estimated, reported)
    assert median(errors) <= WITHIN
