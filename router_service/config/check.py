"""`check`: every mistake of a configuration file, for people or as JSON. It starts nothing."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from router_service.config.running import Running, Sources, prepare
from service_common.configuration import ConfigurationErrors, Mistake, read_text

OK = 0
MISTAKEN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommand's arguments: FILE and --json."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration file (trunkline.yaml)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines for people")


def run_check(sources: Sources, out: TextIO, *, as_json: bool) -> int:
    """Check the file of `sources`, build all that the router would build of it, and write the result to `out`.

    Returns:
        The exit code: 0 without mistakes, 1 with.
    """
    try:
        running = prepare(read_text(sources.path), sources)
    except ConfigurationErrors as error:
        out.write(_mistakes_as_json(error.mistakes) if as_json else _mistakes_as_text(error.mistakes))
        return MISTAKEN
    out.write(_summary_as_json(running) if as_json else _summary_as_text(sources.path, running))
    return OK


def _mistakes_as_text(mistakes: tuple[Mistake, ...]) -> str:
    lines = [str(mistake) for mistake in mistakes]
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return "\n".join([*lines, f"{count}. Nothing was started.", ""])


def _mistakes_as_json(mistakes: tuple[Mistake, ...]) -> str:
    return json.dumps({"ok": False, "mistakes": [asdict(mistake) for mistake in mistakes]}, indent=2) + "\n"


def _summary_as_text(file: Path, running: Running) -> str:
    configuration, doubts = running.configuration, running.doubts
    counts = ", ".join(
        f"{len(names)} {word}{'' if len(names) == 1 else ending}"
        for word, ending, names in (
            ("backend", "s", configuration.backends),
            ("model", "s", configuration.models),
            ("alias", "es", configuration.aliases),
            ("profile", "s", configuration.profiles),
        )
    )
    lines = "".join(f"{doubt}\n" for doubt in doubts)
    told = f", {len(doubts)} warning{'s' if len(doubts) > 1 else ''}" if doubts else ""
    return f"{lines}{file}: no mistakes{told}. {counts}; version {configuration.version}.\n"


def _summary_as_json(running: Running) -> str:
    configuration = running.configuration
    summary = {
        "ok": True,
        "version": configuration.version,
        "backends": list(configuration.backends),
        "models": list(configuration.models),
        "aliases": list(configuration.aliases),
        "profiles": list(configuration.profiles),
        "mistakes": [],
        "warnings": [asdict(doubt) for doubt in running.doubts],
    }
    return json.dumps(summary, indent=2) + "\n"
