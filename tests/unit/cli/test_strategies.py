"""Comparing profiles over a set of prompts: the file, and the figures."""

from pathlib import Path

import pytest

from tests.support.decisions import candidate, decision, shown, words
from trunkline.cli.rendering.strategies import strategies_screen, summary_json
from trunkline.cli.strategies.prompts import BenchPrompt, PromptsError, read_prompts
from trunkline.cli.strategies.summary import Sample, TargetStanding, expected_sample, planned, summarise
from trunkline.options import CompletionOptions

STANDINGS = {"a/one": TargetStanding(0.8, 0.9), "a/two": TargetStanding(0.5, 0.5)}
TWO = (candidate("a/one", 0.9), candidate("a/two", 0.4))


def file(folder: Path, text: str) -> Path:
    """A file with that text."""
    path = folder / "prompts"
    path.write_text(text, encoding="utf-8")
    return path


def test_plain_lines(tmp_path: Path) -> None:
    """A prompt a line; empty lines do not count."""
    assert read_prompts(file(tmp_path, "one\n\n  two {x}  \r\n")) == (BenchPrompt("one"), BenchPrompt("two {x}"))
    assert [prompt.text for prompt in read_prompts(file(tmp_path, "[INST] one\n[2] two"))] == ["[INST] one", "[2] two"]


def test_json_lines(tmp_path: Path) -> None:
    """The prompt with the options of its call; other fields, and separators inside strings, do no harm."""
    text = '{"prompt": "a\u2028b", "source": "x"}\n{"prompt": "two", "options": {"task": "translation"}}\n'
    first, second = read_prompts(file(tmp_path, text))
    assert first == BenchPrompt("a\u2028b")
    assert second == BenchPrompt("two", CompletionOptions(task="translation"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no prompt"),
        ('{"prompt": "ok"}\n{"prompt": }', ":2: not JSON, from column 12 on; where the first line begins with {"),
        ('{"prompt": "ok"}\n' + "[" * 100_000, ":2: not JSON"),
        ('[{"prompt": "a"},\n {"prompt": "b"}]', "holds one JSON array: write its entries one a line"),
        ('{"text": "ok"}', ':1: not an object with a text "prompt"'),
        ('{"prompt": "ok"}\nplain', ":2: not JSON"),
        ('{"prompt": "ok", "options": 3}', '"options" is not an object'),
        ('{"prompt": "ok", "options": {"tsk": "x"}}', 'no option of that name. Did you mean "task"?'),
        ('{"prompt": "ok", "options": {"profile": "cost"}}', "options.profile cannot be set here"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, text: str, says: str) -> None:
    """Nothing is routed by halves: the first mistake ends it, with its place."""
    with pytest.raises(PromptsError) as raised:
        read_prompts(file(tmp_path, text))
    assert says in str(raised.value)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """In words, without the machine's numbers."""
    with pytest.raises(PromptsError, match=r"none cannot be read: No such file or directory$"):
        read_prompts(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(PromptsError, match=r"latin cannot be read: it is not UTF-8 text$"):
        read_prompts(tmp_path / "latin")


def test_expectations_of_a_decision() -> None:
    """The first target's figures; fallbacks make success likelier: 1 - 0.1 x 0.5."""
    sample = expected_sample(decision(TWO, (), ("a/one", "a/two")), STANDINGS, turn=0)
    assert (sample.target, sample.first, sample.quality) == ("a/one", 0.9, 0.8)
    assert sample.success == pytest.approx(0.95)
    assert (sample.cost_nanodollars, sample.latency) == (200_000, 2.1)
    assert expected_sample(decision(), STANDINGS, turn=0) == Sample("", fits=False)


def test_a_round_robin_takes_its_turns() -> None:
    """A dry run does not move the router's cursor: the turn does; a rule that steers goes before it."""
    made = decision(TWO, (), ("a/one", "a/two"), picker="round_robin")
    assert [planned(made, turn)[0] for turn in range(3)] == ["a/one", "a/two", "a/one"]
    steered = decision(TWO, (), ("a/one", "a/two"), picker="round_robin", rule="night shift")
    assert planned(steered, 1) == ("a/one", "a/two")
    assert planned(decision(TWO, (), ("a/one",)), 1) == ("a/one",)


def test_a_summary() -> None:
    """Means over what was served, success over everything, shares by target."""
    samples = [
        *(Sample("a/one", True, 1.0, 1.0, 300, latency=float(second), quality=0.8) for second in range(1, 20)),
        Sample("a/two", True, 0.0, 1.0, 300, latency=20.0, quality=0.4),
        Sample("", True, 0.0, 0.0, 100),
        Sample("", False),
    ]
    summary = summarise("cost", samples)
    assert (summary.runs, summary.unrouted, summary.cost_nanodollars) == (22, 1, 6100)
    assert summary.success == pytest.approx(20 / 22)
    assert summary.first_success == pytest.approx(19 / 22)
    assert (summary.latency, summary.latency_p95) == (10.5, 19.0)
    assert summary.quality == pytest.approx(0.78)
    assert summary.spread == {"a/one": 0.95, "a/two": 0.05}


def test_summaries_as_table_and_json() -> None:
    """Shares below the figures; a profile under which nothing fits has dashes and nulls."""
    served = summarise("cost", [Sample("a/one", True, 0.9, 0.95, 200_000, 2.1, 0.8)] * 4)
    nobody = summarise("strict", [Sample("", False)])
    lines = words(shown(strategies_screen([served, nobody], executed=False)))
    assert "cost 95.0% 90.0% $0.0002 2.1 s 2.1 s 0.80" in lines
    assert "strict 0.0% 0.0% $0 - - - 1" in lines
    assert "cost a/one 100%" in lines
    assert "strict nobody" in lines
    assert summary_json(served)["total_cost_usd"] == 0.0008
    assert (summary_json(nobody)["latency_ms"], summary_json(nobody)["spread"]) == (None, {})


@pytest.mark.parametrize("width", [100, 60, 40])
def test_everything_is_there_on_narrow_screens(width: int) -> None:
    """No line is wider than the screen, and nothing is cut off."""
    sample = Sample("groq/llama-3.3-70b-versatile", True, 0.9, 0.95, 200_000, 2.1, 0.8)
    lines = shown(
        strategies_screen([summarise("least_recently_failed", [sample, Sample("", False)])], executed=True), width
    )
    assert max(map(len, lines)) <= width
    text = " ".join(words(lines))
    assert "…" not in text
    for part in ("least_recently_failed", "success", "47.5%", "$0.0001", "p95", "0.80", "nothing fits"):
        assert part in text
