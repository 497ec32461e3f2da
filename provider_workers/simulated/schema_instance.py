"""A small valid instance of a JSON schema, the same for the same schema."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_DEPTH: Final = 8
MAX_VALUES: Final = 10_000
"""Values of one instance; few bytes of schema may ask for any number of them."""

MAX_CHARACTERS: Final = 200_000
"""Characters of one instance's texts and names."""

_FORMATS: Final = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "email": "simulated@example.com",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}


class SchemaError(ValueError):
    """There is no instance of the schema, or none of a reasonable size."""


def instance_of(schema: Mapping[str, Any]) -> Any:
    """An instance of `schema`: types, enum, const, $ref, anyOf / oneOf / allOf, bounds and formats are honoured.

    `pattern` is not: such a string may not match it.

    Raises:
        SchemaError: it asks for more than `MAX_VALUES` or `MAX_CHARACTERS`, or is no schema.
    """
    try:
        return _Maker(schema).instance(schema, 0)
    except SchemaError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise SchemaError(f"the schema is invalid: {error}") from error


class _Maker:
    """Makes one instance of `root`, and counts what it comes to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._values = MAX_VALUES
        self._characters = MAX_CHARACTERS

    def instance(self, schema: Any, depth: int) -> Any:
        """An instance of a part of the root, so deep in it."""
        self._spend(1, 0)
        if not isinstance(schema, Mapping):
            return "simulated"
        if "$ref" in schema:
            return None if depth > MAX_DEPTH else self.instance(_resolve(schema["$ref"], self._root), depth + 1)
        if "const" in schema or schema.get("enum"):
            given = schema["const"] if "const" in schema else schema["enum"][0]
            self._spend(0, len(json.dumps(given)))
            return given
        for choice in ("anyOf", "oneOf"):
            if schema.get(choice):
                # Beyond the depth a recursive schema's way out is its last alternative, null by custom.
                return self.instance(schema[choice][-1 if depth > MAX_DEPTH else 0], depth + 1)
        if schema.get("allOf"):
            self._spend(len(schema["allOf"]), 0)
            return self.instance(_joined([schema, *schema["allOf"]], self._root), depth + 1)
        return self._of_type(_type_of(schema), schema, depth)

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        if kind == "object":
            properties: Mapping[str, Any] = schema.get("properties") or {}
            wanted = properties if depth <= MAX_DEPTH else [n for n in schema.get("required", ()) if n in properties]
            self._spend(0, sum(map(len, wanted)))
            return {name: self.instance(properties[name], depth + 1) for name in wanted}
        if kind == "array":
            count = max(int(schema.get("minItems", 0)), 1 if depth <= MAX_DEPTH and schema.get("maxItems") != 0 else 0)
            return [self.instance(schema.get("items", {}), depth + 1) for _ in range(count)]
        if kind in ("integer", "number"):
            return _number(kind, schema)
        if kind == "boolean":
            return True
        return None if kind == "null" else self._string(schema)

    def _string(self, schema: Mapping[str, Any]) -> str:
        text = _FORMATS.get(str(schema.get("format")), "simulated")
        least = int(schema.get("minLength", 0))
        self._spend(0, max(least, len(text)))
        text = text.ljust(least, "x")
        return text[: int(schema["maxLength"])] if "maxLength" in schema else text

    def _spend(self, values: int, characters: int) -> None:
        self._values -= values
        self._characters -= characters
        if self._values < 0 or self._characters < 0:
            most = f"{MAX_VALUES} values or {MAX_CHARACTERS} characters"
            raise SchemaError(f"the schema is too large: its smallest answer has more than {most}")


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
