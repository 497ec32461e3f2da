"""Commands whose options stand in a dataclass: Typer reads a signature, so the fields are spread over it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints


def spread(flags: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make the fields of the dataclass `flags`, which the command takes first, options of their own."""
    hints = get_type_hints(flags, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(flags)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        ]

        def spread_command(**given: Any) -> None:
            taken = flags(**{parameter.name: given.pop(parameter.name) for parameter in parameters})
            command(taken, **given)

        annotations: Mapping[str, Any] = {parameter.name: parameter.annotation for parameter in [*parameters, *own]}
        spread_command.__name__ = command.__name__
        spread_command.__doc__ = command.__doc__
        spread_command.__annotations__ = dict(annotations)
        spread_command.__signature__ = inspect.Signature([*parameters, *own])  # type: ignore[attr-defined]
        return spread_command

    return decorate
