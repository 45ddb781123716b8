"""Which days are holidays, working days, days of rest, and which are not known."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dialer.compliance.calendars import Announced, Calendars
from dialer.compliance.packs import PackError, load

CONFIG = Path(__file__).parents[2] / "config"
TODAY = date(2026, 11, 24)
SHIPPED = load(CONFIG, today=TODAY).calendars


@pytest.mark.parametrize(
    ("country", "region", "day", "kind"),
    [
        ("GB", "ENG", date(2026, 8, 31), "holiday"),
        ("GB", "SCT", date(2026, 8, 31), "workday"),
        ("GB", "*", date(2026, 3, 17), "holiday"),  # Northern Ireland: unknown region
        ("GB", "LND", date(2026, 3, 17), "holiday"),  # a region the calendar lacks
        ("GB", "", date(2026, 8, 31), "workday"),  # national days only
        ("IE", "", date(2026, 2, 2), "holiday"),
        ("IE", "", date(2026, 2, 3), "workday"),
        ("CN", "", date(2026, 1, 4), "workday"),  # a Sunday worked in exchange
        ("CN", "", date(2026, 1, 2), "holiday"),
        ("CN", "", date(2026, 1, 10), "restday"),
        ("AE", "", date(2026, 1, 3), "restday"),
        ("US", "", date(2028, 2, 29), "workday"),
    ],
)
def test_a_day_is_one_of_three_kinds(
    country: str, region: str, day: date, kind: str
) -> None:
    labels = SHIPPED.labels(country, region, day)
    assert labels is not None
    assert labels & {"holiday", "workday", "restday"} == {kind}


def test_what_is_not_announced_is_not_known() -> None:
    assert SHIPPED.labels("CN", "", date(2026, 12, 31)) is not None
    assert SHIPPED.labels("CN", "", date(2027, 1, 1)) is None
    assert SHIPPED.labels("XZ", "", date(2026, 1, 1)) is None  # no calendar at all


def test_a_file_adds_days_and_worked_weekends() -> None:
    day, worked = date(2027, 2, 6), date(2027, 2, 20)
    entry = Announced("CN", 2027, frozenset({day}), frozenset({worked}))
    added = Calendars({"CN": entry})
    assert "holiday" in (added.labels("CN", "", day) or ())
    assert "workday" in (added.labels("CN", "", worked) or ())
    assert "holiday" in (added.labels("CN", "", date(2027, 10, 1)) or ())  # by law


def test_a_country_without_a_calendar_is_known_by_its_file() -> None:
    only = Calendars({"XZ": Announced("XZ", 2026, frozenset({date(2026, 5, 1)}))})
    assert "holiday" in (only.labels("XZ", "*", date(2026, 5, 1)) or ())
    assert "workday" in (only.labels("XZ", "*", date(2026, 5, 4)) or ())
    assert only.labels("XZ", "*", date(2025, 5, 1)) is None


def own(folder: Path, text: str) -> Calendars:
    (folder / "own.toml").write_text(text, "utf-8")
    return load(CONFIG, today=TODAY, holidays=folder).calendars


ENTRY = """
[[country]]
id = "CN"
announced_through = 2027
source = "notice"
checked_on = 2026-11-24
"""


def test_an_operator_may_announce_a_year_with_its_days(tmp_path: Path) -> None:
    calendars = own(tmp_path, ENTRY + "closed = [2027-02-06]\n")
    assert "holiday" in (calendars.labels("CN", "", date(2027, 2, 6)) or ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ENTRY, "announced_through 2027, but no day of 2027"),
        (ENTRY.replace('"notice"', '""'), "holidays.country.0.source"),
        (ENTRY + "open = []\n", "holidays.country.0.open"),
        ("[[country]\n", "own.toml: file:"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(PackError, match=r"own\.toml") as error:
        own(tmp_path, text)
    assert told in str(error.value)
