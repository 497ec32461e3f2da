"""The subject of a request (medical, legal, ...), by labels or keywords that the configuration names."""

from collections.abc import Mapping
from typing import ClassVar

import re2
from msgspec.structs import replace
from pydantic import BaseModel, Field

from router_service.domain.decision import Classification
from router_service.domain.request import Request
from router_service.plugins.classifiers.patterns import PatternSet
from router_service.plugins.settings import Settings

_WRITTEN_WITHOUT_SPACES = (0x2E80, 0xD7FF)
"""Chinese, Japanese and Korean: a word has no visible boundary there."""


class DomainRules:
    """The first domain whose labels the request bears, else the one with most of its keywords; the caller's wins.

    Keywords are looked for in the last user message, as whole words in any case. A domain counts from `min_keywords`
    different ones on; of equal ones the first in the configuration.
    """

    name: ClassVar[str] = "domain"

    class Subject(Settings):
        """How one domain is recognised; the configuration's section `domains` says it."""

        keywords: tuple[str, ...] = ()
        min_keywords: int = Field(default=1, ge=1)
        labels: Mapping[str, str] = Field(default_factory=dict)

    class Model(Settings):
        """Settings of the classifier: filled in from the section `domains`.

        Attributes:
            domains: by name, in order.
        """

        domains: Mapping[str, "DomainRules.Subject"] = Field(default_factory=dict)

    settings_model: ClassVar[type[BaseModel]] = Model

    def __init__(self, settings: Model) -> None:
        """Compile the keywords of all domains into one set."""
        self._domains = settings.domains
        self._labelled = [(name, one.labels) for name, one in settings.domains.items() if one.labels]
        owners = [(name, keyword) for name, one in settings.domains.items() for keyword in one.keywords if keyword]
        self._owners = [name for name, _ in owners]
        self._patterns = PatternSet([_whole_word(keyword) for _, keyword in owners])

    def classify(self, request: Request, found: Classification) -> Classification:
        """Fill in `domain`."""
        if request.options.domain:
            given = (*found.given_by_caller, "domain")
            return replace(found, domain=request.options.domain, given_by_caller=given)
        if not self._domains:
            return found
        for name, labels in self._labelled:
            if all(request.labels.get(key) == value for key, value in labels.items()):
                return replace(found, domain=name)
        return replace(found, domain=self._by_keywords(request.last_user_text))

    def _by_keywords(self, text: str) -> str:
        counts: dict[str, int] = {}
        for index in self._patterns.matches(text):
            owner = self._owners[index]
            counts[owner] = counts.get(owner, 0) + 1
        best, most = "", 0
        for name, domain in self._domains.items():
            count = counts.get(name, 0)
            if count >= domain.min_keywords and count > most:
                best, most = name, count
        return best


def _whole_word(keyword: str) -> str:
    escaped: str = re2.escape(keyword.strip()).replace(r"\ ", r"\s+")
    first, last = _WRITTEN_WITHOUT_SPACES
    if any(first <= ord(character) <= last for character in keyword):
        return escaped
    return rf"(?:^|[^\pL\pN_]){escaped}(?:$|[^\pL\pN_])"
