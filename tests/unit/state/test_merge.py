"""What is known of a target: configuration over workers over facts, and the clearance that both sides allow."""

from datetime import date

import pytest
from msgspec.structs import replace

from router_service.domain.target import FREE, BackendPolicy, Price
from router_service.domain.worker import ModelReport, WorkerHello, WorkerReport
from router_service.state.merge import discovered, merged
from service_common.facts.model import Ability, Mode, ModelFacts
from service_common.vocabulary import Locality, ModelMode, Sensitivity
from tests.support.link_parts import hello, spec

PLAIN = BackendPolicy("a", "openai_wire", "openai")
OLLAMA = BackendPolicy("a", "ollama", "ollama")
CONFIDENTIAL, INTERNAL, PUBLIC = Sensitivity.CONFIDENTIAL, Sensitivity.INTERNAL, Sensitivity.PUBLIC


def cleared(policy: BackendPolicy, *hellos: WorkerHello, remote: bool = False) -> Sensitivity:
    """The clearance of `a/m` under a policy with these workers."""
    return merged(spec("a/m", remote=remote), policy, [WorkerReport.begun(each) for each in hellos]).clearance


def test_the_configuration_counts_over_the_worker() -> None:
    """A window that the file names stays; one that only the facts knew is replaced by what the worker reports."""
    report = ModelReport("m", context_window=8_192, max_output=1_024)
    session = WorkerReport.begun(hello(models=())).with_models([report])
    configured = spec("a/m", context_window=4_096, max_output=512, configured=frozenset({"context_window"}))
    target = merged(configured, PLAIN, [session])
    assert (target.context_window, target.max_output) == (4_096, 1_024)


def test_what_nobody_reports_stays() -> None:
    """A worker that knows nothing of a model does not erase the facts."""
    target = merged(spec("a/m", context_window=4_096), PLAIN, [WorkerReport.begun(hello())])
    assert (target.context_window, target.price) == (4_096, spec("a/m").price)


def test_a_discovered_model_takes_the_facts() -> None:
    """Price, window, abilities and kind come from the table of facts, under the router's names."""
    facts = ModelFacts(
        "openai",
        "m",
        mode=Mode.EMBEDDING,
        context_window=100,
        input_price=5,
        output_price=7,
        abilities=frozenset({Ability.PDF, Ability.TOOLS}),
    )
    target = discovered(PLAIN, ModelReport("m"), facts)
    assert (target.name, target.mode, target.context_window) == ("a/m", ModelMode.EMBEDDING, 100)
    assert target.price == Price(5, 7, 5)
    assert target.abilities == {"files", "tools", "streaming"}


def test_what_stands_in_for_a_retired_model_stays() -> None:
    """The real model's end is not that of a simulated provider's, also where its worker found the model by itself."""
    gone = date(2026, 1, 31)
    facts = ModelFacts("openai", "m", deprecated_on=gone)
    assert discovered(PLAIN, ModelReport("m"), facts).retires_on == gone
    assert discovered(replace(PLAIN, simulated=True), ModelReport("m"), facts).retires_on is None


@pytest.mark.parametrize(
    ("policy", "locality", "worker", "remote", "expected"),
    [
        (PLAIN, Locality.REMOTE, CONFIDENTIAL, False, INTERNAL),
        (PLAIN, Locality.HOST, CONFIDENTIAL, False, INTERNAL),
        (OLLAMA, Locality.HOST, CONFIDENTIAL, False, CONFIDENTIAL),
        (OLLAMA, Locality.PRIVATE, CONFIDENTIAL, False, CONFIDENTIAL),
        (OLLAMA, Locality.REMOTE, CONFIDENTIAL, False, INTERNAL),
        (OLLAMA, Locality.HOST, CONFIDENTIAL, True, INTERNAL),
        (OLLAMA, Locality.HOST, INTERNAL, False, INTERNAL),
        (BackendPolicy("a", "openai_wire", "openai", clearance=CONFIDENTIAL), Locality.REMOTE, CONFIDENTIAL, False, 3),
        (BackendPolicy("a", "openai_wire", "openai", clearance=CONFIDENTIAL), Locality.REMOTE, PUBLIC, False, PUBLIC),
        (BackendPolicy("a", "openai_wire", "openai", clearance=PUBLIC), Locality.HOST, CONFIDENTIAL, False, PUBLIC),
        (BackendPolicy("a", "ollama", "ollama", clearance=CONFIDENTIAL), Locality.HOST, CONFIDENTIAL, True, INTERNAL),
    ],
)
def test_clearance(
    policy: BackendPolicy, locality: Locality, worker: Sensitivity, remote: bool, expected: Sensitivity
) -> None:
    """The lower of configuration and worker; an Ollama nearby is cleared, its cloud models never."""
    assert cleared(policy, hello(locality=locality, clearance=worker), remote=remote) == expected


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "qwen3:cloud", "glm-cloud"])
def test_a_cloud_model_is_known_by_its_name(model: str) -> None:
    """Even where the worker does not say that it runs elsewhere."""
    target = merged(spec(f"a/{model}"), OLLAMA, [WorkerReport.begun(hello(models=(model,), locality=Locality.HOST))])
    assert (target.clearance, target.remote) == (INTERNAL, True)


def test_the_least_cleared_worker_counts() -> None:
    """One replica that may not see confidential prompts bars them from the target."""
    near = hello("w1", locality=Locality.HOST)
    far = hello("w2", locality=Locality.REMOTE)
    assert cleared(OLLAMA, near, far) is INTERNAL
    assert cleared(OLLAMA, near, hello("w3", locality=Locality.HOST, clearance=PUBLIC)) is PUBLIC


def test_nothing_is_cleared_for_confidential_while_nobody_is_there() -> None:
    """Where an Ollama is cannot be known before its worker says so."""
    assert cleared(OLLAMA) is INTERNAL


def test_a_local_model_costs_nothing() -> None:
    """Unless the configuration prices it; a cloud model of the same server keeps its price."""
    near = [WorkerReport.begun(hello(locality=Locality.HOST))]
    priced = spec("a/m").price
    assert merged(spec("a/m"), OLLAMA, near).price == FREE
    assert merged(spec("a/m", configured=frozenset({"price"})), OLLAMA, near).price == priced
    assert merged(spec("a/m", remote=True), OLLAMA, near).price == priced


@pytest.mark.parametrize(
    ("offline", "locality", "remote", "cut_off"),
    [
        (True, Locality.REMOTE, False, True),
        (True, Locality.HOST, False, False),
        (True, Locality.PRIVATE, False, False),
        (True, Locality.HOST, True, True),
        (False, Locality.REMOTE, False, False),
    ],
)
def test_offline_cuts_off_what_is_outside(offline: bool, locality: Locality, remote: bool, cut_off: bool) -> None:
    """What its worker says to be near stays; models in a local server's cloud do not."""
    policy = BackendPolicy("a", "ollama", "ollama", offline=offline)
    target = merged(spec("a/m", remote=remote), policy, [WorkerReport.begun(hello(locality=locality))])
    assert target.cut_off is cut_off
