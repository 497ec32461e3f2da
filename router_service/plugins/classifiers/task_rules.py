"""Reads the rules that tell the task of a prompt (`task_rules.yaml`)."""

import re

from msgspec import Struct

from service_common.packaged import packaged_yaml
from service_common.vocabulary import Task

_WORD = re.compile(r"<([a-z]+)>")


class TaskRule(Struct, frozen=True):
    """One sign of a task: an RE2 pattern, and how much it weighs."""

    task: Task
    weight: float
    pattern: str


def load_task_rules() -> list[TaskRule]:
    """The rules, in the order of the file. Takes a millisecond; keep the result."""
    parsed = packaged_yaml("router_service.plugins.classifiers", "task_rules.yaml")
    words = parsed["words"]

    def spelled_out(pattern: str) -> str:
        return _WORD.sub(lambda match: words.get(match[1], match[0]), pattern)

    return [
        TaskRule(Task.parse(task), float(weight), spelled_out(pattern))
        for task, rules in parsed["tasks"].items()
        for weight, pattern in rules
    ]
