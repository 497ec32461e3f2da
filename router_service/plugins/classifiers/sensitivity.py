"""Who may see a request: finds keys, passwords, cards, account and identity numbers, phones and e-mails in its text."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar

import re2
from msgspec.structs import replace
from pydantic import BaseModel, Field, field_validator

from router_service.domain.decision import Classification
from router_service.domain.request import Request
from router_service.plugins.classifiers.patterns import PatternSet
from router_service.plugins.classifiers.sensitive_kinds import PATTERNS, RAISES, SensitivePattern
from router_service.plugins.settings import Settings
from service_common.vocabulary import Sensitivity

MOST_CONFIRMED = 100
"""Matches of one pattern that are confirmed. Where there are more and none was right, the kind counts as found: a
text stuffed with decoys is not a way around the detection, nor a way to hold the router up."""


class SensitivityDetector:
    """Raises a request's sensitivity to that of what its texts hold; never lowers what the caller says.

    What was found is noted by kind, never by value.
    """

    name: ClassVar[str] = "sensitivity"

    class Model(Settings):
        """Settings of the classifier.

        Attributes:
            detect: whether texts are looked at at all.
            default: sensitivity of a request whose caller says nothing.
            raises: to what a kind raises (`public` turns a kind off); those not named keep their default.
        """

        detect: bool = True
        default: str = "internal"
        raises: Mapping[str, str] = Field(default_factory=dict)

        @field_validator("default")
        @classmethod
        def _known_level(cls, value: str) -> str:
            Sensitivity.parse(value)
            return value

        @field_validator("raises")
        @classmethod
        def _known_kinds(cls, value: Mapping[str, str]) -> Mapping[str, str]:
            for kind, level in value.items():
                Sensitivity.parse(level)
                if kind not in RAISES:
                    raise ValueError(f'no kind "{kind}". Known: {", ".join(RAISES)}')
            return value

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Compile the patterns of the kinds that raise anything."""
        levels = RAISES | {kind: Sensitivity.parse(level) for kind, level in settings.raises.items()}
        self._levels = levels
        self._default = Sensitivity.parse(settings.default)
        wanted = [one for one in PATTERNS if levels[one.kind] > Sensitivity.PUBLIC] if settings.detect else []
        self._patterns = wanted
        self._set = PatternSet([one.pattern for one in wanted], ignore_case=False)
        self._single: list[Any] = [None if one.confirm is None else re2.compile(one.pattern) for one in wanted]

    def classify(self, request: Request, found: Classification) -> Classification:
        """Fill in `sensitivity` and `detected_kinds`."""
        given = request.options.sensitivity
        level = self._default if given is None else given
        kinds = self.kinds_in(request.text)
        if kinds:
            level = max(level, *(self._levels[kind] for kind in kinds))
        return replace(found, sensitivity=level, detected_kinds=kinds)

    def kinds_in(self, text: str) -> tuple[str, ...]:
        """The kinds that occur in a text, in the order of the list of kinds."""
        hits = self._set.matches(text)
        if not hits:
            return ()
        confirmed = {self._patterns[index].kind for index in hits if self._is_real(index, text)}
        return tuple(kind for kind in RAISES if kind in confirmed)

    def _is_real(self, index: int, text: str) -> bool:
        pattern: SensitivePattern = self._patterns[index]
        if pattern.confirm is None:
            return True
        seen = 0
        for match in islice(self._single[index].finditer(text), MOST_CONFIRMED):
            seen += 1
            if pattern.confirm(match.group(match.re.groups)):
                return True
        return seen >= MOST_CONFIRMED
