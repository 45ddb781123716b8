"""Amounts, dates, names, identity numbers, places: read, or refused with the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dialer.contacts import dates, money, person, place, support
from dialer.contacts.phone import Phone
from dialer.contacts.problem import HARMLESS, Bad, masked
from dialer.contacts.rules import Rules, load_rules
from dialer.model import Consent
from dialer.settings import shipped

RULES: Rules = load_rules(shipped("config") / "import.toml")

AMOUNTS = [
    ("1234.5", "CNY", "", "1234.5", "CNY"),
    ("1,234.50", "CNY", "", "1234.50", "CNY"),
    ("1 234 567.00", "EUR", "", "1234567.00", "EUR"),
    ("￥1,234", "", "CN", "1234", "CNY"),
    ("¥800", "JPY", "", "800", "JPY"),
    ("99元", "", "US", "99", "CNY"),
    ("RMB 12.00", "", "", "12.00", "CNY"),
    ("$840.75", "", "US", "840.75", "USD"),
    ("US$ 840.75", "", "", "840.75", "USD"),
    ("840.75 GBP", "", "", "840.75", "GBP"),
    ("1,23,456.00", "INR", "", "123456.00", "INR"),
    ("１２３.５", "CNY", "", "123.5", "CNY"),
    ("500", "", "IE", "500", "EUR"),
    ("+500", "CNY", "", "500", "CNY"),
]


@pytest.mark.parametrize(("text", "code", "country", "amount", "currency"), AMOUNTS)
def test_amounts(
    text: str, code: str, country: str, amount: str, currency: str
) -> None:
    assert money.read(text, code, country, RULES) == (Decimal(amount), currency)


NO_AMOUNTS = [
    ("", "CNY", "missing"),
    ("1.234,50", "CNY", "two ways"),
    ("12,50", "CNY", "comma where cents"),
    ("1.234", "CNY", "thousands or decimals"),
    ("1,23,456", "CNY", "not grouped"),
    ("1,2345", "CNY", "not grouped"),
    ("12.5.0", "CNY", "not grouped"),
    ("-5", "CNY", "negative"),
    ("(5.00)", "CNY", "negative"),
    ("0.00", "CNY", "zero"),
    ("1.2E+05", "CNY", "shortened"),
    ("1.2万", "CNY", "万"),
    ("about 5", "CNY", "no currency"),
    ("abc", "CNY", "no amount"),
    ("10.55", "JPY", "2 decimals"),
    ("$5", "CNY", "does not mean CNY"),
    ("$5", "", "does not say which currency|which currency"),
    ("5", "", "which currency"),
    ("9999999999999", "CNY", "larger"),
]


@pytest.mark.parametrize(("text", "code", "reason"), NO_AMOUNTS)
def test_what_could_be_two_sums_or_none(text: str, code: str, reason: str) -> None:
    with pytest.raises(Bad, match=reason):
        money.read(text, code, "", RULES)


def test_a_currency_column_takes_codes_and_signs_of_one_meaning() -> None:
    assert money.code(" cny ", RULES) == "CNY"
    assert money.code("人民币", RULES) == "CNY"
    assert money.code("", RULES) == ""
    with pytest.raises(Bad, match="no currency we know"):
        money.code("$", RULES)


FIRST_OF_MARCH = [
    "2026-03-01",
    "2026/3/1",
    "2026.3.1",
    "2026年3月1日",
    "２０２６-03-01",
    "20260301",
    "2026-03-01 00:00:00",
    "2026-03-01T00:00:00Z",
    "1 Mar 2026",
    "1st March 2026",
    "01-Mar-2026",
    "Mar 1, 2026",
    "March 1 2026",
]


@pytest.mark.parametrize("text", FIRST_OF_MARCH)
def test_dates(text: str) -> None:
    assert dates.read(text) == date(2026, 3, 1)


def test_a_date_with_the_year_last_only_when_it_is_one_day() -> None:
    assert dates.read("25/12/2026") == dates.read("12/25/2026") == date(2026, 12, 25)
    assert dates.read("05/05/2026") == date(2026, 5, 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("03/04/2026", "two dates"),
        ("2026-02-30", "does not exist"),
        ("31/31/2026", "does not exist"),
        ("1/3/26", "two digits"),
        ("46082", "spreadsheet"),
        ("1 Foo 2026", "no month"),
        ("0026-03-01", "year outside"),
        ("soon", "no date"),
        ("", "no date"),
    ],
)
def test_no_dates(text: str, reason: str) -> None:
    with pytest.raises(Bad, match=reason):
        dates.read(text)


def test_an_identity_card_has_a_birthday_and_a_check_digit() -> None:
    assert person.id_number("11010519491231002x") == "11010519491231002X"
    assert person.id_number("'110105 19491231 002X") == "11010519491231002X"
    assert person.id_number("") == ""
    assert person.id_number("P-123 456") == "P-123 456"
    for wrong, reason in [
        ("110105194912310020", "check digit"),
        ("110105194902300021", "date of birth"),
        ("1.10105E+17", "shortened"),
        ("?!", "no identity number"),
    ]:
        with pytest.raises(Bad, match=reason):
            person.id_number(wrong)


def test_every_changed_digit_of_an_identity_card_is_found() -> None:
    right = "11010519491231002X"
    for place_ in range(17):
        for digit in "0123456789":
            if digit != right[place_]:
                wrong = right[:place_] + digit + right[place_ + 1 :]
                with pytest.raises(Bad):
                    person.id_number(wrong)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing"),
        ("\u200b", "missing"),
        ("13800138000", "no letter"),
        ("张伟13800138000", "digits"),
        ("x" * 101, "101 characters"),
    ],
)
def test_no_names(text: str, reason: str) -> None:
    with pytest.raises(Bad, match=reason):
        person.name(text)


def test_names_are_tidied() -> None:
    assert person.name("  O\u2019Neil\u200b   Ann ") == "O\u2019Neil Ann"
    assert person.name("\u202d张伟") == "张伟"


def test_places_and_their_zones() -> None:
    assert place.locations("us-ny; CN-32", RULES) == ("US-NY", "CN-32")
    assert place.locations("新疆维吾尔自治区", RULES) == ("CN-65",)
    assert place.locations("", RULES) == ()
    phone = Phone("+12125550123", "", "US", ("America/New_York",))
    assert place.candidates(phone.zones, ["US-CA"], ["America/Denver"], RULES) == (
        "America/Denver",
        "America/Los_Angeles",
        "America/New_York",
    )
    assert "America/Chicago" in place.candidates(phone.zones, ["US-FL"], [], RULES)
    assert "Pacific/Honolulu" in place.candidates(phone.zones, ["US"], [], RULES)
    assert "Asia/Urumqi" in place.candidates(phone.zones, ["CN-XJ"], [], RULES)
    assert place.candidates(phone.zones, ["GB-ENG"], [], RULES)[0] == "Europe/London"


@pytest.mark.parametrize("text", ["XX", "US-QQ", "CN-99", "Nowhere", "U"])
def test_no_places(text: str) -> None:
    with pytest.raises(Bad):
        place.locations(text, RULES)


@pytest.mark.parametrize("text", ["EST", "Etc/GMT+5", "Asia/Atlantis", "UTC"])
def test_no_zones(text: str) -> None:
    with pytest.raises(Bad):
        place.zones(text, RULES)


def test_language_by_word_place_and_script() -> None:
    assert place.spoken("普通话", RULES) == "zh"
    assert place.spoken("", RULES) == ""
    assert place.language("Ann", ("HK",), RULES) == "zh"
    assert place.language("张伟", ("US-NY",), RULES) == "en"
    assert place.language("张伟", (), RULES) == "zh"
    with pytest.raises(Bad, match="no language"):
        place.spoken("fr", RULES)


def test_a_consent_holds_where_it_is_day_one_everywhere() -> None:
    found = support.consents(
        "any|2026-01-01|2027-01-01", ("America/New_York", "America/Los_Angeles")
    )
    assert found == (
        Consent(
            "any",
            datetime(2026, 1, 1, 8, tzinfo=UTC),
            datetime(2027, 1, 1, 5, tzinfo=UTC),
        ),
    )
    for wrong in ["any|2026-01-01", "all|2026-01-01|2027-01-01", "any|2026|2027"]:
        with pytest.raises(Bad):
            support.consents(wrong, ())
    with pytest.raises(Bad, match="ends before"):
        support.consents("night|2026-01-02|2026-01-02", ())


def test_sources_are_read_whole() -> None:
    found = support.sources(
        "Court_Document| (2025)苏0102民初88号 |2025-03-01; x||2025-1-2"
    )
    assert [s.kind for s in found] == ["court_document", "x"]
    assert found[0].reference == "(2025)苏0102民初88号"
    assert found[1].reference == ""
    for wrong, reason in [
        ("a|b", "2 parts"),
        ("a|b|", "missing"),
        ("|b|2025-1-1", "kind"),
    ]:
        with pytest.raises(Bad, match=reason):
            support.sources(wrong)


FIELDS = [*HARMLESS, "name", "phone", "id_number", "account", "sources"]
PERSONAL = ["张伟", "John Marked", "13800138000", "2125550123", "11010519491231002X"]


@pytest.mark.parametrize("value", PERSONAL)
@pytest.mark.parametrize("field", FIELDS)
def test_a_value_in_the_wrong_column_is_masked_all_the_same(
    field: str, value: str
) -> None:
    assert value not in masked(field, value)
    assert masked(field, value).count("*") >= min(4, len(value) - 1)


def test_harmless_values_are_shown() -> None:
    assert masked("amount", "1.234,50") == "1.234,50"
    assert masked("time_zone", "America/Atlantis") == "America/Atlantis"
    assert masked("due_date", "03/04/2026") == "03/04/2026"
