"""The cache of classifications."""

from router_service.domain.decision import Classification
from router_service.domain.request import PromptMessage, Request
from router_service.engine.classifying import Classifying
from router_service.state.token_counter import TokenCounter
from service_common.vocabulary import Task
from tests.support.routing import StillClock, ask
from tests.support.settings import cache_limits


class Counting:
    """A classifier that counts how often it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self.asked = 0

    def classify(self, request: Request, found: Classification) -> Classification:
        self.asked += 1
        return found


def cached(clock: StillClock, **limits: float) -> tuple[Classifying, Counting]:
    """A cache before one counting classifier."""
    counting = Counting()
    return Classifying((counting,), TokenCounter(), clock, cache_limits(**limits)), counting  # type: ignore[arg-type]


def test_an_identical_question_is_answered_from_the_cache_until_it_expires() -> None:
    """Within 300 s the classifiers are asked once; after that again."""
    clock = StillClock()
    classifying, counting = cached(clock)
    first = classifying.classify(ask("same", request={"request_id": "1"}))
    assert classifying.classify(ask("same", request={"request_id": "2"})) == first
    assert counting.asked == 1
    clock.time += 300.0
    classifying.classify(ask("same"))
    assert counting.asked == 2


def test_whatever_a_classifier_may_read_makes_another_question() -> None:
    """Another text, role, task, label or picture is another question, and so is the same text cut otherwise."""
    classifying, counting = cached(StillClock())
    for request in (
        ask("a"),
        ask("b"),
        ask("a", task=Task.CREATIVE),
        ask("a", request={"labels": {"x": "y"}}),
        ask("a", request={"images": 1}),
        ask("a", request={"files": 1}),
        ask("a\nb"),
        ask(request={"messages": (PromptMessage("user", "a"), PromptMessage("user", "b"))}),
        ask(request={"messages": (PromptMessage("user", "a\nb"), PromptMessage("user", ""))}),
        ask(request={"messages": (PromptMessage("system", "a"), PromptMessage("user", "b"))}),
    ):
        classifying.classify(request)
    assert counting.asked == 10


def test_the_least_recently_used_entry_leaves_first() -> None:
    """A full cache forgets what was not asked for longest."""
    classifying, counting = cached(StillClock(), entries=2)
    for text in ("a", "b", "a", "c", "a"):
        classifying.classify(ask(text))
    assert counting.asked == 3
    classifying.classify(ask("b"))
    assert counting.asked == 4


def test_no_entries_turns_the_cache_off() -> None:
    """With 0 entries every request is classified."""
    classifying, counting = cached(StillClock(), entries=0)
    for _ in range(2):
        classifying.classify(ask("a"))
    assert counting.asked == 2
