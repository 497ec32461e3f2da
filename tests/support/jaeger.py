"""A real Jaeger (v1 all-in-one, in memory) and what tests read back from its query API."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.components import find_component, free_ports, running

POLL_INTERVAL = 0.05
HTTP_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a span."""

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A span as Jaeger shows it. `start` is in seconds since the epoch, `duration` in seconds."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    service: str
    kind: str
    """server, client, producer, consumer or internal"""
    tags: Mapping[str, Any]
    """The span's attributes; an attribute that is an array is a list here."""
    process: Mapping[str, Any]
    """The attributes of the resource."""
    status: str
    """OK, ERROR or UNSET"""
    status_message: str
    start: float
    duration: float
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Jaeger:
    """A running Jaeger."""

    otlp_endpoint: str
    """For OTEL_EXPORTER_OTLP_ENDPOINT, over gRPC."""
    query_url: str

    async def trace(self, trace_id: str) -> list[Span]:
        """The spans that Jaeger has of a trace, by start; empty while it has none.

        Args:
            trace_id: 32 hexadecimal digits.
        """
        parsed = await asyncio.to_thread(self._get, f"/api/traces/{trace_id}")
        spans = [span for trace in parsed["data"] or () for span in _spans(trace)]
        return sorted(spans, key=lambda span: span.start)

    async def wait_for_trace(self, trace_id: str, spans: int, timeout: float = 15.0) -> list[Span]:
        """The trace, as soon as it has at least `spans` spans.

        Raises:
            AssertionError: it has fewer after `timeout` seconds; names those that are there.
        """
        end = time.monotonic() + timeout
        while True:
            found = await self.trace(trace_id)
            if len(found) >= spans:
                return found
            if time.monotonic() > end:
                there = ", ".join(f"{span.service}: {span.name}" for span in found) or "none"
                raise AssertionError(f"trace {trace_id} has {len(found)} of {spans} spans after {timeout:g} s: {there}")
            await asyncio.sleep(POLL_INTERVAL)

    async def services(self) -> list[str]:
        """The names of all services that sent a span."""
        parsed = await asyncio.to_thread(self._get, "/api/services")
        return sorted(parsed["data"] or ())

    def _get(self, path: str) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(self.query_url + path, timeout=HTTP_TIMEOUT) as answer:
                parsed: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 404:  # an unknown trace
                    raise
            return {"data": []}
        return parsed


def children(spans: list[Span], parent: Span) -> list[Span]:
    """The direct children of `parent`, by start."""
    return [span for span in spans if span.parent_id == parent.span_id]


def tree(spans: list[Span]) -> str:
    """The spans as an indented tree of names, for a failed assertion's message."""
    known = {span.span_id for span in spans}

    def lines(level: list[Span], depth: int) -> Iterator[str]:
        for span in level:
            yield f"{'  ' * depth}{span.service}: {span.name} ({span.kind}, {span.status})"
            yield from lines(children(spans, span), depth + 1)

    return "\n".join(lines([span for span in spans if span.parent_id not in known], 0))


def _spans(trace: dict[str, Any]) -> Iterator[Span]:
    for raw in trace["spans"]:
        tags = _tags(raw["tags"])
        process = trace["processes"][raw["processID"]]
        parent = next((ref["spanID"] for ref in raw["references"] if ref["refType"] == "CHILD_OF"), None)
        yield Span(
            trace_id=raw["traceID"],
            span_id=raw["spanID"],
            parent_id=parent,
            name=raw["operationName"],
            service=process["serviceName"],
            kind=str(tags.get("span.kind", "internal")),
            tags=tags,
            process=_tags(process["tags"]),
            status=str(tags.get("otel.status_code", "UNSET")),
            status_message=str(tags.get("otel.status_description", "")),
            start=raw["startTime"] / 1e6,
            duration=raw["duration"] / 1e6,
            events=tuple(_event(log) for log in raw["logs"] or ()),
        )


def _tags(raw: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {tag["key"]: _value(tag["value"]) for tag in raw or ()}


def _value(value: Any) -> Any:
    """Jaeger v1 has no arrays: it holds them as JSON."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _event(log: dict[str, Any]) -> Event:
    fields = _tags(log["fields"])
    return Event(str(fields.pop("event", "")), fields)


@contextmanager
def run_jaeger(folder: Path) -> Iterator[Jaeger]:
    """A Jaeger of one's own; its log goes to `folder`."""
    binary = find_component("jaeger-all-in-one")
    otlp, query, *others = free_ports(7)
    names = (
        "collector.otlp.http",
        "collector.grpc-server",
        "collector.http-server",
        "query.grpc-server",
        "admin.http",
    )
    flags = [f"--{name}.host-port=127.0.0.1:{port}" for name, port in zip(names, others, strict=True)]
    command: list[str | Path] = [
        binary,
        f"--collector.otlp.grpc.host-port=127.0.0.1:{otlp}",
        f"--query.http-server.host-port=127.0.0.1:{query}",
        *flags,
    ]
    query_url = f"http://127.0.0.1:{query}"
    admin_url = f"http://127.0.0.1:{others[-1]}/"
    # All that it knows is in memory: nothing is lost by not waiting for its own, slow end.
    with running(command, ready_url=admin_url, log=folder / "jaeger.log", grace=0.0):
        yield Jaeger(f"http://127.0.0.1:{otlp}", query_url)


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """One Jaeger for the session: tests tell their traces apart by id."""
    with run_jaeger(tmp_path_factory.mktemp("jaeger")) as server:
        yield server
