"""A kind of backend is named in one table; what must be written out beside it agrees with it."""

from importlib import import_module
from typing import get_args

import pytest

from provider_workers.backends.ollama.models import is_remote
from service_common.backend_kinds import BACKEND_KINDS, WORKER_KINDS, WORKER_SETTINGS, KindName
from service_common.configuration import BackendSection
from service_common.facts import FactsTable
from tests.support.conformance import KINDS


def test_the_configuration_takes_the_kinds_of_the_table() -> None:
    """The type of `kind` names each of them, and no other."""
    assert set(get_args(KindName)) == set(BACKEND_KINDS)


@pytest.mark.parametrize("kind", WORKER_KINDS)
def test_each_kind_has_an_adapter(kind: str) -> None:
    """Where `provider_workers.backends.kinds` looks for it."""
    assert callable(import_module(f"provider_workers.backends.{kind}.factory").create)


@pytest.mark.parametrize("kind", WORKER_KINDS)
def test_each_kind_is_held_to_the_suite(kind: str) -> None:
    """No kind goes without the conformance suite."""
    assert kind in {tried.kind for tried in KINDS}


@pytest.mark.parametrize("kind", BACKEND_KINDS)
def test_what_only_some_kinds_have_can_be_written(kind: str) -> None:
    """A setting that the table lists is one of a backend's section."""
    assert BACKEND_KINDS[kind].settings <= set(BackendSection.model_fields)


def test_what_only_workers_read_can_be_written() -> None:
    """Where a backend's worker is one of this project's."""
    assert set(BackendSection.model_fields) >= WORKER_SETTINGS


@pytest.mark.parametrize(
    ("kind", "model", "expected"),
    [
        ("ollama", "gpt-oss:120b-cloud", True),
        ("ollama", "glm-4.6:cloud", True),
        ("ollama", "deepseek-cloud", True),
        ("ollama", "deepseek:671bcloud", True),
        ("ollama", "llama3.1:8b", False),
        ("ollama", "cloudy", False),
        ("openai_wire", "gpt-oss:120b-cloud", False),
    ],
)
def test_models_in_the_makers_cloud_are_told_by_their_names(kind: str, model: str, expected: bool) -> None:
    """An Ollama's are told by their tag; a name alone says nothing of other kinds."""
    assert BACKEND_KINDS[kind].runs_in_cloud(model) is expected


@pytest.mark.parametrize("model", ["glm-4.6:cloud", "deepseek-cloud", "deepseek:671bcloud", "llama3.1:8b", "cloudy"])
def test_all_who_ask_agree_on_what_runs_in_the_makers_cloud(model: str) -> None:
    """A worker that announces the model, and the table of facts: what it takes for free runs here."""
    remote = BACKEND_KINDS["ollama"].runs_in_cloud(model)
    assert is_remote({}, model) is remote
    assert (FactsTable({}, "none").lookup("ollama", model) is None) is remote
