"""What counts as sensitive: patterns of each kind, and how a match is confirmed. Data; read by `sensitivity.py`."""

from collections.abc import Callable

import phonenumbers
from msgspec import Struct
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.us import ssn

from service_common.vocabulary import Sensitivity

Confirm = Callable[[str], bool]

PHONE_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "SE", "AU", "IN", "BR", "PL")
"""Countries whose national way of writing phone numbers is recognised; others need a leading `+`."""


class SensitivePattern(Struct, frozen=True):
    """One pattern of one kind.

    Attributes:
        pattern: RE2, case-sensitive; its last group is what `confirm` gets, the whole match where there is none.
        confirm: says whether a match is what it looks like; None: the pattern suffices.
    """

    kind: str
    pattern: str
    confirm: Confirm | None = None


def is_card(text: str) -> bool:
    """A payment card: a known issuer's prefix and length, and the Luhn check digit."""
    digits = "".join(filter(str.isdigit, text))
    return _issuer_fits(digits) and luhn.is_valid(digits) and len(set(digits)) > 1


def is_phone(text: str) -> bool:
    """A number that exists: with its country code, or as one of `PHONE_REGIONS` writes it."""
    stripped = text.strip()
    regions: tuple[str | None, ...] = (None,) if stripped.startswith("+") else PHONE_REGIONS
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(stripped, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def is_social_security_number(text: str) -> bool:
    """A US social security number; the areas 000, 666 and 900 to 999 are not given out."""
    return bool(ssn.is_valid(text))


def is_password(text: str) -> bool:
    """Something that was given as a password: not a word such as `required`, and not a placeholder."""
    return (
        len(text) >= 6
        and not text.isalpha()
        and "(" not in text
        and not text.startswith(("<", "{", "$", "*", "[", "%"))
    )


def is_national_id(text: str) -> bool:
    """The check digits of one of the national identity or tax numbers hold."""
    return any(check(text) for check in _NATIONAL_IDS)


def _issuer_fits(digits: str) -> bool:
    """The issuers' ranges: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro."""
    if not 12 <= len(digits) <= 19:
        return False
    length, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37):
        return length == 15
    if two in (36, 38, 39) or 300 <= three <= 305:
        return length >= 14
    if four == 6011 or two in (62, 65) or 644 <= three <= 649 or 3528 <= four <= 3589:
        return length >= 16
    return length == 15 if four in (1800, 2131) else two in (50, 56, 57, 58, 63, 67)


_NATIONAL_IDS: tuple[Confirm, ...] = (
    idnr.is_valid,
    dni.is_valid,
    nie.is_valid,
    nir.is_valid,
    nhs.is_valid,
    codicefiscale.is_valid,
    bsn.is_valid,
    pesel.is_valid,
    cpf.is_valid,
    aadhaar.is_valid,
)

KEY = "provider_key"
TOKEN = "token"
PRIVATE_KEY = "private_key"
PASSWORD = "password"
CARD = "card"
IBAN = "iban"
NATIONAL_ID = "national_id"
PHONE = "phone"
EMAIL = "email"

RAISES: dict[str, Sensitivity] = {
    KEY: Sensitivity.CONFIDENTIAL,
    TOKEN: Sensitivity.CONFIDENTIAL,
    PRIVATE_KEY: Sensitivity.CONFIDENTIAL,
    PASSWORD: Sensitivity.CONFIDENTIAL,
    CARD: Sensitivity.CONFIDENTIAL,
    IBAN: Sensitivity.CONFIDENTIAL,
    NATIONAL_ID: Sensitivity.CONFIDENTIAL,
    PHONE: Sensitivity.INTERNAL,
    EMAIL: Sensitivity.INTERNAL,
}
"""To what each kind raises a request. Contact data stand in so many texts of everyday work that they only make a
public request internal; the configuration may say otherwise."""

_ID_WORDS = (
    r"(?i:\b(tax|steuer|national|identity|identification|social|citizen|nhs|bsn|pesel|cpf|dni|nie|nif|aadhaar|aadhar|"
    r"codice fiscale|burgerservicenummer|sécurité sociale|passport)\b)[^\n]{0,40}?"
)

_PHONE_WORDS = (
    r"(?i)\b(?:phone|call|calling|tel|mobile|cell|fax|telephone|whatsapp|dial|reach (?:me|us|him|her)|"
    r"answer(?:ing)? at)\b"
)

PATTERNS: tuple[SensitivePattern, ...] = (
    SensitivePattern(KEY, r"\bsk-[A-Za-z0-9_-]{20}"),
    SensitivePattern(KEY, r"\b(gsk|xai|hf|r8|pplx|fw|nvapi|csk)[_-][A-Za-z0-9_-]{24}"),
    SensitivePattern(KEY, r"\bAIza[A-Za-z0-9_-]{35}"),
    SensitivePattern(KEY, r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    SensitivePattern(KEY, r"\b[rs]k_(live|test)_[A-Za-z0-9]{16}"),
    SensitivePattern(
        KEY, r"(?i)\b(api|secret|access)[_ -]?key['\"]?\s*(is|=|:)\s*['\"]?[a-z0-9_/+-]*[0-9][a-z0-9_/+-]{15}"
    ),
    SensitivePattern(TOKEN, r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{22}|\bglpat-[A-Za-z0-9_-]{20}"),
    SensitivePattern(
        TOKEN, r"\bxox[abeoprs]-[A-Za-z0-9-]{10}|\bnpm_[A-Za-z0-9]{36}|\bpypi-[A-Za-z0-9_-]{50}|\bSG\.[\w-]{22}\."
    ),
    SensitivePattern(TOKEN, r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10}"),
    SensitivePattern(TOKEN, r"(?i)\bbearer\s+[a-z0-9._~+/-]*[0-9][a-z0-9._~+/-]{15}"),
    SensitivePattern(PRIVATE_KEY, r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----"),
    SensitivePattern(
        PASSWORD,
        r"(?i)\b(?:password|passwd|passwort|pwd|passphrase)\b['\"]?\s*(?:is|=|:)\s*['\"]?([^\s'\",;]+)",
        is_password,
    ),
    SensitivePattern(PASSWORD, r"\b[a-z][a-z0-9+.-]*://[^\s:/@]+:([^\s:/@]+)@", is_password),
    SensitivePattern(CARD, r"\b(\d(?:[ -]?\d){11,18})\b", is_card),
    SensitivePattern(IBAN, r"\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30})\b", iban.is_valid),
    SensitivePattern(NATIONAL_ID, r"\b(\d{3}-\d{2}-\d{4})\b", is_social_security_number),
    SensitivePattern(
        NATIONAL_ID,
        r"(?i)\b(?:ssn|social security)\b[^\n\d]{0,30}(\d{3}[ -]?\d{2}[ -]?\d{4})\b",
        is_social_security_number,
    ),
    SensitivePattern(
        NATIONAL_ID, r"\b(\d{3}\.\d{3}\.\d{3}-\d{2}|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z])\b", is_national_id
    ),
    SensitivePattern(NATIONAL_ID, _ID_WORDS + r"\b([XYZ]?\d[\d ]{7,17}[\dA-Z])\b", is_national_id),
    SensitivePattern(PHONE, r"(\+\d[\d ().-]{6,16}\d)", is_phone),
    SensitivePattern(PHONE, r"(?:^|[^\w.,/-])(\(\d{2,5}\) ?\d{3,4}[ -]?\d{3,4}|\d{3}[-.]\d{3}[-.]\d{4})\b", is_phone),
    SensitivePattern(PHONE, r"(?:^|[^\w.,/-])(0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}|0\d(?: \d\d){4})\b", is_phone),
    SensitivePattern(PHONE, _PHONE_WORDS + r"(?:[^\n\d]{0,25}|:\s{1,4})(\(?\d[\d ().-]{5,14}\d)"),
    SensitivePattern(EMAIL, r"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2}"),
)
