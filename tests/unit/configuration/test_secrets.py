"""Secrets are references: never written into the file, never shown, resolved by the one worker that needs them."""

from pathlib import Path
from typing import Any

import pytest

from router_service.plugins.builtin import built_in_plugins
from service_common.configuration import (
    BackendSection,
    Configuration,
    ConfigurationErrors,
    Knowledge,
    MissingVariables,
    parse_configuration,
)

SECRET = "sk-live-0123456789"  # what must never be seen again


def configuration_of(backend: str, environment: dict[str, str] | None = None) -> Configuration:
    """A configuration of one backend, written as a flow mapping."""
    return parse_configuration(f"backends:\n  openai: {backend}\n", Path("trunkline.yaml"), environment or {})


def backend_of(backend: str) -> BackendSection:
    """Its one backend."""
    return configuration_of(backend).backends["openai"]


@pytest.mark.parametrize(
    "backend",
    [
        f"{{kind: openai_wire, api_key: {SECRET}}}",
        f"{{kind: openai_wire, api_key: '${{KEY:-{SECRET}}}'}}",
        f"{{kind: openai_wire, api_key: 'Bearer {SECRET} ${{KEY}}'}}",
        f"{{kind: openai_wire, headers: {{Authorization: {SECRET}}}}}",
        f"{{kind: openai_wire, headers: {{X-Api-Key: {SECRET}}}}}",
        f"{{kind: litellm, options: {{aws_secret_access_key: {SECRET}}}}}",
        f"{{kind: litellm, options: {{deep: {{list: [{{password: {SECRET}}}]}}}}}}",
        f"{{kind: openai_wire, base_url: 'https://me:{SECRET}@example.test/v1'}}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(backend: str) -> None:
    """Keys, secret headers and options, and passwords in addresses: a mistake that does not repeat the secret."""
    with pytest.raises(ConfigurationErrors) as caught:
        configuration_of(backend)
    (mistake,) = caught.value.mistakes
    assert "never written into the file" in str(mistake)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(mistake)


def test_a_literal_worker_token_is_refused() -> None:
    """The router's own secret is a reference as well."""
    with pytest.raises(ConfigurationErrors, match=r"router\.worker_token.*never written"):
        parse_configuration("router: {worker_token: abc}\nbackends: {o: {kind: ollama}}", Path("f"), {})


def test_loading_leaves_a_backends_references_alone() -> None:
    """The router loads the same file, never sees its workers' variables, and does not mind that they are missing."""
    text = (
        "{kind: openai_wire, api_key: ${KEY}, base_url: '${BASE}', headers: {X-Org: '${ORG}'}, options: {a: ['${B}']}}"
    )
    configuration = configuration_of(text, {"KEY": SECRET, "BASE": "http://secret.test"})
    assert SECRET not in configuration.render()
    assert "secret.test" not in configuration.render("json")
    assert configuration.backends["openai"].variables() == ("B", "BASE", "KEY", "ORG")


def test_a_worker_resolves_its_own_backend(tmp_path: Path) -> None:
    """Environment first, then `.env` beside the file, then the default; addresses lose their trailing slash."""
    (tmp_path / ".env").write_text(f"KEY={SECRET}\nORG=from-file\nOTHER_KEY=not-mine\n")
    backend = backend_of(
        "{kind: openai_wire, api_key: ${KEY}, base_url: '${BASE:-https://api.test/v1}/',"
        " headers: {X-Org: 'org ${ORG}'}, options: {top: {list: ['${ORG}', 3]}}}"
    )
    connection = backend.resolve(tmp_path / "trunkline.yaml", {"ORG": "from-environment"})
    assert connection.api_key == SECRET
    assert connection.base_url == "https://api.test/v1"
    assert connection.headers == {"X-Org": "org from-environment"}
    assert connection.options == {"top": {"list": ["from-environment", 3]}}
    assert SECRET not in repr(connection)


@pytest.mark.parametrize("environment", [{}, {"KEY": ""}, {"KEY": "  "}])
def test_a_missing_key_is_named(tmp_path: Path, environment: dict[str, str]) -> None:
    """A worker whose variable is not set, or set to nothing, can say which."""
    with pytest.raises(MissingVariables, match="KEY") as caught:
        backend_of("{kind: openai_wire, api_key: ${KEY}}").resolve(tmp_path / "f.yaml", environment)
    assert caught.value.names == ("KEY",)


def test_other_references_are_resolved_when_the_file_is_loaded(tmp_path: Path) -> None:
    """Plain settings may come from the environment, typed as if they had been written."""
    (tmp_path / ".env").write_text("REGION=eu\nLISTEN=127.0.0.1:1\n")
    text = """\
router: {listen: "${LISTEN}", lame_duck: ${LAME_DUCK:-2s}}
backends:
  o: {kind: ollama, capacity: ${CAPACITY:-4}, region: ${REGION}, enabled: ${ENABLED}, clearance: ${C:-confidential}}
"""
    loaded = parse_configuration(text, tmp_path / "f.yaml", {"ENABLED": "false", "LISTEN": "127.0.0.1:2"})
    backend = loaded.backends["o"]
    assert (backend.capacity, backend.region, backend.enabled, backend.clearance) == (4, "eu", False, 3)
    assert (loaded.router.listen, loaded.router.lame_duck) == ("127.0.0.1:2", 2.0)


def test_a_missing_variable_is_a_mistake_with_its_line() -> None:
    """Where the router itself needs a variable, its absence is told like any other mistake, and once."""
    with pytest.raises(ConfigurationErrors) as caught:
        configuration_of("{kind: ollama,\n    capacity: ${CAPACITY}}")
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.path) == (3, "backends.openai.capacity")
    assert "no variable CAPACITY" in mistake.message
    assert ".env" in mistake.suggestion


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("default_profile: ${KEY}", "default_profile"),
        ("aliases: {x: ['${KEY}']}", "aliases.x[0]"),
        ("router: {lame_duck: '${KEY}'}", "router.lame_duck"),
        ("tiers: {simple: '${KEY}/m'}", "tiers.simple.use[0]"),
        ("lengths: {long_prompt: {use: '${KEY}'}}", "lengths[0].use[0]"),
        ("profiles: {p: {settings: {'${KEY}': {}}, picker: '${KEY}'}}", "profiles.p.picker"),
    ],
)
def test_a_mistake_never_tells_what_a_reference_stands_for(text: str, path: str) -> None:
    """It names the reference in its place: whoever reads mistakes need not be who may read the environment."""
    with pytest.raises(ConfigurationErrors) as caught:
        parse_configuration(
            f"backends: {{o: {{kind: ollama}}}}\n{text}", Path("f"), {"KEY": SECRET}, Knowledge(built_in_plugins())
        )
    (told,) = [mistake for mistake in caught.value.mistakes if mistake.path == path]
    assert "${KEY}" in told.message
    assert SECRET not in str(caught.value)


def test_a_mistake_beside_a_reference_is_told_as_ever() -> None:
    """Only what would show a value is told without it."""
    with pytest.raises(ConfigurationErrors) as caught:
        parse_configuration(
            "backends: {o: {kind: ollama, region: '${R}'}}\ndefault_profile: balancd", Path("f"), {"R": "europe"}
        )
    (mistake,) = caught.value.mistakes
    assert "balancd" in mistake.message
    assert "balanced" in mistake.suggestion


DEFERRED = """\
router: {worker_token: '${TOKEN}', database: 'postgresql://me:${PW}@db/x'}
shared: {redis: 'redis://:${PW}@r:1'}
backends: {o: {kind: openai_wire, api_key: '${KEY}', base_url: '${BASE}', headers: {X: '${KEY}'}}}
"""


def test_without_an_environment_secrets_stay_references_and_no_other_setting_may_hold_one() -> None:
    """What did not come from the router's own file must not read the router's environment."""
    kept = parse_configuration(DEFERRED, Path("f"), None)
    assert kept.backends["o"].api_key == "${KEY}"
    with pytest.raises(ConfigurationErrors) as caught:
        parse_configuration(f"{DEFERRED}default_profile: '${{KEY:-balanced}}'", Path("f"), None)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.path) == (4, "default_profile")
    assert "reference" in mistake.message


def test_what_an_edit_brings_is_not_resolved(tmp_path: Path) -> None:
    """The file's own reference is, in the same run; the edit's is a mistake."""
    text = "backends: {o: {kind: ollama, region: '${R}'}}\nmodels: {o/m: {region: '${R}', context_window: 1000}}"

    def edit(data: dict[str, Any]) -> None:
        data["models"] = {"o/m": {**data["models"]["o/m"], "region": "${KEY}"}}

    file = tmp_path / "f.yaml"
    environment = {"R": "europe", "KEY": SECRET}
    assert parse_configuration(text, file, environment).models["o/m"].region == "europe"
    with pytest.raises(ConfigurationErrors) as caught:
        parse_configuration(text, file, environment, edit=edit)
    (mistake,) = caught.value.mistakes
    assert mistake.path == "models.o/m.region"
    assert "reference" in mistake.message
    assert SECRET not in str(mistake)
