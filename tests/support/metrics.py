"""Reads metrics as Prometheus does."""

import asyncio
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from service_common.metric_families import Registry
from service_common.metrics_server import exposition
from tests.support.router_process import RunningProcess

PAGE = re.compile(r"metrics are at (http://\S+)")
SERVED = {"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT": "0"}
"""Environment of a router that serves metrics on a free port, which its log names."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """One reading. `types`: by family; `samples`: by name and labels."""

    types: Mapping[str, str]
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, /, **labels: str) -> float:
        """The sample; a missing one fails the test."""
        found = self.get(name, **labels)
        assert found is not None, f"no {name} {labels} among {sorted(map(str, self.samples))}"
        return found

    def get(self, name: str, /, **labels: str) -> float | None:
        """The sample; None: there is none."""
        return self.samples.get((f"trunkline_{name}", frozenset(labels.items())))


def parsed(text: str) -> Scrape:
    """A page, read by Prometheus' own library; a sample that stands there twice fails the test."""
    types: dict[str, str] = {}
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.name not in types, f"{family.name} stands there twice"
        types[family.name] = family.type
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"{key} stands there twice"
            samples[key] = sample.value
    return Scrape(types, samples)


async def read(registry: Registry) -> Scrape:
    """What a registry of this process collects."""
    return parsed((await exposition(registry)).decode())


async def scrape(process: RunningProcess) -> Scrape:
    """What a process serves at the address that its log names."""
    page = (await process.said(PAGE))[1]

    def fetch() -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(page, timeout=10.0) as answer:
            return str(answer.read().decode())

    return parsed(await asyncio.to_thread(fetch))
