"""A small valid instance of a JSON schema, the same for the same schema."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_DEPTH: Final = 8

_FORMATS: Final = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "email": "simulated@example.com",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}


def instance_of(schema: Mapping[str, Any]) -> Any:
    """An instance of `schema`: types, enum, const, $ref, anyOf / oneOf / allOf, bounds and formats are honoured.

    `pattern` is not: such a string may not match it.
    """
    return _instance(schema, schema, 0)


def _instance(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping):
        return "simulated"
    if "$ref" in schema:
        return None if depth > MAX_DEPTH else _instance(_resolve(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            # Beyond the depth a recursive schema's way out is its last alternative, null by custom.
            return _instance(schema[choice][-1 if depth > MAX_DEPTH else 0], root, depth + 1)
    if schema.get("allOf"):
        return _instance(_joined([schema, *schema["allOf"]], root), root, depth + 1)
    return _of_type(_type_of(schema), schema, root, depth)


def _resolve(reference: str, root: Mapping[str, Any]) -> Any:
    node: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            node = node.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, Mapping) else {}
    return node


def _joined(parts: Sequence[Any], root: Mapping[str, Any]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for part in parts:
        resolved = _resolve(part["$ref"], root) if "$ref" in part else part
        for key, value in resolved.items():
            if key == "properties":
                joined[key] = {**joined.get(key, {}), **value}
            elif key != "allOf":
                joined[key] = value
    return joined


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((str(item) for item in kind if item != "null"), "null")
    if kind is not None:
        # Gemini writes its types in capitals.
        return str(kind).lower()
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _of_type(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    if kind == "object":
        properties: Mapping[str, Any] = schema.get("properties") or {}
        wanted = properties if depth <= MAX_DEPTH else [n for n in schema.get("required", ()) if n in properties]
        return {name: _instance(properties[name], root, depth + 1) for name in wanted}
    if kind == "array":
        count = max(int(schema.get("minItems", 0)), 1 if depth <= MAX_DEPTH and schema.get("maxItems") != 0 else 0)
        return [_instance(schema.get("items", {}), root, depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        return _number(kind, schema)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return _string(schema)


def _number(kind: str, schema: Mapping[str, Any]) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = 1 if kind == "integer" else 0.5
    if low is not None:
        value = low if "minimum" in schema else low + step
    elif high is not None:
        value = min(1, high if "maximum" in schema else high - step)
    else:
        value = 1
    multiple = schema.get("multipleOf")
    if multiple:
        value = -(-value // multiple) * multiple
    return int(value) if kind == "integer" else float(value)


def _string(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(str(schema.get("format")), "simulated")
    text = text.ljust(int(schema.get("minLength", 0)), "x")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text
