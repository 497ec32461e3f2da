"""The entry point of `trunkline`: says what is missing where the command line's own libraries are not installed."""

import importlib
import os
import sys

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command line; the exit code: 0 answered, 1 failed, 2 wrong usage."""
    try:
        # By name, because typer and rich come with an extra that an application which only calls does not install.
        program = importlib.import_module("trunkline.cli.program")
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich"):
            raise
        sys.stderr.write(
            f"trunkline: the command line needs {missing.name}, which is not installed. "
            'Install it: pip install "trunkline[cli]" (with router and workers: "trunkline[all]")\n'
        )
        return EXIT_FAILED
    try:
        return int(program.run())
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left: nothing more to say, and nothing to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
