"""What Ollama says about models: its list, the resident ones, the details of one, and the progress of a pull."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from provider_workers.simulated.catalogue import ModelInfo

VERSION: Final = "0.12.6"
_MODEL_BYTES: Final = 4_661_224_676
_MODIFIED: Final = "2025-01-01T00:00:00.000000000Z"
_FOREVER: Final = "2318-01-01T00:00:00.000000Z"
_FAMILY: Final = "llama"
_PULL_PARTS: Final = 4


def timestamp(seconds: float) -> str:
    """A time as Ollama writes it; `seconds` since the epoch."""
    if seconds == float("inf"):
        return _FOREVER
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def tag(model: ModelInfo) -> dict[str, Any]:
    """A model in `/api/tags`."""
    return {
        "name": _tagged(model.name),
        "model": _tagged(model.name),
        "modified_at": _MODIFIED,
        "size": _MODEL_BYTES,
        "digest": _digest(model.name),
        "details": _details(),
    }


def running(model: ModelInfo, until: float) -> dict[str, Any]:
    """A model in `/api/ps`; `until` in seconds since the epoch."""
    return {
        "name": _tagged(model.name),
        "model": _tagged(model.name),
        "size": _MODEL_BYTES,
        "digest": _digest(model.name),
        "details": _details(),
        "expires_at": timestamp(until),
        "size_vram": _MODEL_BYTES,
        "context_length": 4096,
    }


def show(model: ModelInfo) -> dict[str, Any]:
    """The details in `/api/show`."""
    if model.embedding:
        capabilities = ["embedding"]
    else:
        capabilities = ["completion", "tools"]
        capabilities += ["vision"] if model.vision else []
        capabilities += ["thinking"] if model.reasoning else []
    return {
        "modelfile": f"# simulated\nFROM {model.name}\n",
        "parameters": "num_ctx                        4096",
        "template": "{{ .Prompt }}",
        "details": _details(),
        "model_info": {
            "general.architecture": _FAMILY,
            "general.parameter_count": 8_030_261_248,
            f"{_FAMILY}.context_length": model.context_window,
            f"{_FAMILY}.embedding_length": model.dimensions if model.embedding else 4096,
            f"{_FAMILY}.block_count": 32,
        },
        "capabilities": capabilities,
        "modified_at": _MODIFIED,
    }


def pull_lines(name: str) -> Iterator[dict[str, Any]]:
    """The progress of a pull, line by line."""
    digest = f"sha256:{_digest(name)}"
    yield {"status": "pulling manifest"}
    for part in range(_PULL_PARTS + 1):
        line = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": _MODEL_BYTES}
        yield {**line, "completed": _MODEL_BYTES * part // _PULL_PARTS} if part else line
    yield {"status": "verifying sha256 digest"}
    yield {"status": "writing manifest"}
    yield {"status": "success"}


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _digest(name: str) -> str:
    return hashlib.sha256(_tagged(name).encode()).hexdigest()


def _details() -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": _FAMILY,
        "families": [_FAMILY],
        "parameter_size": "8.0B",
        "quantization_level": "Q4_K_M",
    }
