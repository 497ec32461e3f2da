"""A trace as a tree."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.decisions import shown
from trunkline.cli.jaeger import Span, TraceUnavailable, query_address, read_trace, trees
from trunkline.cli.rendering.trace import trace_json, trace_screen


def span(span_id: str, parent: str, name: str, *, start: float, duration: float, **tags: Any) -> Span:
    """A span; in the names of tags `__` stands for a dot."""
    named: Mapping[str, Any] = {key.replace("__", "."): value for key, value in tags.items()}
    events = (("target skipped", {"trunkline.target": "a/b", "trunkline.reason": "at capacity"}),)
    return Span(span_id, parent, name, "trunkline-router", start, duration, named, events if parent == "" else ())


SPANS = [
    span("4", "2", "POST", start=10.02, duration=0.01, http__request__method="POST", http__response__status_code=503,
         server__address="api.groq.com", server__port=443, error__type="503"),
    span("1", "", "trunkline.router.v1.RouterService/Complete", start=10.0, duration=0.1, rpc__method="Complete",
         rpc__response__status_code="OK", trunkline__target="openai/gpt", gen_ai__usage__output_tokens=40,
         trunkline__cost_usd=0.000025),
    span("3", "1", "chat gpt", start=10.05, duration=0.05, trunkline__hop=2, trunkline__target="openai/gpt",
         trunkline__attempt__kind="fallback"),
    span("2", "1", "chat llama", start=10.02, duration=0.02, trunkline__hop=1, trunkline__target="groq/llama",
         trunkline__attempt__kind="first", error__type="overloaded", trunkline__failure="try later"),
]  # fmt: skip


def test_the_tree_has_times_and_outcomes() -> None:
    """In the order of time, each below its parent, with what a person asks: who, how long, what came of it."""
    lines = shown(trace_screen(trees(SPANS)))
    without_bars = [" ".join(line.replace("━", "").split()) for line in lines]
    assert without_bars == [
        "4 spans of trunkline-router, 100 ms",
        "",
        "RouterService/Complete 100 ms OK, openai/gpt, 40 tokens, $0.000025",
        "· target skipped a/b, at capacity",
        "├─ chat groq/llama 20 ms overloaded: try later",
        "│ └─ POST 10 ms 503 from api.groq.com:443",
        "└─ chat openai/gpt 50 ms fallback",
    ]


def test_bars_show_when_a_span_ran() -> None:
    """The second half of the whole is the second half of the bar."""
    lines = shown(trace_screen(trees(SPANS)))
    whole, half = (line[line.index("━") : line.rindex("━") + 1] for line in (lines[2], lines[-1]))
    assert len(whole) == 2 * len(half)
    assert lines[2].rindex("━") == lines[-1].rindex("━")


def test_spans_without_their_parent_are_roots() -> None:
    """What was lost on the way hides nothing else."""
    roots = trees([one for one in SPANS if one.span_id != "1"])
    assert [root.span.span_id for root in roots] == ["2", "3"]
    assert [child.span.span_id for child in roots[0].children] == ["4"]


def test_as_json() -> None:
    """The same tree for programs."""
    tree = trace_json(trees(SPANS)[0])
    assert tree["duration_ms"] == 100.0
    assert [child["attributes"]["trunkline.hop"] for child in tree["children"]] == [1, 2]


def test_where_jaeger_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given, else the Jaeger of TRUNKLINE_TRACES; pages of something else are named as such."""
    monkeypatch.delenv("TRUNKLINE_TRACES", raising=False)
    assert query_address("http://j:1/") == "http://j:1"
    assert query_address(None) == "http://localhost:16686"
    monkeypatch.setenv("TRUNKLINE_TRACES", "https://jaeger.example/ui/trace/{trace_id}")
    assert query_address(None) == "https://jaeger.example/ui"
    monkeypatch.setenv("TRUNKLINE_TRACES", "https://grafana.example/explore?trace={trace_id}")
    with pytest.raises(TraceUnavailable, match="--jaeger"):
        query_address(None)


@pytest.mark.parametrize("trace_id", ["", "7c1f", "../services", "g" * 32])
def test_what_is_no_trace_id_is_not_asked_for(trace_id: str) -> None:
    """Wrong usage is named as such."""
    with pytest.raises(TraceUnavailable, match="no trace id"):
        read_trace("http://127.0.0.1:9", trace_id)


def test_no_jaeger_says_how_to_get_one() -> None:
    """The address that was tried, and what to do."""
    with pytest.raises(TraceUnavailable, match=r"no Jaeger answers at http://127\.0\.0\.1:9 .*--jaeger"):
        read_trace("http://127.0.0.1:9", "7c1f" * 8)
