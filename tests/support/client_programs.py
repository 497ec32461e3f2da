"""The example programs of the clients in other languages: built once, run as processes."""

import asyncio
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.command_line import Ran, clean_environment
from tests.support.components import missing

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / "clients"
BUILD_TIMEOUT = 480.0
"""A first build downloads what it needs."""
RUN_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class ClientProgram:
    """An example program: its language, the tools that build it, and the command that runs it in `CLIENTS/language`."""

    language: str
    tools: tuple[str, ...]
    command: tuple[str, ...]

    def build(self) -> None:
        """Build it; skips the test (in CI: fails it) where a tool is missing."""
        for tool in self.tools:
            require_tool(tool, self.language)
        built = subprocess.run(
            [ROOT / "tools" / "clients.sh", self.language],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT,
            check=False,
        )
        assert built.returncode == 0, built.stdout + built.stderr

    async def run(self, address: str) -> Ran:
        """Run it against the router at `address`.

        Raises:
            TimeoutError: it did not end within 30 s; it is killed.
        """
        environment = {
            name: value for name, value in clean_environment().items() if not name.lower().endswith("_proxy")
        }
        process = await asyncio.create_subprocess_exec(
            *self.command,
            address,
            cwd=CLIENTS / self.language,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(RUN_TIMEOUT):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ran(process.returncode or 0, out.decode(), err.decode())


def require_tool(tool: str, language: str) -> None:
    """Skip the test (in CI: fail it) where `tool` is not installed."""
    if shutil.which(tool) is None:
        missing(
            f"{tool} is not installed: the client in {language} cannot be built (docs/clients.md says what it needs)"
        )


GO = ClientProgram("go", ("go",), ("bin/example",))
TYPESCRIPT = ClientProgram("typescript", ("node", "npm"), ("node", "dist/example/main.js"))
JAVA = ClientProgram(
    "java", ("javac", "mvn"), ("java", "-cp", "target/classes:target/lib/*", "dev.trunkline.example.Example")
)
PROGRAMS = (GO, TYPESCRIPT, JAVA)
