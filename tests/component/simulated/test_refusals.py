"""Refusals: each provider's own status, body and headers."""

from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from provider_workers.simulated.faults import STATUS_FAULTS
from tests.component.simulated.raw_http import RawResponse, post
from tests.component.simulated.requests_by_wire import WIRES, chat


async def _refused(sim: SimulatedProviders, wire: str, fault: Fault, **more: Any) -> RawResponse:
    sim.set_behaviour(wire, Behaviour(faults=(fault,)))
    return await post(*chat(sim, wire, stream=True, **more))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("code", STATUS_FAULTS)
async def test_every_status_on_every_wire(sim: SimulatedProviders, wire: str, code: str) -> None:
    """The status is the one named (Gemini says 400 for a wrong key) and the body has the wire's error shape."""
    response = await _refused(sim, wire, Fault(code))
    assert response.status == (400 if (wire, code) == ("gemini", "401") else int(code))
    assert response.headers["x-trunkline-simulated"] == "1"
    if (wire, code) == ("openai", "502"):
        assert response.headers["content-type"] == "text/html"
        assert b"502 Bad Gateway" in response.body
    elif wire == "ollama":
        assert list(response.json()) == ["error"]
        assert isinstance(response.json()["error"], str)
    else:
        expected = {
            "openai": {"message", "type", "param", "code"},
            "anthropic": {"type", "message"},
            "gemini": {"code", "message", "status"},
        }
        assert expected[wire] <= set(response.json()["error"])
    assert sim.requests(wire)[-1].outcome == f"fault:{code}"


@pytest.mark.parametrize(
    ("wire", "kind", "status", "words"),
    [
        ("openai", "context_exceeded", 400, "context_length_exceeded"),
        ("openai", "content_filter", 400, "content_filter"),
        ("openai", "quota_exhausted", 429, "insufficient_quota"),
        ("anthropic", "529", 529, "overloaded_error"),
        ("anthropic", "context_exceeded", 400, "prompt is too long: "),
        ("anthropic", "quota_exhausted", 400, "Your credit balance is too low"),
        ("anthropic", "content_filter", 400, "content filtering policy"),
        ("ollama", "context_exceeded", 400, "exceeds the context length"),
        ("ollama", "503", 503, "server busy"),
        ("gemini", "context_exceeded", 400, "exceeds the maximum number of tokens"),
        ("gemini", "quota_exhausted", 429, "GenerateRequestsPerDay"),
    ],
)
async def test_words_that_clients_tell_errors_by(
    sim: SimulatedProviders, wire: str, kind: str, status: int, words: str
) -> None:
    """The code or phrase by which the real error is known is there."""
    response = await _refused(sim, wire, Fault(kind))
    assert response.status == status
    assert words in response.body.decode()


async def test_retry_after_as_seconds_date_or_not_at_all(sim: SimulatedProviders) -> None:
    """The three ways in which providers (do not) say how long to wait; Gemini also says it in the body."""
    assert (await _refused(sim, "openai", Fault("429", retry_after=12))).headers["retry-after"] == "12"
    assert (await _refused(sim, "openai", Fault("503", retry_after=0.5))).headers["retry-after"] == "0.5"
    dated = await _refused(sim, "anthropic", Fault("429", retry_after=30, retry_after_format="date"))
    sent = parsedate_to_datetime(dated.headers["date"])
    assert 29 <= (parsedate_to_datetime(dated.headers["retry-after"]) - sent).total_seconds() <= 31
    assert "retry-after" not in (await _refused(sim, "openai", Fault("429"))).headers
    details = (await _refused(sim, "gemini", Fault("429", retry_after=34))).json()["error"]["details"]
    assert details[-1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}


async def test_rate_limit_headers_on_demand(sim: SimulatedProviders) -> None:
    """A 429 shows nothing left, unless it is told to show no headers."""
    shown = await _refused(sim, "openai", Fault("429", retry_after=2))
    assert shown.headers["x-ratelimit-remaining-requests"] == "0"
    assert shown.headers["x-ratelimit-reset-requests"] == "2s"
    hidden = await _refused(sim, "openai", Fault("429", rate_limit_headers=False))
    assert not any(name.startswith("x-ratelimit") for name in hidden.headers)


@pytest.mark.parametrize("wire", WIRES)
async def test_prefill_is_refused_only_where_there_is_one(sim: SimulatedProviders, wire: str) -> None:
    """A request that ends with the user's turn is answered; one that ends with the assistant's is refused."""
    sim.set_behaviour(wire, Behaviour(faults=(Fault("prefill_refused"),)))
    url, body = chat(sim, wire)
    assert (await post(url, body)).status == 200
    if wire == "gemini":
        body["contents"].append({"role": "model", "parts": [{"text": "Trees"}]})
    else:
        body["messages"].append({"role": "assistant", "content": "Trees"})
    assert (await post(url, body)).status == 400


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "change",
    [
        {"messages": "hello", "contents": "hello"},
        {"messages": [1], "contents": [1]},
        {"tools": [1]},
        {"max_tokens": "ten", "options": {"num_predict": "ten"}, "generationConfig": {"maxOutputTokens": "ten"}},
        {"stop": 1, "options": 1, "thinking": 1, "generationConfig": 1},
    ],
    ids=["no list", "no objects", "tools", "no number", "no object"],
)
async def test_wrong_types_are_the_callers_mistake(sim: SimulatedProviders, wire: str, change: dict[str, Any]) -> None:
    """A request of a wrong shape gets a 400 (or is answered where it can be), never a broken connection."""
    response = await post(*chat(sim, wire, **change))
    assert response.ending == "whole"
    assert response.status == 400 or "stop" in change
    assert sim.requests(wire)[-1].ended is not None


async def test_conditional_faults(sim: SimulatedProviders) -> None:
    """A parameter that was not sent is no offence; a short prompt fits a small window."""
    sim.set_behaviour("openai", Behaviour(faults=(Fault("unsupported_parameter", parameter="logit_bias"),)))
    assert (await post(*chat(sim, "openai"))).status == 200
    refused = await post(*chat(sim, "openai", logit_bias={}))
    assert refused.json()["error"]["param"] == "logit_bias"
    sim.set_behaviour("openai", Behaviour(faults=(Fault("context_exceeded", above_tokens=50),)))
    assert (await post(*chat(sim, "openai"))).status == 200
    long = [{"role": "user", "content": "tree " * 100}]
    assert "maximum context length" in (await post(*chat(sim, "openai", messages=long))).json()["error"]["message"]


async def test_times_probability_model_and_operation(sim: SimulatedProviders) -> None:
    """A fault strikes as often, as likely and where it is told to."""

    async def statuses(fault: Fault, count: int, **more: Any) -> list[int]:
        sim.set_behaviour("openai", Behaviour(faults=(fault,)))
        return [(await post(*chat(sim, "openai", **more))).status for _ in range(count)]

    assert await statuses(Fault("503", times=2), 4) == [503, 503, 200, 200]
    drawn = await statuses(Fault("503", probability=0.5), 40)
    assert 8 <= drawn.count(503) <= 32
    assert await statuses(Fault("503", model="gpt-4o"), 1) == [200]
    assert await statuses(Fault("503", model="gpt-4o"), 1, model="gpt-4o") == [503]
    assert await statuses(Fault("503", operation="embed"), 1) == [200]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 1_000_000_000},
        {"type": "string", "minLength": 1_000_000_000},
        {"type": "array", "minItems": 100, "items": {"type": "array", "minItems": 1_000}},
        {"type": "array", "minItems": "many"},
    ],
)
async def test_an_endless_schema_is_refused(sim: SimulatedProviders, schema: dict[str, Any]) -> None:
    """One small request must not keep every simulated provider from answering."""
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    response = await post(*chat(sim, "openai", response_format=form))
    assert response.status == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert "schema" in response.json()["error"]["message"]


async def test_endless_vectors_are_refused(sim: SimulatedProviders) -> None:
    """As with schemas: no model has vectors of a billion numbers."""
    body = {"model": "text-embedding-3-small", "input": "trees", "dimensions": 1_000_000_000}
    response = await post(f"{sim.base_url('openai')}/embeddings", body)
    assert response.status == 400
    assert response.json()["error"]["param"] == "dimensions"
