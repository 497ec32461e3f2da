"""The size of a prompt: the estimates per family, with what providers reported taken in."""

from router_service.domain.request import Request
from service_common.tokens import (
    Family,
    TokenCorrection,
    estimate_image,
    estimate_message_overhead,
    estimate_text,
    family_of,
)

CHARACTERS_PER_TOKEN_OF_A_SCHEMA = 3.5
"""Tools come as a number of characters: mostly JSON."""
TOKENS_PER_FILE = 1500
"""A page or two: the router does not look into files."""


class EstimatedPrompt:
    """One prompt; each family's count is made when it is first asked for."""

    __slots__ = ("_correction", "_request", "_text")

    def __init__(self, request: Request, correction: TokenCorrection) -> None:
        """Join the texts."""
        self._request = request
        messages = request.messages
        self._text = messages[0].text if len(messages) == 1 else "\n".join(message.text for message in messages)
        self._correction = correction

    def tokens(self, family: str) -> int:
        """Tokens as this family counts them, corrected by what providers reported."""
        request = self._request
        known = Family(family)
        total = estimate_text(self._text, known) + estimate_message_overhead(
            known, len(request.messages), request.tools
        )
        if request.tools_characters:
            total += int(request.tools_characters / CHARACTERS_PER_TOKEN_OF_A_SCHEMA)
        if request.images:
            total += request.images * estimate_image(known)
        return self._correction.correct(known, total + request.files * TOKENS_PER_FILE)


class PromptEstimator:
    """Measures prompts. The correction is shared with whoever reports usage to it."""

    def __init__(self, correction: TokenCorrection) -> None:
        """Keep the correction."""
        self._correction = correction

    def family_of(self, model: str) -> str:
        """The family of a model, by its name."""
        return family_of(model)

    def measure(self, request: Request) -> EstimatedPrompt:
        """The size of the whole prompt."""
        return EstimatedPrompt(request, self._correction)
