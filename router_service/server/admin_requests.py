"""Operators' requests as values, every mistake named."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from router_service.domain.errors import InvalidRequest, Violation
from router_service.domain.switches import Switch
from service_common.configuration.document import MOST_CHARACTERS
from service_common.vocabulary import TargetState
from trunkline.admin.v1 import admin_service_pb2 as pb

LONGEST_REASON = 200

_STATES: Mapping[int, TargetState] = MappingProxyType(
    {
        pb.DESIRED_STATE_ENABLED: TargetState.READY,
        pb.DESIRED_STATE_DISABLED: TargetState.DISABLED,
        pb.DESIRED_STATE_DRAINED: TargetState.DRAINING,
    }
)
_FORMS: Mapping[int, Literal["yaml", "json"]] = MappingProxyType(
    {
        pb.CONFIGURATION_FORMAT_UNSPECIFIED: "yaml",
        pb.CONFIGURATION_FORMAT_YAML: "yaml",
        pb.CONFIGURATION_FORMAT_JSON: "json",
    }
)


def switch_of(request: pb.SetTargetStateRequest) -> Switch:
    """The wanted switch.

    Raises:
        InvalidRequest: a field is missing or out of range.
    """
    violations = []
    if not request.target:
        violations.append(Violation("target", "is empty: name a target (backend/model) or a backend"))
    state = _STATES.get(request.state)
    if state is None:
        violations.append(Violation("state", "must be ENABLED, DISABLED or DRAINED"))
    if len(request.reason) > LONGEST_REASON:
        violations.append(Violation("reason", f"has {len(request.reason)} characters; {LONGEST_REASON} are allowed"))
    if violations or state is None:
        raise InvalidRequest(tuple(violations))
    return Switch(state, "" if state is TargetState.READY else request.reason)


def model_settings(request: pb.UpsertModelRequest) -> dict[str, Any]:
    """The model's settings.

    Raises:
        InvalidRequest: the target is no target, or the settings are no JSON object.
    """
    check_target(request.target)
    try:
        settings = json.loads(request.settings_json or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest((Violation("settings_json", f"is not JSON: {error}"),)) from None
    if not isinstance(settings, dict):
        raise InvalidRequest((Violation("settings_json", 'must be a JSON object, such as {"quality": 0.8}'),))
    return settings


def check_target(target: str) -> None:
    """Refuse what is not of the form `backend/model`.

    Raises:
        InvalidRequest: it is not.
    """
    backend, _, model = target.partition("/")
    if not (backend and model):
        raise InvalidRequest((Violation("target", f'"{target}" is no target: write backend/model'),))


def imported_text(request: pb.ImportConfigurationRequest) -> str:
    """The configuration to import.

    Raises:
        InvalidRequest: it is empty or too long.
    """
    if not request.text.strip():
        raise InvalidRequest((Violation("text", "is empty: put a whole configuration here, YAML or JSON"),))
    if len(request.text) > MOST_CHARACTERS:
        size = f"{len(request.text):,} characters; {MOST_CHARACTERS:,} are allowed"
        raise InvalidRequest((Violation("text", f"has {size}"),))
    return request.text


def form_of(request: pb.ExportConfigurationRequest) -> Literal["yaml", "json"]:
    """How to write the configuration.

    Raises:
        InvalidRequest: a format that this version does not know.
    """
    form = _FORMS.get(request.format)
    if form is None:
        raise InvalidRequest((Violation("format", "must be YAML or JSON"),))
    return form
