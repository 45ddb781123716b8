"""Numbers in plain digits, read by the metadata of phonenumbers in a few expressions.

`phonenumbers` takes 60 µs to say what a number is, most of it to find out how it is
written. Nearly all numbers of a list are plain digits with nothing to strip: for those
its steps are done here one by one, in its order. Everything else, and everything that
is wrong, is left to it.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    PhoneMetadata,
    PhoneNumberDesc,
    PhoneNumberType,
)
from phonenumbers.phonenumberutil import is_number_type_geographical
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

CODE = 3  # digits of a country code at most
VOIP, FIXED = PhoneNumberType.VOIP, PhoneNumberType.FIXED_LINE
MOBILE = PhoneNumberType.MOBILE


class Known(NamedTuple):
    """A number that a person may answer."""

    code: int  # of the country
    national: str
    region: str  # ISO 3166-1
    zones: tuple[str, ...]


class Plan(NamedTuple):
    """How the numbers of one country are made, as far as its main region goes."""

    region: str
    code: int
    abroad: re.Pattern[str] | None  # what is dialed before a country's code
    trunk: re.Pattern[str] | None  # what is stripped in front
    general: PhoneNumberDesc  # what all of them are like
    metadata: PhoneMetadata


class Kind(NamedTuple):
    """`usable` None: another kind of number, or one that costs the callee."""

    pattern: re.Pattern[str]
    usable: int | None


def look(text: str, region: str) -> Known | None:
    """What a number is, written as digits with or without a plus; `region` is where it
    is local. None: it takes more to say, or there is something wrong with it."""
    if not text.isascii():
        return None
    if text[:1] == "+" and text[1:].isdigit():
        plan, national = _abroad(text[1:])
    elif text.isdigit():
        plan = of_region(region)
        national = text if plan and _local(plan, text) else ""
    else:
        return None
    if plan is None or not national or national[0] == "0":
        return None
    if plan.trunk and plan.trunk.match(national):
        return None
    kind = _kind(plan.region, national)
    if kind is None:
        return None
    digits = f"{plan.code}{national}"
    if not is_number_type_geographical(kind, plan.code):
        digits = str(plan.code)
    zones = zones_of(digits[:TIMEZONE_LONGEST_PREFIX])
    return Known(plan.code, national, plan.region, zones)


def _abroad(digits: str) -> tuple[Plan | None, str]:
    if digits[0] == "0":  # int() would pass over it
        return None, ""
    for length in range(1, CODE + 1):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length]))
        if regions:
            return of_region(regions[0]), digits[length:]
    return None, ""


def _local(plan: Plan, text: str) -> bool:
    """Whether it has neither the country's code nor a way out of it in front."""
    if text.startswith(str(plan.code)):
        return False
    return not (plan.abroad and plan.abroad.match(text))


@cache
def of_region(region: str) -> Plan | None:
    """None: there is none, another region has its code first, or it is told from
    others of its code in a way of its own."""
    found = PhoneMetadata.metadata_for_region(region, None)
    if found is None or found.leading_digits is not None:
        return None
    code, general = found.country_code, found.general_desc
    if code is None or general is None:
        return None
    if COUNTRY_CODE_TO_REGION_CODE[code][0] != region:
        return None
    abroad, trunk = found.international_prefix, found.national_prefix_for_parsing
    return Plan(
        region,
        code,
        re.compile(abroad) if abroad else None,
        re.compile(trunk) if trunk else None,
        general,
        found,
    )


def _kind(region: str, national: str) -> int | None:
    for pattern, usable in kinds(region, len(national)):
        if pattern.fullmatch(national):
            return usable
    return None


@cache
def kinds(region: str, length: int) -> tuple[Kind, ...]:
    """What numbers of that length can be, in the order in which it is asked."""
    plan = of_region(region)
    if plan is None or length in plan.general.possible_length_local_only:
        return ()
    found, general = plan.metadata, plan.general
    if length not in general.possible_length:
        return ()
    none = re.compile(rf"(?!(?:{general.national_number_pattern})$)\d+")
    costly = (found.premium_rate, found.toll_free, found.shared_cost)
    others = (found.personal_number, found.pager, found.uan, found.voicemail)
    asked: list[tuple[PhoneNumberDesc | None, int | None]] = [
        *((desc, None) for desc in costly),
        (found.voip, VOIP),
        *((desc, None) for desc in others),
        (found.fixed_line, FIXED),
        (found.mobile, MOBILE),
    ]
    return (
        Kind(none, None),
        *(
            Kind(re.compile(desc.national_number_pattern), usable)
            for desc, usable in asked
            if desc is not None and desc.national_number_pattern
            if not desc.possible_length or length in desc.possible_length
        ),
    )


@lru_cache(maxsize=65536)
def zones_of(digits: str) -> tuple[str, ...]:
    """IANA zones of the longest prefix that has any."""
    for length in range(len(digits), 0, -1):
        if found := TIMEZONE_DATA.get(digits[:length]):
            return tuple(zone for zone in found if zone != "Etc/Unknown")
    return ()
