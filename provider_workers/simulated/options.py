"""The command line of the simulation as a value."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from provider_workers.simulated.behaviour import Behaviour, behaviour_from_json, fault_from_text, json_from_text
from provider_workers.simulated.faults import FAULTS, one_of
from provider_workers.simulated.spec import DEFAULT_HOST, ProviderSpec, address_from_text, spec_from_text
from provider_workers.simulated.wires.registry import WIRES

_DEFAULT_PROVIDERS: Final = ("openai", "ollama")
_EPILOG: Final = f"""\
wires:  {", ".join(WIRES)} (a provider of another name speaks the openai wire unless NAME:WIRE says otherwise)
faults: {", ".join(FAULTS)}
        parameters follow the name, as in  --fault openai=503,times=2  or  --fault openai=stall,after_tokens=5,seconds=2

Options that take [PROVIDER=]VALUE hold for every provider where none is named.
On start one line of JSON on standard output gives each provider's URL and the control port's (on a terminal: a table).
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    specs: tuple[ProviderSpec, ...]
    control_host: str
    control_port: int
    seed: int
    record_limit: int
    record_bodies: bool
    as_json: bool
    exit_with_parent: bool


def options_from(arguments: Sequence[str] | None) -> Options:
    """Parse the command line; ends the process with status 2 and a line that says what is wrong, as argparse does."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        host, port = address_from_text(given.listen)
        return Options(
            specs=_specs(given, host),
            control_host=host,
            control_port=port,
            seed=given.seed,
            record_limit=given.record,
            record_bodies=given.bodies,
            as_json=given.json,
            exit_with_parent=given.exit_with_parent,
        )
    except ValueError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trunkline sim",
        description="Simulated model providers: the real wire formats, with latency, token rate and faults on demand.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--provider", action="append", metavar="NAME[:WIRE][=HOST:PORT]", help="one provider (default: openai, ollama)")
    add(
        "--listen",
        default=f"{DEFAULT_HOST}:0",
        metavar="HOST:PORT",
        help="address of the control port, and the providers' host (default %(default)s)",
    )
    add("--model", action="append", default=[], metavar="PROVIDER=MODEL", help="a model of a provider")
    add("--fault", action="append", default=[], metavar="[PROVIDER=]FAULT[,PARAMETER=VALUE]", help="a fault")
    for flag, (_, unit, text) in _FIELDS.items():
        add(flag, action="append", default=[], metavar=f"[PROVIDER=]{unit}", help=text)
    add(
        "--behaviour", action="append", default=[], metavar="[PROVIDER=]JSON", help="a behaviour, as the control port's"
    )
    add("--seed", type=int, default=0, help="seed of everything that is drawn (default %(default)s)")
    add("--record", type=int, default=10_000, metavar="N", help="how many requests are kept (default %(default)s)")
    add("--bodies", action="store_true", help="keep the requests' bodies, too, with the prompts in them")
    add("--json", action="store_true", help="print the JSON line on a terminal, too")
    add("--exit-with-parent", action="store_true", help="end when standard input is closed")
    return parser


# flag: (field of Behaviour, unit, help)
_FIELDS: Final[dict[str, tuple[str, str, str]]] = {
    "--latency": ("first_token_latency", "SECONDS", "time to the first token"),
    "--rate": ("tokens_per_second", "TOKENS_PER_SECOND", "pace of an answer; 0 is as fast as it can"),
    "--tokens": ("answer_tokens", "N", "length of an answer"),
    "--key": ("api_key", "KEY", "the key that is demanded; any other is answered with 401"),
}


def _specs(given: argparse.Namespace, host: str) -> tuple[ProviderSpec, ...]:
    specs = {spec.name: spec for spec in (spec_from_text(t, host) for t in given.provider or _DEFAULT_PROVIDERS)}
    if given.provider and len(specs) < len(given.provider):
        raise ValueError("two providers have the same name")
    for text in given.model:
        name, separator, model = text.partition("=")
        if not separator or not model:
            raise ValueError(f'--model "{text}" is not PROVIDER=MODEL')
        one_of("provider", name, specs)
        specs[name] = replace(specs[name], models=(*specs[name].models, model))
    for text in given.behaviour:
        names, value = _addressed(text, specs)
        for name in names:
            specs[name] = _behaving(specs[name], behaviour_from_json(json_from_text(value), specs[name].behaviour))
    for flag, (field, _, _) in _FIELDS.items():
        for text in getattr(given, flag.removeprefix("--")):
            names, value = _addressed(text, specs)
            for name in names:
                change = behaviour_from_json({field: _value(flag, value)}, specs[name].behaviour)
                specs[name] = _behaving(specs[name], change)
    for text in given.fault:
        names, value = _addressed(text, specs)
        fault = fault_from_text(value)
        for name in names:
            behaviour = specs[name].behaviour
            specs[name] = _behaving(specs[name], replace(behaviour, faults=(*behaviour.faults, fault)))
    return tuple(specs.values())


def _behaving(spec: ProviderSpec, behaviour: Behaviour) -> ProviderSpec:
    return replace(spec, behaviour=behaviour)


def _addressed(text: str, specs: dict[str, ProviderSpec]) -> tuple[list[str], str]:
    """The providers that `[PROVIDER=]VALUE` is for, and the value."""
    head, separator, value = text.partition("=")
    if not separator or "," in head or head.startswith("{"):
        return list(specs), text
    one_of("provider", head, specs)
    return [head], value


def _value(flag: str, text: str) -> Any:
    if flag == "--key":
        return text
    try:
        return int(text) if flag == "--tokens" else float(text)
    except ValueError as error:
        raise ValueError(f'{flag} "{text}" is not a number') from error
