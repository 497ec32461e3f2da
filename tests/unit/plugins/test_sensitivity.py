"""Detection of sensitive data: each kind is found, look-alikes are not, values are never noted."""

import time
from typing import Any

import pytest

from router_service.domain.decision import Classification
from router_service.domain.request import PromptMessage
from service_common.vocabulary import Sensitivity
from tests.support.routing import ask
from tests.unit.plugins.worlds import PLUGINS


def detect(text: str, given: Sensitivity | None = None, **settings: Any) -> Classification:
    """What the detector makes of a text."""
    request = ask(text, sensitivity=given)
    return PLUGINS.classifier("sensitivity", {"sensitivity": settings}).classify(request, Classification())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("my key is sk-proj-" + "a1B2" * 8, "provider_key"),
        ("gsk_" + "x9" * 20, "provider_key"),
        ("AIza" + "Sy_9" * 9, "provider_key"),
        ("AKIA" + "ABCDEFGHIJKLMNOP", "provider_key"),
        ('"api_key": "f81d4fae7dec11d0a76500a0c91e6bf6"', "provider_key"),
        ("ghp_" + "a1" * 18, "token"),
        ("xoxb-" + "123456789012", "token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92", "token"),
        ("Authorization: Bearer 8f14e45fceea167a5a36dedd4bea2543", "token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private_key"),
        ("the password is hunter22!", "password"),
        ("postgres://admin:s3cr3t-pw@db.internal/x", "password"),
        ("charge 4111 1111 1111 1111 please", "card"),
        ("amex 378282246310005", "card"),
        ("pay to DE89 3704 0044 0532 0130 00", "iban"),
        ("GB82WEST12345698765432", "iban"),
        ("his SSN is 123-45-6789", "national_id"),
        ("CPF 529.982.247-25", "national_id"),
        ("codice fiscale RSSMRA85T10A562S", "national_id"),
        ("Steuer-ID 36574261809", "national_id"),
        ("reach me at +49 30 901820", "phone"),
        ("(650) 253-0000", "phone"),
        ("Phone:\n467 3395", "phone"),
        ("write to jane.doe@example.co.uk", "email"),
    ],
)
def test_each_kind_is_found(text: str, kind: str) -> None:
    """Typical ways of writing each kind."""
    assert kind in detect(text).detected_kinds


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn is a library",
        "4111 1111 1111 1112",
        "order 1234567812345678",
        "DE89 3704 0044 0532 0130 01",
        "900-12-3456",
        "the password is required",
        'password: "<your password>"',
        "password = getpass()",
        "on 2024-01-15 at 10:30:00 version 1.2.3.4",
        "call me maybe",
        "3.14159265358979",
        "a@b",
        "bearer of bad news from the north",
    ],
)
def test_look_alikes_are_not_found(text: str) -> None:
    """Wrong check digits, placeholders, dates, versions and plain words raise nothing."""
    assert detect(text).detected_kinds == ()


@pytest.mark.parametrize(
    ("text", "given", "level"),
    [
        ("hello", None, Sensitivity.INTERNAL),
        ("hello", Sensitivity.PUBLIC, Sensitivity.PUBLIC),
        ("hello", Sensitivity.CONFIDENTIAL, Sensitivity.CONFIDENTIAL),
        ("card 4111111111111111", Sensitivity.PUBLIC, Sensitivity.CONFIDENTIAL),
        ("card 4111111111111111", None, Sensitivity.CONFIDENTIAL),
        ("a@example.com", Sensitivity.PUBLIC, Sensitivity.INTERNAL),
        ("a@example.com", Sensitivity.CONFIDENTIAL, Sensitivity.CONFIDENTIAL),
    ],
)
def test_detection_raises_and_never_lowers(text: str, given: Sensitivity | None, level: Sensitivity) -> None:
    """The higher of what the caller says and what the text holds."""
    assert detect(text, given).sensitivity is level


def test_every_message_is_looked_at() -> None:
    """A key in the system prompt or an earlier turn counts too."""
    messages = (PromptMessage("system", "use AKIAABCDEFGHIJKLMNOP"), PromptMessage("user", "hi"))
    request = ask(request={"messages": messages})
    found = PLUGINS.classifier("sensitivity", {}).classify(request, Classification())
    assert found.detected_kinds == ("provider_key",)


def test_what_a_kind_raises_is_configurable() -> None:
    """A kind can be turned off or raise more; detection can be off altogether; unknown kinds are refused."""
    assert detect("a@example.com", raises={"email": "confidential"}).sensitivity is Sensitivity.CONFIDENTIAL
    assert detect("4111111111111111", raises={"card": "public"}).detected_kinds == ()
    assert detect("4111111111111111", detect=False).sensitivity is Sensitivity.INTERNAL
    assert detect("hello", default="confidential").sensitivity is Sensitivity.CONFIDENTIAL
    with pytest.raises(ValueError, match='no kind "crd"'):
        detect("x", raises={"crd": "public"})


def test_decoys_neither_hide_a_card_nor_hold_the_router_up() -> None:
    """More false cards than are checked count as found, and quickly."""
    detect("warm up 4111111111111111")
    began = time.process_time()
    found = detect("4111 1111 1111 1112 and " * 5000 + "4111 1111 1111 1111")
    assert found.detected_kinds == ("card",)
    assert time.process_time() - began < 0.2


def test_no_value_is_noted() -> None:
    """The classification holds kinds and levels, nothing of the text."""
    secret = "sk-" + "a1B2c3D4" * 5
    assert secret not in repr(detect(f"my key {secret}"))
