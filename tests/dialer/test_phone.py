"""Numbers as people write them, and what is said about those that are none."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from dialer.contacts import phone
from dialer.contacts.problem import Bad

GOOD = [
    ("13800138000", "CN", "+8613800138000", "+86 138****8000"),
    ("138 0013 8000", "CN", "+8613800138000", "+86 138****8000"),
    ("0086-138-0013-8000", "CN", "+8613800138000", "+86 138****8000"),
    ("8613800138000", "CN", "+8613800138000", "+86 138****8000"),
    ("13800138000.0", "CN", "+8613800138000", "+86 138****8000"),
    ("(010) 8420 1234", "CN", "+861084201234", "+86 108****234"),
    ("(212) 555-0123", "US", "+12125550123", "+1 212****123"),
    ("+44 20 7946 0018", "CN", "+442079460018", "+44 207****018"),
]
BAD = [
    ("1.38E+10", "CN", "shortened by a spreadsheet"),
    ("13800138000 ext 5", "CN", "extension"),
    ("138001380", "CN", "not a number that can be assigned"),
    ("138001380001234567", "CN", "too long|is no number"),
    ("555-0123", "US", "no area code"),
    ("12", "CN", "too short"),
    ("110", "CN", "too short|no area code|assigned"),
    ("911", "US", "too short|no area code"),
    ("1-800-FLOWERS", "US", "letters"),
    ("800 555 0199", "US", "toll-free"),
    ("+44 9012345678", "CN", "premium"),
    ("4008001234", "CN", "shared-cost"),
    ("+44 7012345678", "CN", "forwarding"),
    ("+999 123456", "CN", "country code"),
    ("张伟", "CN", "letters"),
    ("--", "CN", "is no number"),
]


@pytest.mark.parametrize(("text", "region", "e164", "masked"), GOOD)
def test_a_number_is_read_and_masked(
    text: str, region: str, e164: str, masked: str
) -> None:
    found = phone.read(text, region)
    assert (found.e164, found.masked) == (e164, masked)


@pytest.mark.parametrize(("text", "region", "reason"), BAD)
def test_a_wrong_number_says_why_without_saying_which(
    text: str, region: str, reason: str
) -> None:
    with pytest.raises(Bad, match=reason) as caught:
        phone.read(text, region)
    assert text not in caught.value.reason + caught.value.expected
    assert caught.value.expected


def test_a_cell_may_hold_several_numbers() -> None:
    cell = " 13800138000；'13800138001 / 13800138002、13800138003 "
    assert phone.split(cell) == [f"1380013800{n}" for n in range(4)]
    assert phone.split('="13800138000"') == ["13800138000"]
    assert phone.split(" ; ") == []


def test_zones_and_country_come_from_the_prefix() -> None:
    found = phone.read("808 555 0123", "US")
    assert (found.country, found.zones) == ("US", ("Pacific/Honolulu",))


def test_the_mask_always_hides_four_digits_at_least() -> None:
    seed = 20261124
    chance = random.Random(seed)
    for _ in range(500):
        digits = str(chance.randint(10**4, 10 ** chance.randint(5, 13)))
        number = phonenumbers.PhoneNumber(country_code=86, national_number=int(digits))
        shown = phone.mask(number)
        country, _, rest = shown.partition(" ")
        assert country == "+86", seed
        assert len(rest) == len(digits), seed
        assert rest.count("*") >= 4, (seed, shown)
        head, tail = rest.split("*")[0], rest.split("*")[-1]
        assert digits.startswith(head), seed
        assert digits.endswith(tail), seed
