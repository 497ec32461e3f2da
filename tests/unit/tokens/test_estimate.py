"""Token estimates: against real tokenizers where they are at hand, and in their properties."""

from collections.abc import Callable, Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_common.tokens import Family, estimate_image, estimate_message_overhead, estimate_text, family_of
from service_common.tokens.features import NAMES, count_features
from service_common.tokens.weights import WEIGHTS
from tests.unit.tokens.real_tokenizers import real_tokenizers
from tests.unit.tokens.texts import CHINESE, ENGLISH, GERMAN, JSON, PYTHON

TEXTS = {"english": ENGLISH, "german": GERMAN, "chinese": CHINESE, "python": PYTHON, "json": JSON}
families = st.sampled_from(list(Family))


@pytest.fixture(scope="module")
def real_counts() -> Mapping[Family, Callable[[str], int]]:
    """Real tokenizers by family."""
    return real_tokenizers()


@pytest.mark.parametrize("family", [Family.OPENAI, Family.CLAUDE])
@pytest.mark.parametrize("kind", TEXTS)
def test_estimates_begin_within_15_percent(
    real_counts: Mapping[Family, Callable[[str], int]], family: Family, kind: str
) -> None:
    """Before any correction, the usual kinds of text are at most 15 % off."""
    real = real_counts[family](TEXTS[kind])
    assert estimate_text(TEXTS[kind], family) == pytest.approx(real, rel=0.15)


def test_an_empty_text_has_no_token() -> None:
    """Nothing costs nothing."""
    assert estimate_text("", Family.OPENAI) == 0


@given(text=st.text(min_size=1), family=families)
def test_any_text_has_at_least_one_token(text: str, family: Family) -> None:
    """Whatever the characters, the estimate is a positive integer of a plausible size."""
    estimate = estimate_text(text, family)
    assert 1 <= estimate <= 8 * len(text) + 1


def test_a_lone_surrogate_is_counted() -> None:
    """A broken character from a careless caller does not break the estimate."""
    assert estimate_text("a \ud800 b", Family.LLAMA) >= 1


@given(left=st.text(max_size=200), right=st.text(max_size=200), family=families)
def test_a_whole_is_about_its_parts(left: str, right: str, family: Family) -> None:
    """Cutting a text in two changes the estimate by no more than what happens at the cut, and rounding."""
    whole = estimate_text(left + " . " + right, family)
    parts = estimate_text(left, family) + estimate_text(right, family)
    # Accents on one side make the other side's letters foreign too: about 0.1 token each.
    assert abs(whole - parts) <= 5 + 0.12 * (len(left) + len(right))


@pytest.mark.parametrize("kind", TEXTS)
def test_a_book_is_sampled_evenly(kind: str) -> None:
    """Beyond 32 K characters the estimate rests on slices, and stays within 5 % of the whole."""
    text = TEXTS[kind]
    copies = 200_000 // len(text) + 1
    assert estimate_text(text * copies, Family.QWEN) == pytest.approx(
        estimate_text(text, Family.QWEN) * copies, rel=0.05
    )


@given(st.text(alphabet="aZ09 \t\n.,{éüжאह日あ한！😀", max_size=60))
def test_features_are_what_reading_character_by_character_finds(text: str) -> None:
    """Words begin where a letter follows neither letter nor digit, numbers where a digit follows none; lines indent."""
    before = [" ", *text]
    found = dict(zip(NAMES, count_features(text), strict=False))
    alphabet = set("aZéüжאह")
    assert found["letters"] == sum(one in "aZ" for one in text)
    assert found["words"] == sum(
        one in alphabet and last not in alphabet and last not in "09" for last, one in zip(before, text, strict=False)
    )
    assert found["upper"] == text.count("Z")
    assert found["digits"] == sum(one in "09" for one in text)
    numbers = sum(one in "09" and last not in "09" for last, one in zip(before, text, strict=False))
    assert found["numbers"] == max(numbers, found["digits"] // 7)
    assert found["punctuation"] == sum(one in ".,{" for one in text)
    assert found["lines"] == text.count("\n")
    assert found["indents"] == text.count("\n ") + text.count("\n\t")
    assert found.get("accented", 0) == sum(one in "éü" for one in text)
    assert found.get("emoji", 0) == text.count("😀")
    assert found.get("han", 0) == text.count("日")


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("length", [1_000, 100_000, 10_000_000])
def test_a_long_run_is_more_than_one_token(family: Family, length: int) -> None:
    """Digits are cut into threes, blanks into a few dozen: a prompt of nothing else passes no limit unseen."""
    assert estimate_text("1" * length, family) >= length / 3.01
    assert estimate_text(" " * length, family) >= length / 128 - 1
    assert estimate_text("1." * (length // 2), family) >= length / 3.01


def test_long_runs_are_near_the_real_count(real_counts: Mapping[Family, Callable[[str], int]]) -> None:
    """Random digits, as one number and as many; blanks within lines are not far above what they are, either."""
    random = Random(1)
    digits = "".join(random.choices("0123456789", k=6_500))
    by_thirteen = " ".join(digits[start : start + 13] for start in range(0, 6_500, 13))
    for family in (Family.OPENAI, Family.CLAUDE):
        assert estimate_text(digits, family) == pytest.approx(real_counts[family](digits), rel=0.25)
        assert estimate_text(by_thirteen, family) == pytest.approx(real_counts[family](by_thirteen), rel=0.3)
    columns = (" " * 80 + "x") * 100
    assert estimate_text(columns, Family.OPENAI) == pytest.approx(real_counts[Family.OPENAI](columns), rel=0.25)


def test_weights_fit_the_features() -> None:
    """Every family has one weight for each feature; none is negative."""
    assert set(WEIGHTS) == set(Family)
    for weights in WEIGHTS.values():
        assert len(weights) == len(NAMES) == len(count_features("é"))
        assert min(weights) >= 0


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-mini", Family.OPENAI),
        ("openai/gpt-oss-20b", Family.OPENAI),
        ("o3-mini", Family.OPENAI),
        ("claude-haiku-4-5", Family.CLAUDE),
        ("us.anthropic.claude-sonnet-4-6", Family.CLAUDE),
        ("llama3.1:8b", Family.LLAMA),
        ("meta-llama/Llama-3.3-70B-Instruct", Family.LLAMA),
        ("gemini-2.5-pro", Family.GEMINI),
        ("gemma3:4b", Family.GEMINI),
        ("mixtral-8x7b", Family.MISTRAL),
        ("codestral-latest", Family.MISTRAL),
        ("Qwen/Qwen3-32B", Family.QWEN),
        ("deepseek-chat", Family.DEEPSEEK),
        ("deepseek-r1-distill-llama-70b", Family.LLAMA),
        ("deepseek-r1-distill-qwen-32b", Family.QWEN),
        ("kimi-k2", Family.DEFAULT),
        ("tiny:latest", Family.DEFAULT),
    ],
)
def test_the_family_follows_the_name(model: str, family: Family) -> None:
    """Names as providers write them lead to the tokenizer that they use."""
    assert family_of(model) is family


@given(family=families, messages=st.integers(0, 50), tools=st.integers(0, 50))
def test_overhead_grows_with_messages_and_tools(family: Family, messages: int, tools: int) -> None:
    """Each message and each tool adds something."""
    overhead = estimate_message_overhead(family, messages, tools)
    assert overhead > 0
    assert estimate_message_overhead(family, messages + 1, tools) > overhead
    assert estimate_message_overhead(family, messages, tools + 1) > overhead


def test_a_picture_counts_by_family() -> None:
    """OpenAI's tiles, Claude's pixels."""
    assert estimate_image(Family.OPENAI) == 765
    assert estimate_image(Family.CLAUDE) == 1600
