"""What kind of work is asked for, by rules that a person can read (`task_rules.yaml`)."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace
from pydantic import BaseModel, Field, field_validator

from router_service.domain.decision import Classification
from router_service.domain.request import Request
from router_service.plugins.classifiers.patterns import PatternSet, check_patterns
from router_service.plugins.classifiers.task_rules import TaskRule, load_task_rules
from router_service.plugins.settings import Settings
from service_common.vocabulary import Task

ADDED_WEIGHT = 4.0
"""Of the rules that the configuration adds."""


class TaskRules:
    """The task whose matching rules weigh most, read from the last user message; what the caller says wins.

    Every rule that matches adds its weight to its task. The task with the largest sum wins if it reaches `threshold`;
    of equal ones the first in the order of the rules. Otherwise the task is `default`. Of a long message only the
    beginning and the end are read: that is where instructions stand.
    """

    name: ClassVar[str] = "task"

    class Model(Settings):
        """Settings of the classifier.

        Attributes:
            threshold: least sum of weights.
            rules: further RE2 patterns by task, each of weight 4, in any case.
            head, tail: characters that are read from both ends of a long message.
        """

        threshold: float = Field(default=1.0, gt=0)
        rules: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
        head: int = Field(default=2000, ge=100)
        tail: int = Field(default=1000, ge=100)

        @field_validator("rules")
        @classmethod
        def _known_tasks(cls, value: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
            for task, patterns in value.items():
                Task.parse(task)
                check_patterns(patterns)
            return value

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Compile all rules into one set."""
        added = [
            TaskRule(Task.parse(task), ADDED_WEIGHT, rule) for task, rules in settings.rules.items() for rule in rules
        ]
        rules = [*load_task_rules(), *added]
        self._weights = [(rule.task, rule.weight) for rule in rules]
        self._patterns = PatternSet([rule.pattern for rule in rules])
        self._threshold = settings.threshold
        self._head = settings.head
        self._tail = settings.tail

    def classify(self, request: Request, found: Classification) -> Classification:
        """Fill in `task`."""
        given = request.options.task
        if given is not None:
            return replace(found, task=given, given_by_caller=(*found.given_by_caller, "task"))
        return replace(found, task=self.detect(request.last_user_text))

    def detect(self, text: str) -> Task:
        """The task of a prompt."""
        if len(text) > self._head + self._tail:
            text = f"{text[: self._head]}\n{text[-self._tail :]}"
        sums: dict[Task, float] = {}
        for index in sorted(self._patterns.matches(text)):
            task, weight = self._weights[index]
            sums[task] = sums.get(task, 0.0) + weight
        if not sums:
            return Task.DEFAULT
        best = max(sums, key=sums.__getitem__)
        return best if sums[best] >= self._threshold else Task.DEFAULT
