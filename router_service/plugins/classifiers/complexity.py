"""How hard a request is: code, or by the number of words."""

from typing import ClassVar

from msgspec.structs import replace
from pydantic import BaseModel, Field, field_validator

from router_service.domain.decision import Classification
from router_service.domain.request import Request
from router_service.plugins.classifiers.patterns import PatternSet, check_patterns
from router_service.plugins.settings import Settings
from service_common.vocabulary import Complexity, Task

_CODE_TASKS = frozenset({Task.CODE_GENERATION, Task.CODE_REVIEW})
_CODE_SIGNS = (
    r"```",
    r"(^|\n)\s*(async )?(def|class|func|fn|function|public|private|static|package|namespace) \w+.*[({:;]",
    r"(^|\n)\s*(import \w+|from [\w.]+ import |#include\s*[<\"]|using \w+(\.\w+)*;|(const|let|var) \w+ =)",
    r"[;{}]\s*\n\s*[\w}<@/]",
    r"traceback \(most recent call last\)",
)
_WORDS = bytes(ord(" ") if chr(byte).isspace() else ord("w") for byte in range(256))
_COUNTED_AT = 2_048
"""Characters whose words are counted without making them."""
_LOOKED_AT = 4_000
"""Characters in which code is looked for: code that only begins later makes a long request no harder."""


class ComplexityRules:
    """`code` where there is code or work on code; else by the words of the last user message.

    Fewer than `simple_below` words are simple, fewer than `medium_below` medium, more complex. What the caller says
    wins.
    """

    name: ClassVar[str] = "complexity"

    class Model(Settings):
        """Settings of the classifier.

        Attributes:
            simple_below, medium_below: words.
            detect_code: whether code makes a tier of its own.
            code_patterns: RE2 patterns, any of which tells code; empty: the built-in ones.
        """

        simple_below: int = Field(default=50, ge=0)
        medium_below: int = Field(default=200, ge=0)
        detect_code: bool = True
        code_patterns: tuple[str, ...] = ()

        @field_validator("code_patterns")
        @classmethod
        def _accepted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            check_patterns(value)
            return value

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Compile the code patterns."""
        self._settings = settings
        self._code = PatternSet(settings.code_patterns or _CODE_SIGNS)

    def classify(self, request: Request, found: Classification) -> Classification:
        """Fill in `complexity`."""
        given = request.options.complexity
        if given is not None:
            return replace(found, complexity=given, given_by_caller=(*found.given_by_caller, "complexity"))
        return replace(found, complexity=self._detect(request.last_user_text, found.task))

    def _detect(self, text: str, task: Task) -> Complexity:
        settings = self._settings
        if settings.detect_code and (task in _CODE_TASKS or self._code.matches(text[:_LOOKED_AT])):
            return Complexity.CODE
        words = _words(text, max(settings.simple_below, settings.medium_below))
        if words < settings.simple_below:
            return Complexity.SIMPLE
        return Complexity.MEDIUM if words < settings.medium_below else Complexity.COMPLEX


def _words(text: str, most: int) -> int:
    """Words between white space; of a text with more than `most` at least `most`.

    Counting where they begin costs a third of making them; the beginning of a long text often suffices.
    """
    head = text[:_COUNTED_AT]
    if head.isascii():
        marked = head.encode().translate(_WORDS)
        words = marked.count(b" w") + marked.startswith(b"w")
        if len(head) == len(text) or words >= most:
            return words
    return len(text.split(None, most))
