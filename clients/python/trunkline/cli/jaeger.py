"""Reads a trace from Jaeger's query API, with what the standard library has."""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trunkline.cli.rendering.marks import TRACES_DEFAULT, TRACES_VARIABLE

_SECONDS = 10.0
_PAGE = "/trace/{trace_id}"
_TRACE_ID = re.compile(r"[0-9a-f]{16,32}")


class TraceUnavailable(Exception):
    """The trace cannot be read; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span as Jaeger shows it.

    Attributes:
        parent_id: empty where it has none.
        start: seconds since the epoch.
        duration: seconds.
        tags: the span's attributes.
        events: names of its events with their fields.
    """

    span_id: str
    parent_id: str
    name: str
    service: str
    start: float
    duration: float
    tags: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def failed(self) -> bool:
        """Whether its status is an error."""
        return self.tags.get("otel.status_code") == "ERROR" or self.tags.get("error") is True


@dataclass(frozen=True, slots=True)
class Node:
    """A span with the spans below it, by start."""

    span: Span
    children: "tuple[Node, ...]"


def query_address(given: str | None) -> str:
    """Where Jaeger's query API is: what was given, else the Jaeger whose pages `TRUNKLINE_TRACES` names.

    Raises:
        TraceUnavailable: the variable names pages of something else.
    """
    if given:
        return given.rstrip("/")
    pages = os.environ.get(TRACES_VARIABLE) or TRACES_DEFAULT
    if not pages.endswith(_PAGE):
        raise TraceUnavailable(
            f"{TRACES_VARIABLE} names no Jaeger ({pages}); say where one is: --jaeger http://HOST:16686"
        )
    return pages.removesuffix(_PAGE)


def read_trace(address: str, trace_id: str) -> tuple[Node, ...]:
    """The spans of a trace as trees: one, or several where spans between them are missing.

    Raises:
        TraceUnavailable: the identifier is none, no Jaeger answers at `address`, or it does not know the trace.
    """
    wanted = trace_id.lower()
    if _TRACE_ID.fullmatch(wanted) is None:
        raise TraceUnavailable(f'"{trace_id}" is no trace id: 32 hexadecimal digits, as chat --explain shows them')
    try:
        with urllib.request.urlopen(f"{address}/api/traces/{wanted}", timeout=_SECONDS) as answer:
            parsed = json.load(answer)
        spans = [span for trace in parsed["data"] or () for span in _spans(trace)]
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                raise TraceUnavailable(_unknown(address, trace_id)) from error
            raise TraceUnavailable(f"Jaeger at {address} answered {error.code} {error.reason}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", None) or error
        raise TraceUnavailable(
            f"no Jaeger answers at {address} ({reason}). Start one (docs/tracing.md), or say where it is: "
            f"--jaeger http://HOST:16686, or {TRACES_VARIABLE}=http://HOST:16686{_PAGE}"
        ) from error
    if not spans:
        raise TraceUnavailable(_unknown(address, trace_id))
    return trees(spans)


def trees(spans: Sequence[Span]) -> tuple[Node, ...]:
    """Spans as trees, by start; a span whose parent is not among them is a root."""
    known = {span.span_id for span in spans}
    below: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda span: span.start):
        below.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

    def node(span: Span) -> Node:
        return Node(span, tuple(node(child) for child in below.get(span.span_id, ())))

    return tuple(node(root) for root in below.get("", ()))


def _unknown(address: str, trace_id: str) -> str:
    """What to say of a trace that is not there."""
    return (
        f"Jaeger at {address} does not know trace {trace_id}. Spans arrive some seconds after the call; "
        "a call that was not sampled, or made while the router did not trace, never does"
    )


def _spans(trace: Mapping[str, Any]) -> Iterator[Span]:
    for raw in trace["spans"]:
        parents = (reference["spanID"] for reference in raw["references"] or () if reference["refType"] == "CHILD_OF")
        yield Span(
            span_id=raw["spanID"],
            parent_id=next(parents, ""),
            name=raw["operationName"],
            service=trace["processes"][raw["processID"]]["serviceName"],
            start=raw["startTime"] / 1e6,
            duration=raw["duration"] / 1e6,
            tags=_tags(raw["tags"]),
            events=tuple(_event(log) for log in raw["logs"] or ()),
        )


def _event(log: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    fields = _tags(log["fields"])
    return str(fields.pop("event", "")), fields


def _tags(raw: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in raw or ()}
