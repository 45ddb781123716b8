"""Telephone numbers: read as people write them, kept as E.164, shown masked."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, timezone

from dialer.contacts.problem import Bad

SEPARATORS = re.compile(r"[;/、,|\n]+")
EXCEL_TEXT = re.compile(r'^="(.*)"$')
SHORTENED = re.compile(r"^\d[.,]?\d*[eE]\+?\d+$")
SAMPLE = {"CN": "138 0013 8000 or +86 138 0013 8000", "US": "+1 212 555 0123"}
MOST = 10  # numbers of one person

#: Kinds of number that a person may answer without paying for it.
PERSONAL = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
}
KINDS = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.TOLL_FREE: "a toll-free number, whose place cannot be known",
    PhoneNumberType.PERSONAL_NUMBER: "a forwarding number, which may cost the callee",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company-wide number",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}


@dataclass(frozen=True, slots=True)
class Phone:
    """One number that can be dialed. `zones` are all that its prefix allows."""

    e164: str
    masked: str  # "+86 138****8000"
    country: str  # ISO 3166-1; empty when several share the prefix
    zones: tuple[str, ...]


def split(cell: str) -> list[str]:
    """The numbers of one cell, as they are written there."""
    text = unicodedata.normalize("NFKC", cell).strip()
    if excel := EXCEL_TEXT.match(text):
        text = excel[1]
    return [part.strip().strip("'") for part in SEPARATORS.split(text) if part.strip()]


def read(text: str, region: str) -> Phone:
    """Parse one number; `region` is where it is local. Bad says what is wrong."""
    number = _parse(text.removesuffix(".0"), region)
    if number.extension:
        raise Bad("has an extension, which cannot be dialed", "the number alone")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise Bad(_impossible(number), _sample(region))
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:  # exactly when is_valid_number says no
        raise Bad("is not a number that can be assigned there", _sample(region))
    if kind not in PERSONAL:
        what = KINDS.get(kind, "not a person's number")
        raise Bad(f"is {what}", "a mobile or fixed line")
    return _phone(number)


def _parse(text: str, region: str) -> PhoneNumber:
    if SHORTENED.match(text):
        raise Bad(
            "was shortened by a spreadsheet; its last digits are lost",
            "the whole number (format the column as text)",
        )
    if any(sign.isalpha() for sign in re.sub(r"(?i)\s*(ext|x)\.?\s*\d+$", "", text)):
        raise Bad("contains letters", _sample(region))
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        why = "has no known country code" if error.error_type == 0 else "is no number"
        raise Bad(why, _sample(region)) from error


def _phone(number: PhoneNumber) -> Phone:
    zones = timezone.time_zones_for_number(number)
    return Phone(
        e164=phonenumbers.format_number(number, PhoneNumberFormat.E164),
        masked=mask(number),
        country=phonenumbers.region_code_for_number(number) or "",
        zones=tuple(zone for zone in zones if zone != "Etc/Unknown"),
    )


def mask(number: PhoneNumber) -> str:
    """Country code, at most three signs in front and four behind; four or more are
    always hidden, so that what is shown never leads to one number."""
    digits = phonenumbers.national_significant_number(number)
    tail = max(0, min(4, (len(digits) - 3) // 2))
    head = max(0, min(3, len(digits) - 4 - tail))
    hidden = "*" * (len(digits) - head - tail)
    end = digits[len(digits) - tail :]
    return f"+{number.country_code} {digits[:head]}{hidden}{end}"


def _impossible(number: PhoneNumber) -> str:
    digits = len(phonenumbers.national_significant_number(number))
    match phonenumbers.is_possible_number_with_reason(number):
        case phonenumbers.ValidationResult.TOO_SHORT:
            return f"is too short ({digits} digits)"
        case phonenumbers.ValidationResult.TOO_LONG:
            return f"is too long ({digits} digits)"
        case phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            return "has no area code"
        case _:
            return f"has an impossible length ({digits} digits)"


def _sample(region: str) -> str:
    return SAMPLE.get(region, "an international number such as +44 20 7946 0018")
