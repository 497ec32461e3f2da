"""What a configuration may say of requests of one kind: tiers, tasks, domains, ordered rules, ensembles."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from service_common.configuration.scalars import ComplexityWord, Duration, SensitivityWord, TaskWord
from service_common.configuration.section import Section

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Count = Annotated[int, Field(ge=0)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class PreferenceSection(Section):
    """Whom a kind of request is meant for. Written as one name, as a list, or in full.

    Attributes:
        use: targets or aliases, best first; empty: as the profile ranks them.
        restrict: whether other targets are out; otherwise those named only come first.
        profile: applied instead of the default and of the caller's; empty: none.
    """

    use: tuple[str, ...] = ()
    restrict: bool = False
    profile: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"use": [value]}
        if isinstance(value, dict) and isinstance(value.get("use"), str):
            return {**value, "use": [value["use"]]}
        return {"use": value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _check_effect(self) -> Self:
        if not self.use and not self.profile:
            raise ValueError("this does nothing: give it use or profile")
        return self


def _not_blank(keyword: str) -> str:
    if not keyword.strip():
        raise ValueError("this keyword is empty and tells nothing. Write a word or phrase, or remove it")
    return keyword


Keyword = Annotated[str, AfterValidator(_not_blank)]


class DomainSection(PreferenceSection):
    """A subject with specialised models, recognised by words, by labels, or named by the caller.

    Attributes:
        keywords: whole words or phrases, in any case; `min_keywords`: how many different ones must occur.
        labels: of the request, all of which tell the subject.
    """

    keywords: tuple[Keyword, ...] = ()
    min_keywords: Annotated[int, Field(ge=1)] = 1
    labels: Mapping[str, str] = {}


class ConditionSection(Section):
    """When a rule holds: all that is said must hold; of a list, one suffices.

    Attributes:
        input_tokens_above, input_tokens_below: of the prompt, estimated.
        output_tokens_above: of the answer, as the caller asked.
        min_context_above: of the context window that the caller asks for, tokens.
        labels: of the request; every one must match.
        region: of the caller.
        after, before: time of day, in UTC; `after` later than `before` spans midnight.
        weekdays: in UTC.
    """

    sensitivity: tuple[SensitivityWord, ...] = ()
    complexity: tuple[ComplexityWord, ...] = ()
    task: tuple[TaskWord, ...] = ()
    domain: tuple[str, ...] = ()
    input_tokens_above: Count | None = None
    input_tokens_below: Count | None = None
    output_tokens_above: Count | None = None
    min_context_above: Count | None = None
    labels: Mapping[str, str] = {}
    tenant: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    after: TimeOfDay | None = None
    before: TimeOfDay | None = None
    weekdays: tuple[Weekday, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        listed = {"sensitivity", "complexity", "task", "domain", "tenant", "region", "weekdays"}
        return {key: [item] if key in listed and not isinstance(item, list) else item for key, item in value.items()}


class RuleSection(PreferenceSection):
    """One of the ordered rules: the first whose condition holds decides.

    Attributes:
        name: for explanations; empty: its place in the list.
    """

    name: str = ""
    when: ConditionSection = ConditionSection()


class EnsembleSection(Section):
    """Several profiles vote. It is asked for by its name, as a profile is. `profiles`: weights by profile."""

    profiles: Mapping[str, Annotated[float, Field(gt=0)]] = Field(min_length=1)


LENGTHS: Mapping[str, tuple[str, int]] = {
    "very_long_prompt": ("input_tokens_above", 100_000),
    "long_prompt": ("input_tokens_above", 30_000),
    "long_answer": ("output_tokens_above", 8_000),
    "long_context": ("min_context_above", 128_000),
}
"""The short form of the section `lengths`: what each name means where the file gives no `above`."""


def spell_out_lengths(value: Any) -> Any:
    """`{long_prompt: target}` or `{long_prompt: {use: target, above: 40000}}` as a list of rules that rank.

    Raises:
        ValueError: a name that is none of `LENGTHS`.
    """
    if not isinstance(value, dict):
        return value
    unknown = [name for name in value if name not in LENGTHS]
    if unknown:
        raise ValueError(f"no length {unknown[0]!r}. Known: {', '.join(LENGTHS)}; or write a list of rules")
    rules = []
    for name, (field, above) in LENGTHS.items():
        if name in value:
            said = value[name] if isinstance(value[name], dict) else {"use": value[name]}
            said = dict(said)
            if isinstance(said.get("above"), bool):
                raise ValueError(f"above of {name} must be a whole number, not true or false")
            rules.append({"name": name, "when": {field: said.pop("above", above)}, "restrict": False, **said})
    return rules


class DecisionCacheSection(Section):
    """How long, and for how many requests, what was found out about a request is reused; 0 entries: never."""

    ttl: Duration = 300.0
    entries: Count = 1000
