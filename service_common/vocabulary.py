"""Words that router, workers and configuration share.

The numbers are those of the protobuf enums (a test holds them together), so that crossing the wire costs no table.
"""

from enum import IntEnum, StrEnum
from typing import Self


class Word(IntEnum):
    """An enum whose members are written in lower case wherever a person or a file sees them.

    Attributes:
        label: the member's name as people write it: `code_generation`.
    """

    label: str

    def __init__(self, number: int) -> None:
        """Write the label once: every request reads some."""
        self.label = self._name_.lower()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The member that `text` names, in any case.

        Raises:
            ValueError: no member has that name; the message lists them.
        """
        try:
            return cls[text.strip().upper()]
        except KeyError:
            known = ", ".join(member.label for member in cls)
            raise ValueError(f'"{text}" is not one of {known}') from None


class Sensitivity(Word):
    """Who may see a request; also a backend's clearance. Ordered: a higher one needs a higher clearance."""

    PUBLIC = 1
    INTERNAL = 2
    CONFIDENTIAL = 3


class Complexity(Word):
    """How hard a request is. `moderate` is another name of `medium`."""

    SIMPLE = 1
    MEDIUM = 2
    COMPLEX = 3
    CODE = 4

    @classmethod
    def parse(cls, text: str) -> Self:
        """As `Word.parse`; accepts `moderate`."""
        return super().parse("medium" if text.strip().lower() == "moderate" else text)


class Task(Word):
    """What kind of work a request asks for."""

    DEFAULT = 1
    CODE_GENERATION = 2
    CODE_REVIEW = 3
    ANALYSIS = 4
    SUMMARIZATION = 5
    CREATIVE = 6
    SIMPLE_QA = 7
    CLASSIFICATION = 8
    EXTRACTION = 9
    TRANSLATION = 10

    @classmethod
    def parse(cls, text: str) -> Self:
        """As `Word.parse`; accepts `data_extraction` and `creative_writing`."""
        synonyms = {"data_extraction": "extraction", "creative_writing": "creative"}
        name = text.strip().lower()
        return super().parse(synonyms.get(name, name))


class AttemptKind(Word):
    """Why an attempt was made."""

    FIRST = 1
    RETRY = 2
    FALLBACK = 3
    HEDGE = 4


class StreamRecovery(Word):
    """What happens when a provider fails after text was shown."""

    FAIL = 1
    RESET = 2
    CONTINUE = 3
    CONTINUE_OR_RESET = 4


class FinishReason(Word):
    """Why an answer ended."""

    STOP = 1
    LENGTH = 2
    TOOL_CALLS = 3
    CONTENT_FILTER = 4


class ModelMode(Word):
    """What a model is used for."""

    CHAT = 1
    EMBEDDING = 2


class Locality(Word):
    """Where a backend runs, as seen from its worker."""

    HOST = 1
    PRIVATE = 2
    REMOTE = 3


class TargetState(Word):
    """Whether a target can be used."""

    READY = 1
    SUSPECT = 2
    COOLING = 3
    CIRCUIT_OPEN = 4
    HALF_OPEN = 5
    DRAINING = 6
    DISABLED = 7
    DETACHED = 8
    NOT_CONFIGURED = 9
    OUT = 10


class WorkerState(Word):
    """Whether a worker can serve."""

    READY = 1
    DRAINING = 2
    NOT_CONFIGURED = 3
    UNHEALTHY = 4


class Operation(Word):
    """What a dispatch asks a worker for."""

    COMPLETE = 1
    EMBED = 2
    PROBE = 3
    WARM_UP = 4
    PULL_MODEL = 5


class PluginKind(StrEnum):
    """The kinds of plugins, as entry points and mistakes name them."""

    CLASSIFIER = "classifier"
    FILTER = "filter"
    SCORER = "scorer"
    PICKER = "picker"
