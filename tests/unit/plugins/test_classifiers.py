"""What requests are found to be: task, complexity, needs, length of the answer, domain."""

import re
import time
from typing import Any

import pytest

from router_service.domain.decision import Classification
from router_service.domain.request import PromptMessage, Request
from router_service.plugins.classifiers.patterns import PatternSet
from router_service.plugins.classifiers.task_rules import load_task_rules
from service_common.vocabulary import Complexity, Operation, Task
from tests.support.routing import ask
from tests.unit.plugins.worlds import PLUGINS


def classified(name: str, request: Request, found: Classification | None = None, **settings: Any) -> Classification:
    """What one classifier makes of a request."""
    return PLUGINS.classifier(name, {name: settings}).classify(request, found or Classification())


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Write a Python function that merges two sorted lists", Task.CODE_GENERATION),
        ("Could you please review this code and find the bug?\n```\nx = 1\n```", Task.CODE_REVIEW),
        ("How do I read a file in Rust?", Task.CODE_GENERATION),
        ("Summarize the following article in three sentences: The council met on Monday.", Task.SUMMARIZATION),
        ("The council met on Monday and agreed on a budget.\n\nTL;DR:", Task.SUMMARIZATION),
        ("Translate this into French: good morning", Task.TRANSLATION),
        ("Is this review positive or negative? The battery died after a day.", Task.CLASSIFICATION),
        ("Which category does this ticket belong to: billing, login, other?", Task.CLASSIFICATION),
        ("Extract all e-mail addresses and dates from the text below as JSON.", Task.EXTRACTION),
        ("Write a short story about a lighthouse keeper", Task.CREATIVE),
        ("写一首关于秋天的诗", Task.CREATIVE),
        ("Compare the pros and cons of nuclear and solar power", Task.ANALYSIS),
        ("What is the capital of Peru?", Task.SIMPLE_QA),
        ("Answer the following question: who wrote Faust?", Task.SIMPLE_QA),
        ("Refactor this service", Task.CODE_REVIEW),
        ("Explain this code in one sentence: x = 1", Task.CODE_REVIEW),
        ("How do I create a website?", Task.CODE_GENERATION),
        ("How do you say good morning in French?", Task.TRANSLATION),
        ("What's the French word for bread?", Task.TRANSLATION),
        ("Make this text shorter: The council met on Monday.", Task.SUMMARIZATION),
        ("Resume el siguiente texto", Task.SUMMARIZATION),
        ("\n\n\n", Task.DEFAULT),
    ],
)
def test_tasks_are_told_by_rules(text: str, task: Task) -> None:
    """Typical prompts of each task, wherever in the prompt the instruction stands."""
    assert classified("task", ask(text)).task is task


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Say hello in one sentence.", Task.SIMPLE_QA),
        ("Explain gravity in one sentence.", Task.SIMPLE_QA),
        ("In three words, describe the sun", Task.SIMPLE_QA),
        ("Sum the article up in one sentence", Task.SUMMARIZATION),
        ("Put the following article into three bullet points", Task.SUMMARIZATION),
        ("The council met on Monday and agreed on a budget.\n\nIn one sentence:", Task.SUMMARIZATION),
    ],
)
def test_how_short_an_answer_shall_be_makes_it_no_summary(text: str, task: Task) -> None:
    """Only where there is a text to be made short."""
    assert classified("task", ask(text)).task is task


@pytest.mark.parametrize(
    "text",
    [
        "Describe every street of Rome",
        "What is the content of this file?",
        "Should I resume training after an injury?",
        "Who is the most famous historian?",
        "Tell me the names of the planets",
    ],
)
def test_words_of_one_language_are_not_found_inside_those_of_another(text: str) -> None:
    """Neither `escribe` in "describe", `conte` in "content" nor `resum` in "resume" tells a task."""
    assert classified("task", ask(text)).task is Task.SIMPLE_QA


def test_the_instruction_is_found_behind_a_long_document() -> None:
    """Beginning and end of a long prompt are read, the middle is not."""
    document = "The committee met again on Tuesday. " * 2000
    assert classified("task", ask(f"{document}\nSummarize the minutes above.")).task is Task.SUMMARIZATION


def test_the_callers_task_wins_and_is_noted() -> None:
    """What the caller says is not questioned."""
    found = classified("task", ask("Write a poem", task=Task.EXTRACTION))
    assert (found.task, found.given_by_caller) == (Task.EXTRACTION, ("task",))


def test_rules_can_be_added_and_bad_ones_are_named() -> None:
    """A configured rule counts; a pattern that RE2 does not accept, or an unknown task, is an error that shows it."""
    assert classified("task", ask("TICKET 17"), rules={"classification": [r"^ticket \d+"]}).task is Task.CLASSIFICATION
    with pytest.raises(ValueError, match=r"\(unclosed.*missing"):
        classified("task", ask("x"), rules={"analysis": ["(unclosed"]})
    with pytest.raises(ValueError, match="is not one of"):
        classified("task", ask("x"), rules={"anlysis": ["x"]})


@pytest.mark.parametrize("space", [" ", "\n", " \t\r\n ", "\x1f", "\u2003", "\xa0 " + " " * 2100])
@pytest.mark.parametrize(
    ("words", "complexity"),
    [
        (49, Complexity.SIMPLE),
        (50, Complexity.MEDIUM),
        (199, Complexity.MEDIUM),
        (200, Complexity.COMPLEX),
        (2000, Complexity.COMPLEX),
    ],
)
def test_words_are_counted_whatever_stands_between_them(words: int, space: str, complexity: Complexity) -> None:
    """Any white space, long or short, before, between and behind words of any length."""
    for word in ("word", "é", "w" * 50):
        text = space + space.join([word] * words) + space
        assert classified("complexity", ask(text)).complexity is complexity


@pytest.mark.parametrize(
    ("text", "settings", "complexity"),
    [
        ("one two", {}, Complexity.SIMPLE),
        ("w " * 50, {}, Complexity.MEDIUM),
        ("w " * 200, {}, Complexity.COMPLEX),
        ("look at ```x```", {}, Complexity.CODE),
        ("import os\nprint(os.getcwd())", {}, Complexity.CODE),
        ("look at ```x```", {"detect_code": False}, Complexity.SIMPLE),
        ("one two three", {"simple_below": 2, "medium_below": 3}, Complexity.COMPLEX),
        ("COBOL here", {"code_patterns": ["cobol"]}, Complexity.CODE),
        ("We import goods from Spain; they are a class of their own.", {}, Complexity.SIMPLE),
    ],
)
def test_complexity_by_words_and_code(text: str, settings: dict[str, Any], complexity: Complexity) -> None:
    """Words of the last user message against the limits; code is its own level; all of it configurable."""
    assert classified("complexity", ask(text), **settings).complexity is complexity


def test_only_the_last_user_message_counts() -> None:
    """A long history does not make a short question complex."""
    messages = (PromptMessage("user", "w " * 500), PromptMessage("assistant", "w " * 500), PromptMessage("user", "why"))
    assert classified("complexity", ask(request={"messages": messages})).complexity is Complexity.SIMPLE


def test_needs_come_from_the_request_itself() -> None:
    """Pictures, tools, a schema and files each need an ability; a plain text needs none."""
    request = ask(request={"images": 1, "tools": 2, "json_schema": True, "files": 1})
    assert classified("capabilities", request).needed_capabilities == ("vision", "tools", "json_schema", "files")
    assert classified("capabilities", ask()).needed_capabilities == ()


@pytest.mark.parametrize(
    ("fields", "found", "tokens"),
    [
        ({}, {"task": Task.CLASSIFICATION}, 20),
        ({"max_output_tokens": 5}, {"task": Task.CLASSIFICATION}, 5),
        ({"reasoning": True}, {"task": Task.CLASSIFICATION}, 60),
        ({}, {"task": Task.TRANSLATION, "input_tokens": 900}, 900),
        ({"operation": Operation.EMBED}, {"task": Task.DEFAULT}, 0),
    ],
)
def test_the_length_of_the_answer(fields: dict[str, Any], found: dict[str, Any], tokens: int) -> None:
    """By task, at most what the caller allows; thinking lengthens it; vectors have none."""
    made = classified("output_length", ask(request=fields), Classification(**found))
    assert made.expected_output_tokens == tokens


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Der Patient hat Fieber.", "medical"),
        ("心脏病的治疗", "medical"),
        ("¿Qué dice el médico?", "medical"),
        ("patiently", ""),
    ],
)
def test_domain_keywords_are_whole_words_in_any_script(text: str, domain: str) -> None:
    """Keywords with accents and in scripts without spaces are found; parts of words are not."""
    domains = {"medical": {"keywords": ["patient", "心脏", "médico"]}}
    assert classified("domain", ask(text), domains=domains).domain == domain


def test_a_domain_may_need_several_keywords() -> None:
    """With two needed, one twice is not enough."""
    domains = {"law": {"keywords": ["court", "judge"], "min_keywords": 2}}
    assert classified("domain", ask("court court"), domains=domains).domain == ""
    assert classified("domain", ask("the judge of this court"), domains=domains).domain == "law"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "write a " * 125_000,
        "(" * 1_000_000,
        "call 555 " * 111_111,
        "select " * 142_857,
        "\n " * 500_000,
    ],
)
def test_a_hostile_megabyte_is_classified_in_time(text: str) -> None:
    """Time stays linear whatever the text: all classifiers together take some milliseconds, not seconds."""
    built = [PLUGINS.classifier(name, {}) for name in PLUGINS.names("classifier")]
    request, found = ask(text), Classification()
    began = time.process_time()
    for classifier in built:
        found = classifier.classify(request, found)
    assert time.process_time() - began < 0.2  # 4 to 10 ms measured; loose, for slow machines


def test_an_empty_set_of_patterns_matches_nothing() -> None:
    """No patterns, no matches."""
    assert list(PatternSet([]).matches("anything")) == []


def test_every_word_in_the_packaged_rules_is_known() -> None:
    """No placeholder of the rules' file is left unfilled."""
    assert [rule.pattern for rule in load_task_rules() if re.search("<[a-z]+>", rule.pattern)] == []
