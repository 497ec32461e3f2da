"""What workers must show is what the file refers to, for the router and for those that it lets attach."""

from pathlib import Path

import pytest

from provider_workers.arguments import UsageError, parse
from service_common.configuration import RouterSection

SECRET = "s3cret-of-the-fleet"


def test_the_worker_token_is_what_the_file_refers_to(tmp_path: Path) -> None:
    """Environment first, then `.env` beside the file; one that is not set is named, with the setting."""
    router = RouterSection(worker_token="${FLEET_SECRET}")
    file = tmp_path / "trunkline.yaml"
    with pytest.raises(ValueError, match=r"router\.worker_token needs FLEET_SECRET, which is not set"):
        router.token(file, {"TRUNKLINE_WORKER_TOKEN": SECRET})
    (tmp_path / ".env").write_text(f"FLEET_SECRET={SECRET}\nTRUNKLINE_WORKER_TOKEN=by-default\n")
    assert router.token(file, {}) == SECRET
    assert router.token(file, {"FLEET_SECRET": "from-environment"}) == "from-environment"
    assert RouterSection().token(file, {}) == "by-default"
    assert RouterSection().token(tmp_path / "elsewhere" / "trunkline.yaml", {}) == ""


def test_a_worker_shows_the_token_that_its_file_refers_to(tmp_path: Path) -> None:
    """As the router reads it; without a file it is TRUNKLINE_WORKER_TOKEN."""
    file = tmp_path / "trunkline.yaml"
    file.write_text("router: {worker_token: '${FLEET_SECRET}'}\nbackends: {o: {kind: ollama}}\n")
    given = ["--config", str(file), "--backend", "o"]
    with pytest.raises(UsageError, match=r"router\.worker_token needs FLEET_SECRET"):
        parse(given, {"TRUNKLINE_WORKER_TOKEN": "another"})
    assert parse(given, {"FLEET_SECRET": SECRET, "TRUNKLINE_WORKER_TOKEN": "another"}).worker.token == SECRET
    alone = ["--backend", "o", "--kind", "ollama", "--base-url", "http://127.0.0.1:1"]
    assert parse(alone, {"TRUNKLINE_WORKER_TOKEN": SECRET}).worker.token == SECRET
