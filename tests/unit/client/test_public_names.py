"""The names that applications import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import trunkline

PUBLIC = [
    "Administration",
    "Answer",
    "AnswerStream",
    "AsyncAnswerStream",
    "AsyncAdministration",
    "AsyncClient",
    "Attempt",
    "AttemptFailed",
    "AttemptStarted",
    "CallFailed",
    "Cancelled",
    "Candidate",
    "Classification",
    "Client",
    "Completed",
    "Completion",
    "CompletionOptions",
    "ConfigurationChange",
    "DeadlineExceeded",
    "Decided",
    "Decision",
    "DrillResult",
    "DrillStep",
    "EmbeddingOptions",
    "Embeddings",
    "ErrorDetails",
    "Event",
    "Exhausted",
    "File",
    "GenerationOptions",
    "Image",
    "InternalError",
    "InvalidRequest",
    "JsonSchema",
    "LatencySummary",
    "Message",
    "Model",
    "Models",
    "NoTarget",
    "NotFound",
    "Prompt",
    "ProtocolError",
    "PullProgress",
    "ReasoningDelta",
    "Rejection",
    "RoutingOptions",
    "ScorerValue",
    "StreamReset",
    "TargetRow",
    "TargetStatistics",
    "TextDelta",
    "TokenCount",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "TrunklineError",
    "Unauthorized",
    "Unavailable",
    "Unimplemented",
    "Usage",
    "UsageReported",
    "Violation",
    "Vote",
    "Worker",
]


def test_public_names_are_these() -> None:
    """Taking a public name away, or adding one, is a decision: this list changes with it."""
    assert sorted(trunkline.__all__) == sorted(PUBLIC)
    assert all(hasattr(trunkline, name) for name in PUBLIC)


def test_type_checkers_are_told_the_same_modules() -> None:
    """What they read stands beside what is loaded; each name comes from the same module in both."""
    tree = ast.parse(Path(trunkline.__file__).read_text())
    told = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("trunkline.")
        for alias in node.names
    }
    assert told == {name: f"trunkline.{module}" for name, module in trunkline._MODULES.items()}


def test_modules_can_be_named_without_importing_them() -> None:
    """`import trunkline` is enough for `trunkline.errors.NoTarget`, though nothing is loaded before it is used."""
    code = (
        "import trunkline; print(trunkline.errors.NoTarget is trunkline.NoTarget, 'Client' in dir(trunkline), "
        "trunkline.money.__name__)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert said.stdout.split() == ["True", "True", "trunkline.money"]


def test_a_name_that_does_not_exist_is_an_error() -> None:
    """As of every module."""
    with pytest.raises(AttributeError, match="no attribute 'Klient'"):
        _ = trunkline.Klient  # type: ignore[attr-defined]


def test_every_error_is_a_trunkline_error() -> None:
    """`except TrunklineError` catches all that a call can raise."""
    errors = [
        value for name in PUBLIC if isinstance(value := getattr(trunkline, name), type) and issubclass(value, Exception)
    ]
    assert len(errors) == 13
    assert all(issubclass(error, trunkline.TrunklineError) for error in errors)


def test_client_needs_grpcio_and_protobuf_only() -> None:
    """An application that only calls installs nothing else: all of the client loads no other library."""
    code = (
        "import sys, grpc.aio, google.protobuf.timestamp_pb2, google.protobuf.duration_pb2, google.protobuf.any_pb2\n"
        "before = {name.partition('.')[0] for name in sys.modules}\n"
        "from trunkline import *\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - before)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert {name for name in loaded.stdout.split() if name not in sys.stdlib_module_names} == {"trunkline"}
