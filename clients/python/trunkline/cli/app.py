"""The entry point of `trunkline`: says what is missing where the command line's own libraries are not installed."""

import importlib
import sys

from trunkline.cli.streams import FULL, give_up_output, open_all

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command line; the exit code: 0 answered, 1 failed, 2 wrong usage."""
    if not open_all():
        sys.stderr.write("trunkline: standard output is closed: nothing could be shown.\n")
        return EXIT_FAILED
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
        try:
            return int(program.run())
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left: nothing more to say
        give_up_output()
        return EXIT_FAILED
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            raise
        give_up_output()
        sys.stderr.write(f"trunkline: the output cannot be written: {error.strerror}\n")
        return EXIT_FAILED
