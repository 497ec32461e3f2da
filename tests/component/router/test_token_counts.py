"""`CountTokens`, and what answers teach it: simulated providers count every character alike, so that estimates move."""

from collections.abc import Mapping

import pytest

from provider_workers.simulated import Behaviour, Fault, SimulatedProviders
from tests.component.router.conftest import Start
from tests.support.caller import TIMEOUT, Caller, ask, routed
from tests.support.configurations import FIRST, LOCAL, SECOND, Target
from trunkline.router.v1 import router_service_pb2 as pb
from trunkline.types.v1 import chat_pb2 as chat

CHINESE = "桥梁把荷载传到地基。" * 20
"""About 150 tokens for the models, 50 for a simulated provider."""

PICTURE = chat.ContentPart(image=chat.Image(data=b"picture", media_type="image/png"))
PAPER = chat.ContentPart(file=chat.File(data=b"paper", media_type="application/pdf", name="a.pdf"))

Counts = Mapping[str, tuple[str, int, int]]
"""By target: the family, the tokens, the answers that corrected them."""


async def counts_of(caller: Caller, completion: chat.CompletionRequest) -> Counts:
    """What the router counts; each target once."""
    told = await caller.router.CountTokens(pb.CountTokensRequest(completion=completion), timeout=TIMEOUT)
    counts = {one.target: (one.family, one.input_tokens, one.observations) for one in told.counts}
    assert len(counts) == len(told.counts)
    return counts


async def test_a_prompt_is_counted_per_family_or_per_target(start: Start) -> None:
    """Where no target is named, each family counts once, by its first target; named ones count each by itself."""
    async with start(FIRST, SECOND, LOCAL, aliases={"llamas": [LOCAL.name, SECOND.name]}) as (_, caller):
        by_family = await counts_of(caller, ask(CHINESE))
        assert {name: family for name, (family, _, _) in by_family.items()} == {
            FIRST.name: "openai",
            SECOND.name: "llama",
        }
        assert by_family[FIRST.name] != by_family[SECOND.name]
        assert await counts_of(caller, routed(CHINESE, model=LOCAL.name)) == {LOCAL.name: by_family[SECOND.name]}
        assert await counts_of(caller, routed(CHINESE, model="llamas")) == dict.fromkeys(
            (SECOND.name, LOCAL.name), by_family[SECOND.name]
        )


async def test_reported_usage_corrects_the_counts_of_its_family(start: Start) -> None:
    """Two answers of one llama bring the count of another one nearer to what was reported, and are told; OpenAI's
    count stays."""
    async with start(FIRST, SECOND, LOCAL) as (_, caller):
        before = await counts_of(caller, ask(CHINESE))
        for _ in range(2):
            answer = await caller.complete(routed(CHINESE, model=SECOND.name))
        after = await counts_of(caller, ask(CHINESE))
        assert after[FIRST.name] == before[FIRST.name]
        _, estimated, unlearned = before[SECOND.name]
        _, corrected, learned = after[SECOND.name]
        assert (unlearned, learned) == (0, 2)
        assert answer.completed.usage.input_tokens < corrected < estimated
        assert await counts_of(caller, routed(CHINESE, model=LOCAL.name)) == {LOCAL.name: after[SECOND.name]}


@pytest.mark.parametrize("part", [PICTURE, PAPER])
async def test_pictures_and_files_teach_nothing(start: Start, part: chat.ContentPart) -> None:
    """What they weigh is guessed: the estimates of texts do not follow what is reported of them."""
    facts = {"abilities": ["vision", "files"]}
    async with start(Target(FIRST.backend, FIRST.model, model_section=facts)) as (_, caller):
        before = await counts_of(caller, ask(CHINESE))
        completion = ask(CHINESE)
        completion.messages[0].content.append(part)
        answer = await caller.complete(completion)
        assert not answer.completed.usage.estimated
        assert await counts_of(caller, ask(CHINESE)) == before


async def test_a_continued_answer_teaches_nothing(start: Start, simulated: SimulatedProviders) -> None:
    """The prompt that the second provider reports holds the text so far, which no estimate counted."""
    continuing = Target(SECOND.backend, SECOND.model, model_section={"abilities": ["prefill"]})
    simulated.set_behaviour("openai", Behaviour(faults=(Fault("cut", after_tokens=10),)))
    async with start(FIRST, continuing) as (_, caller):
        before = await counts_of(caller, ask(CHINESE))
        told = await caller.stream(routed(CHINESE, stream_recovery=chat.STREAM_RECOVERY_CONTINUE))
        assert told.completed.target == SECOND.name
        assert not told.completed.usage.estimated
        assert await counts_of(caller, ask(CHINESE)) == before
