"""The commands as processes, against a router that plays a script."""

import re
from collections.abc import AsyncIterator

import grpc
import pytest

from tests.support.command_line import trunkline
from tests.support.scripted_router import Failure, Script, ScriptedRouter, completed, table_of
from trunkline.router.v1 import router_service_pb2 as router_pb2
from trunkline.types.v1 import attempt_pb2, classification_pb2, decision_pb2


@pytest.fixture
async def router() -> AsyncIterator[ScriptedRouter]:
    """A router that plays the test's script."""
    async with ScriptedRouter(Script()) as running:
        yield running


def decision() -> decision_pb2.Decision:
    """Two candidates and a rejection."""
    made = decision_pb2.Decision(decision_id="d1", profile="balanced", plan=["groq/llama", "openai/gpt"])
    found = made.classification
    found.task = classification_pb2.TASK_CODE_GENERATION
    found.complexity = classification_pb2.COMPLEXITY_CODE
    found.sensitivity = classification_pb2.SENSITIVITY_INTERNAL
    found.input_tokens, found.expected_output_tokens = 12, 260
    for target, score in (("groq/llama", 0.85), ("openai/gpt", 0.75)):
        candidate = made.candidates.add(target=target, score=score, expected_cost_nanodollars=200_000, simulated=True)
        candidate.expected_latency.FromMilliseconds(2100)
        candidate.scores.add(scorer="quality", value=0.8, weight=0.4)
        candidate.scores.add(scorer="cost", value=0.9, weight=0.6)
    made.rejections.add(
        target="openai/gpt-4o", filter="max_cost", reason="expected $0.0052", relaxation="max_cost 0.0052"
    )
    return made


def failed_attempt() -> attempt_pb2.Attempt:
    """A hop that was rate limited."""
    attempt = attempt_pb2.Attempt(
        number=1,
        target="groq/llama",
        kind=attempt_pb2.ATTEMPT_KIND_FIRST,
        outcome=attempt_pb2.ATTEMPT_OUTCOME_FAILED,
        failure_class=attempt_pb2.FAILURE_CLASS_RATE_LIMITED,
        http_status=429,
    )
    attempt.latency.FromMilliseconds(84)
    attempt.retry_after.FromSeconds(12)
    return attempt


def all_failed() -> Failure:
    """The status of a call whose only attempt failed."""
    error = attempt_pb2.CallError(reason="ALL_ATTEMPTS_FAILED", message="every target failed", trace_id="t9")
    error.attempts.append(failed_attempt())
    error.retry_after.FromSeconds(12)
    return Failure(grpc.StatusCode.UNAVAILABLE, "every target failed: groq/llama rate_limited (429)", error)


def rescued() -> list[router_pb2.StreamCompleteResponse]:
    """A stream whose first target failed."""
    events = completed("Hel|lo", "openai/gpt")
    events[0].decision.CopyFrom(decision())
    events.insert(1, router_pb2.StreamCompleteResponse(attempt_failed=failed_attempt()))
    done = events[-1].completed
    done.attempts[0].number, done.attempts[0].kind = 2, attempt_pb2.ATTEMPT_KIND_FALLBACK
    done.attempts.insert(0, failed_attempt())
    done.is_fallback, done.simulated, done.trace_id = True, True, "7c1f"
    return events


async def test_chat_streams_the_answer_to_stdout(router: ScriptedRouter) -> None:
    """Only the model's words are on standard output; what is said about them is on standard error."""
    router.script.answers["StreamComplete"] = rescued()
    ran = await trunkline("chat", "say", "hello", "--router", router.address)
    assert (ran.code, ran.out) == (0, "Hello\n")
    assert re.search(r"groq/llama +rate_limited \(429, told to wait 12 s\)", ran.err)
    assert "openai/gpt" in ran.err
    assert "fallback" in ran.err
    assert "simulated" in ran.err
    assert router.script.requests[0].completion.messages[0].content[0].text == "say hello"


async def test_chat_explain_shows_decision_and_hops(router: ScriptedRouter) -> None:
    """The decision's table, the answer, then every hop with its times."""
    router.script.answers["StreamComplete"] = rescued()
    ran = await trunkline("chat", "--explain", "hello", environment={"TRUNKLINE_ROUTER": router.address})
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0] == "task code_generation · complexity code · sensitivity internal · about 12 tokens in, 260 out"
    assert "Hello" in lines
    hops = [" ".join(line.split()) for line in lines[lines.index("Hello") :]]
    assert "groq/llama rate_limited (429, told to wait 12 s) 84 ms first" in hops
    assert "openai/gpt answered first token 120 ms, 410 ms, 34 tokens, $0.00013 fallback" in hops
    assert "trace 7c1f http://localhost:16686/trace/7c1f" in hops


async def test_chat_json_is_one_object(router: ScriptedRouter) -> None:
    """The public names and their values."""
    events = rescued()
    router.script.answers["Complete"] = router_pb2.CompleteResponse(
        text="Hello", completed=events[-1].completed, decision=decision()
    )
    ran = await trunkline("chat", "--json", "hello", "--router", router.address)
    shown = ran.json
    assert ran.code == 0
    assert shown["text"] == "Hello"
    assert shown["target"] == "openai/gpt"
    assert shown["usage"] == {
        "input_tokens": 12,
        "output_tokens": 34,
        "cached_input_tokens": 0,
        "reasoning_tokens": 0,
        "estimated": False,
    }
    assert shown["cost_usd"] == 0.00013
    assert (shown["decision_id"], shown["trace_id"]) == ("d1", "7c1f")
    assert (shown["simulated"], shown["is_fallback"]) == (True, True)
    attempts = [
        {name: attempt[name] for name in ("target", "kind", "outcome", "failure_class", "latency_ms")}
        for attempt in shown["attempts"]
    ]
    assert attempts == [
        {
            "target": "groq/llama",
            "kind": "first",
            "outcome": "failed",
            "failure_class": "rate_limited",
            "latency_ms": 84.0,
        },
        {
            "target": "openai/gpt",
            "kind": "fallback",
            "outcome": "succeeded",
            "failure_class": None,
            "latency_ms": 410.0,
        },
    ]


async def test_every_option_reaches_the_router(router: ScriptedRouter) -> None:
    """The command line's words become the request's fields."""
    router.script.answers["Route"] = router_pb2.RouteResponse(decision=decision())
    words = (
        "route --model fast --profile cost --max-cost 0.004 --max-latency 500ms --quality 0.7 --require coding:7 "
        "--require vision --prefer creative --min-context 32000 --exclude openai --allow groq --region eu "
        "--region-required --sensitivity confidential --task code_review --complexity complex --domain legal "
        "--recovery reset --label team=search --timeout 20 --system brief --temperature 0 --top-p 0.9 "
        "--max-tokens 100 --seed 7 --stop END --effort low --json-object --max-cost-per-1k 0.002 --affinity user-1 "
        '--priority 3 --request-id r1 --idempotency-key k1 --provider-option openai={"store":true} hello'
    )
    ran = await trunkline(*words.split(), "--router", router.address)
    assert ran.code == 0, ran.err
    request = router.script.requests[0].completion
    routing, parameters = request.routing, request.parameters
    assert (routing.model, routing.profile, routing.max_cost_nanodollars) == ("fast", "cost", 4_000_000)
    assert routing.max_latency.ToMilliseconds() == 500
    assert [c.name for c in routing.required_capabilities] == ["coding", "vision"]
    assert (routing.min_context_tokens, routing.region_required, routing.domain) == (32_000, True, "legal")
    assert (parameters.HasField("temperature"), parameters.temperature) == (True, 0)
    assert (parameters.max_output_tokens, parameters.seed, list(parameters.stop)) == (100, 7, ["END"])
    assert dict(request.labels) == {"team": "search"}
    assert request.messages[0].content[0].text == "brief"
    assert request.response_format.HasField("json")
    assert (routing.max_cost_per_1k_nanodollars, routing.affinity_key, routing.priority) == (2_000_000, "user-1", 3)
    assert (request.request_id, request.idempotency_key) == ("r1", "k1")
    assert dict(request.provider_options) == {"openai": '{"store": true}'}


async def test_prompt_from_standard_input(router: ScriptedRouter) -> None:
    """`-`, or no prompt at all, reads what is piped in."""
    router.script.answers["StreamComplete"] = completed("ok")
    for arguments in (("chat", "-"), ("chat",)):
        ran = await trunkline(*arguments, "--router", router.address, stdin="from a pipe\n")
        assert ran.code == 0
    texts = [request.completion.messages[0].content[0].text for request in router.script.requests]
    assert texts == ["from a pipe", "from a pipe"]


async def test_route_explained(router: ScriptedRouter) -> None:
    """Scores under their weights, the place in the plan, and why the others were rejected."""
    router.script.answers["Route"] = router_pb2.RouteResponse(decision=decision())
    ran = await trunkline("route", "--explain", "hello", "--router", router.address)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert "quality cost" in lines
    assert "profile balanced 0.40 0.60 score expected" in lines
    assert "1 groq/llama 0.80 0.90 0.85 $0.0002 2.1 s first" in lines
    assert "2 openai/gpt 0.80 0.90 0.75 $0.0002 2.1 s fallback 1" in lines
    assert "simulated: groq, openai" in lines
    assert "- openai/gpt-4o max_cost expected $0.0052; --max-cost 0.0052 would admit it" in lines


async def test_route_json(router: ScriptedRouter) -> None:
    """The public names and their values."""
    router.script.answers["Route"] = router_pb2.RouteResponse(decision=decision())
    shown = (await trunkline("route", "--json", "hello", "--router", router.address)).json
    assert shown["plan"] == ["groq/llama", "openai/gpt"]
    assert shown["classification"]["task"] == "code_generation"
    first = shown["candidates"][0]
    assert (first["target"], first["score"], first["scores"]) == ("groq/llama", 0.85, {"quality": 0.8, "cost": 0.9})
    assert (first["expected_cost_usd"], first["expected_latency_ms"]) == (0.0002, 2100.0)
    rejected = {name: shown["rejected"][0][name] for name in ("target", "filter", "reason")}
    assert rejected == {"target": "openai/gpt-4o", "filter": "max_cost", "reason": "expected $0.0052"}


async def test_table_and_models(router: ScriptedRouter) -> None:
    """A list of rows for programs, columns for people."""
    router.script.answers["GetTable"] = table_of("openai/gpt", "groq/llama")
    listed = router_pb2.ListModelsResponse(profiles=["balanced"], default_profile="balanced")
    listed.models.add(target="openai/gpt", quality=0.7).facts.input_price_nanodollars = 150_000_000
    listed.aliases.add(name="fast", targets=["openai/gpt"])
    router.script.answers["ListModels"] = listed
    rows = (await trunkline("table", "--json", "--router", router.address)).json
    assert [(row["target"], row["state"]) for row in rows] == [("openai/gpt", "ready"), ("groq/llama", "ready")]
    assert "groq/llama" in (await trunkline("table", "--router", router.address)).out
    models = (await trunkline("models", "--json", "--router", router.address)).json
    assert models["models"][0]["input_price_usd"] == 0.15
    assert models["models"][0]["output_price_usd"] is None
    assert models["aliases"] == {"fast": ["openai/gpt"]}
    assert "alias fast openai/gpt" in " ".join((await trunkline("models", "--router", router.address)).out.split())


async def test_a_failed_call_names_every_attempt_and_exits_1(router: ScriptedRouter) -> None:
    """For people on standard error, for programs as JSON."""
    failure = all_failed()
    router.script.answers["Complete"] = failure
    router.script.answers["StreamComplete"] = [failure]
    ran = await trunkline("chat", "hello", "--router", router.address)
    assert (ran.code, ran.out) == (1, "")
    assert "every target failed" in ran.err
    assert "groq/llama" in ran.err
    assert "Try again in 12 s" in ran.err
    ran = await trunkline("chat", "--json", "hello", "--router", router.address)
    assert ran.code == 1
    assert ran.json["error"]["reason"] == "ALL_ATTEMPTS_FAILED"
    assert ran.json["attempts"][0]["failure_class"] == "rate_limited"


async def test_a_hint_to_another_command_comes_where_that_helps(router: ScriptedRouter) -> None:
    """`route` takes what `chat` takes; it knows nothing of texts to embed or models to fetch."""
    failure = Failure(grpc.StatusCode.FAILED_PRECONDITION, "no fit", attempt_pb2.CallError(reason="NO_TARGET"))
    router.script.answers["StreamComplete"] = [failure]
    router.script.answers["Embed"] = failure
    hint = "trunkline route --explain"
    assert hint in (await trunkline("chat", "hello", "--router", router.address)).err
    embedding = await trunkline("embed", "--model", "m", "hello", "--router", router.address)
    assert (embedding.code, "no fit" in embedding.err, hint in embedding.err) == (1, True, False)


@pytest.mark.parametrize("explain", [(), ("--explain",)])
async def test_a_failed_attempt_is_told_once(router: ScriptedRouter, explain: tuple[str, ...]) -> None:
    """While the call runs, or at its end; the line that ends it does not tell it again."""
    told = router_pb2.StreamCompleteResponse(attempt_failed=failed_attempt())
    router.script.answers["StreamComplete"] = [told, all_failed()]
    ran = await trunkline("chat", "hello", *explain, "--router", router.address)
    assert ran.code == 1
    assert ran.err.count("rate_limited") == 1
    assert re.search(r"groq/llama +rate_limited \(429, told to wait 12 s\) +84 ms +first", ran.err)
    assert "failed: every target failed\n" in ran.err


async def test_a_wrong_request_names_the_field_and_exits_2(router: ScriptedRouter) -> None:
    """The router's violations are shown one by one."""
    error = attempt_pb2.CallError(reason="INVALID_REQUEST", message="one mistake")
    error.violations.add(field="routing.profile", description='no "balnced". Did you mean "balanced"?')
    router.script.answers["Route"] = Failure(grpc.StatusCode.INVALID_ARGUMENT, "one mistake", error)
    ran = await trunkline("route", "--profile", "balnced", "hello", "--router", router.address)
    assert ran.code == 2
    assert 'routing.profile  no "balnced". Did you mean "balanced"?' in ran.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("chat", "--max-latency", "soon", "hi"), "not a time"),
        (("chat", "--max-cost", "much", "hi"), "not an amount"),
        (("chat", "--require", "coding:good", "hi"), "whole number"),
        (("chat", "--quality", "2", "hi"), "--quality"),
        (("chat", "--image", "/nowhere.png", "hi"), "No such file"),
        (("chat", "--sensitivity", "secret", "hi"), "Known: public, internal, confidential"),
        (("chat", "  "), "empty"),
        (("chat", "--no-such-option"), "No such option"),
        (("config", "export", "--format", "xml"), "'--format': there is no \"xml\". Known: yaml, json"),
        (("dance",), "No such command"),
    ],
)
async def test_wrong_usage_exits_2(router: ScriptedRouter, arguments: tuple[str, ...], says: str) -> None:
    """A mistake on the command line is named, and nothing is sent."""
    ran = await trunkline(*arguments, environment={"TRUNKLINE_ROUTER": router.address})
    assert ran.code == 2
    assert says in " ".join(ran.err.replace("│", " ").split())
    assert not router.script.requests


async def test_no_router_says_how_to_start_one() -> None:
    """The address, and the next step."""
    ran = await trunkline("table", "--router", "127.0.0.1:1")
    assert ran.code == 1
    assert "127.0.0.1:1" in ran.err
    assert "trunkline up" in ran.err
