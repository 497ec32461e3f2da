"""Keys, tokens and headers out of the environment: what no header can carry is named at the start, and not shown."""

from pathlib import Path

import pytest

from provider_workers.arguments import KEY_VARIABLE, TOKEN_VARIABLE, UsageError, parse
from service_common.configuration import ConfigurationErrors, parse_configuration

WRONG = {
    "CANARY\nabc": "a line break",
    "CANARY\x1b[31mabc": "a control character",
    "CANARY-ключ": "a character outside ASCII",
    "CANARY\xa0abc": "a character outside ASCII",
}
FILE = """\
router: {worker_token: '${FLEET}', listen: '127.0.0.1:1'}
backends:
  o: {kind: openai_wire, provider: openai, api_key: '${KEY:-}', headers: {X-Org: 'org ${ORG:-none}'}}
"""
ALONE = ["--backend", "o", "--kind", "ollama", "--base-url", "http://127.0.0.1:1"]


def written(folder: Path) -> list[str]:
    """A worker's arguments for a file that refers to all."""
    file = folder / "trunkline.yaml"
    file.write_text(FILE)
    return ["--config", str(file), "--backend", "o"]


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize(("variable", "setting"), [("KEY", "api_key"), ("ORG", "headers.X-Org")])
def test_a_worker_names_the_variable_that_no_header_can_carry(
    tmp_path: Path, variable: str, setting: str, value: str
) -> None:
    """It is not configured, with the reason in the table; nothing is sent with half a key."""
    backend = parse(written(tmp_path), {"FLEET": "t", variable: value}).worker.backend
    assert backend.missing.startswith(f"{variable} (for {setting}) holds {WRONG[value]}, which no header can carry.")
    assert ".env beside" in backend.missing
    assert (backend.api_key, dict(backend.headers)) == (None, {})
    assert "CANARY" not in repr(backend)


@pytest.mark.parametrize("value", WRONG)
def test_a_token_that_no_header_can_carry_ends_the_worker_with_its_name(tmp_path: Path, value: str) -> None:
    """With a file and without; the key that a worker without a file takes likewise."""
    with pytest.raises(UsageError, match=rf"^FLEET \(for router\.worker_token\) holds {WRONG[value]}"):
        parse(written(tmp_path), {"FLEET": value})
    for variable in (TOKEN_VARIABLE, KEY_VARIABLE):
        with pytest.raises(UsageError, match=rf"^{variable} holds {WRONG[value]}"):
            parse(ALONE, {variable: value})


def test_blanks_at_the_ends_are_cut(tmp_path: Path) -> None:
    """What a file of a secret ends with is no part of it."""
    worker = parse(written(tmp_path), {"FLEET": " t\n", "KEY": "\tk k\r\n", "ORG": "7\n"}).worker
    assert (worker.token, worker.backend.api_key, worker.backend.missing) == ("t", "k k", "")
    assert worker.backend.headers == {"X-Org": "org 7"}
    alone = parse(ALONE, {TOKEN_VARIABLE: "t\n", KEY_VARIABLE: "k\n"}).worker
    assert (alone.token, alone.backend.api_key) == ("t", "k")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ("{X-Name: 'Zoë'}", "X-Name holds a character outside ASCII"),
        ('{X-Name: "a\\nb"}', "X-Name holds a line break"),
        ("{X Name: a}", '"X Name" is no name of a header'),
    ],
)
def test_a_header_that_is_none_is_a_mistake_of_the_file(headers: str, said: str) -> None:
    """Written out, it is told by `config check`."""
    text = f"backends: {{o: {{kind: openai_wire, provider: openai, headers: {headers}}}}}"
    with pytest.raises(ConfigurationErrors) as caught:
        parse_configuration(text, Path("f"), {})
    (mistake,) = caught.value.mistakes
    assert (mistake.path, mistake.message[: len(said)]) == ("backends.o.headers", said)
