"""Generate the Python stubs of `protos/` into `clients/python/`.

A proto package is a Python path: `trunkline.router.v1` becomes `clients/python/trunkline/router/v1/`. Messages and
services get `.pyi` files beside them (mypy-protobuf), so that strict type checks see through the generated code.

    python tools/generate_stubs.py            write the stubs, remove those whose proto is gone
    python tools/generate_stubs.py --check    write nothing; exit 1 and name the files that are out of date
"""

import argparse
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
OUTPUT = ROOT / "clients" / "python"
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def generate(output: Path) -> None:
    """Run protoc over every proto of the module, writing below `output`.

    Raises:
        RuntimeError: protoc found a mistake (it has printed it already), or there is no proto at all.
    """
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    if not sources:
        raise RuntimeError(f"no .proto file below {PROTOS}")
    scripts = Path(sys.executable).parent
    well_known = resources.files("grpc_tools") / "_proto"
    command = [
        "protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={well_known}",
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={output}",
        f"--grpc_python_out={output}",
        f"--mypy_out=quiet:{output}",
        f"--mypy_grpc_out=quiet:{output}",
        *sources,
    ]
    if protoc.main(command) != 0:
        raise RuntimeError("protoc failed")
    for path in [*output.rglob("*_pb2_grpc.py"), *output.rglob("*_pb2_grpc.pyi")]:
        if "_to_server" not in path.read_text(encoding="utf-8"):  # protoc writes one for a proto without a service too
            path.unlink()


def _generated_files(root: Path) -> dict[Path, str]:
    """The generated files below `root`, by relative path."""
    return {
        path.relative_to(root): path.read_text(encoding="utf-8")
        for pattern in GENERATED
        for path in (root / "trunkline").rglob(pattern)
    }


def write(fresh: dict[Path, str]) -> None:
    """Make the committed stubs equal to `fresh`, and every folder that holds one a package."""
    for stale in _generated_files(OUTPUT).keys() - fresh.keys():
        (OUTPUT / stale).unlink()
    for relative, text in sorted(fresh.items()):
        target = OUTPUT / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        for folder in relative.parents:
            if len(folder.parts) >= 2:  # trunkline/__init__.py is written by hand
                (OUTPUT / folder / "__init__.py").touch()


def differences(fresh: dict[Path, str]) -> list[str]:
    """One line per file that is missing, stale or no longer generated."""
    committed = _generated_files(OUTPUT)
    lines = []
    for relative in sorted(fresh.keys() | committed.keys()):
        if relative not in committed:
            lines.append(f"missing: {relative}")
        elif relative not in fresh:
            lines.append(f"no longer generated: {relative}")
        elif committed[relative] != fresh[relative]:
            lines.append(f"out of date: {relative}")
    return lines


def main() -> int:
    """Generate or check; the exit code is the answer."""
    parser = argparse.ArgumentParser(description="Generate the Python stubs of protos/ into clients/python/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the committed stubs differ")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trunkline-stubs-") as folder:
        output = Path(folder)
        try:
            generate(output)
        except RuntimeError as error:
            print(f"generate_stubs: {error}", file=sys.stderr)
            return 1
        fresh = _generated_files(output)
    if not arguments.check:
        write(fresh)
        print(f"{len(fresh)} files below {OUTPUT.relative_to(ROOT)}")
        return 0
    lines = differences(fresh)
    for line in lines:
        print(line, file=sys.stderr)
    if lines:
        print("The committed stubs are not what protos/ says. Run: make protos", file=sys.stderr)
        return 1
    print(f"stubs are current ({len(fresh)} files)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
