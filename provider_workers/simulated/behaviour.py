"""How a simulated provider behaves: pace, length and shape of its answers, limits, and faults. Pure values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from provider_workers.simulated.exchange import JsonObject
from provider_workers.simulated.faults import FAULT_FIELDS, Fault, annotations_of, check_type, fault_from_json, one_of


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a provider does with a request.

    first_token_latency: seconds before the response begins (before the whole answer where it is not streamed, too).
    tokens_per_second: 0 is as fast as it can.
    answer_tokens: length of an answer, in tokens, unless the request asks for less or a schema decides.
    answer_text: the answer, word for word, in place of the made-up one.
    reasoning_tokens: reasoning that is shown before the answer, where the wire can show it.
    cached_tokens: how many prompt tokens are reported as read from the provider's cache.
    tool_calls: how many calls are made when tools are offered; None: as the request's tool choice demands, or one when
        the prompt names a tool and no result has come back yet.
    load_seconds: what an Ollama model takes to load when it is not resident.
    requests_per_minute: more are answered with 429; 0 is no limit.
    api_key: any other key is answered with 401; None accepts all.
    faults: the first that fits a request strikes.

    Raises:
        ValueError: a value out of range.
    """

    first_token_latency: float = 0.0
    tokens_per_second: float = 0.0
    answer_tokens: int = 40
    answer_text: str | None = None
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    tool_calls: int | None = None
    load_seconds: float = 0.0
    requests_per_minute: int = 0
    api_key: str | None = None
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and value < 0:
                raise ValueError(f"{field.name} is {value}: it must not be negative")

    def merged(self, data: JsonObject) -> "Behaviour":
        """This behaviour with what a JSON object says in place of its own.

        Faults come as `faults` (a list) or as `fault` (a name or an object); with a name, the fault's parameters may
        stand beside it.

        Raises:
            ValueError: an unknown field, or a value of the wrong type or range.
        """
        named = isinstance(data.get("fault"), str)
        own: dict[str, Any] = {}
        of_fault: dict[str, Any] = {}
        for name, value in data.items():
            if named and name in FAULT_FIELDS:
                of_fault[name] = value
            elif name not in ("fault", "faults"):
                one_of("field of a behaviour", name, (*_ANNOTATIONS, "fault"))
                check_type(name, value, _ANNOTATIONS[name])
                own[name] = value
        faults = _faults(data, of_fault)
        if faults is not None:
            own["faults"] = faults
        return replace(self, **own)

    def to_json(self) -> dict[str, Any]:
        """The JSON form, fields that are at their defaults left out of the faults."""
        data: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "faults"}
        if data["api_key"] is not None:
            data["api_key"] = "[set]"
        data["faults"] = [_fault_to_json(fault) for fault in self.faults]
        return data


_ANNOTATIONS: Final = annotations_of(Behaviour)


def _faults(data: JsonObject, of_named: Mapping[str, Any]) -> tuple[Fault, ...] | None:
    if "fault" in data and "faults" in data:
        raise ValueError('give "fault" or "faults", not both')
    if of_named:
        return (fault_from_json(of_named),)
    if "fault" in data:
        return () if data["fault"] is None else (fault_from_json(data["fault"]),)
    if "faults" not in data:
        return None
    if not isinstance(data["faults"], list):
        raise ValueError('"faults" must be a list')
    return tuple(fault_from_json(item) for item in data["faults"])


def _fault_to_json(fault: Fault) -> dict[str, Any]:
    plain = Fault(fault.kind)
    given = {f.name: getattr(fault, f.name) for f in fields(fault) if getattr(fault, f.name) != getattr(plain, f.name)}
    return {"fault": fault.kind, **given}


def behaviour_from_json(data: object, base: Behaviour | None = None) -> Behaviour:
    """A behaviour from a JSON object, over `base` (the healthy default).

    Raises:
        ValueError: not an object, or a field in it is wrong.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"a behaviour is a JSON object, not {data!r}")
    return (base or Behaviour()).merged(data)


def fault_from_text(text: str) -> Fault:
    """A fault from the command line: JSON, or `NAME[,PARAMETER=VALUE]...`.

    Raises:
        ValueError: an unknown name or parameter, or a value of the wrong type.
    """
    if text.startswith("{"):
        return fault_from_json(json_from_text(text))
    kind, *rest = text.split(",")
    data: dict[str, Any] = {"fault": kind}
    for item in rest:
        name, separator, value = item.partition("=")
        if not separator:
            raise ValueError(f'"{item}" is not PARAMETER=VALUE')
        data[name] = _scalar(value)
    return fault_from_json(data)


def json_from_text(text: str) -> object:
    """Parse JSON. Raises ValueError with a line for people."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error


def _scalar(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
