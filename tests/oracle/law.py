"""The numbers of the law, written down a second time from the list of rules.

Nothing here is read from `config/packs`: a slip there must not repeat itself here.
Where a rule can be read in two ways the stricter one stands.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR, DAY = 60, 24 * 60  # in minutes
WEEKDAYS, SATURDAY, SUNDAY = (0, 1, 2, 3, 4), 5, 6


def hm(clock: str) -> int:
    return int(clock[:2]) * HOUR + int(clock[3:])


@dataclass(frozen=True, slots=True)
class Hours:
    """Open minutes of each weekday, Monday first; `None` is a closed day."""

    rule: str
    week: tuple[tuple[int, int] | None, ...]
    holidays_of: str | None = None
    opens_all: frozenset[str] = frozenset()  # consents under which no hours bind
    opens_closed: frozenset[str] = frozenset()  # ... and which open closed days only
    sunday_by_consent: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """At most so many calls in so many calendar days, or hours, whichever is longer."""

    rule: str
    most: int
    days: int | None
    hours: int | None
    outcomes: frozenset[str]
    directions: frozenset[str]
    same: str | None = None  # field of the history that must be that of the case


def every(start: str, end: str) -> tuple[tuple[int, int] | None, ...]:
    return ((hm(start), hm(end)),) * 7


def week(
    mon_fri: tuple[str, str], sat: tuple[str, str], sun: tuple[str, str] | None
) -> tuple[tuple[int, int] | None, ...]:
    closes = None if sun is None else (hm(sun[0]), hm(sun[1]))
    weekday = (hm(mon_fri[0]), hm(mon_fri[1]))
    return (*(weekday,) * 5, (hm(sat[0]), hm(sat[1])), closes)


CONNECTED = frozenset({"answered", "unanswered", "abandoned"})
BOTH, OUT = frozenset({"in", "out"}), frozenset({"out"})

HOURS = {
    "cn": Hours(
        "cn.hours", every("08:00", "22:00"), opens_all=frozenset({"night", "any"})
    ),
    "us": Hours("us.hours", every("08:00", "21:00")),
    "us-nv": Hours("us-nv.hours", every("09:00", "20:00")),
    "us-pa": Hours(
        "us-pa.hours", week(("09:00", "21:00"), ("09:00", "21:00"), ("13:30", "21:00"))
    ),
    "ie": Hours(
        "ie.hours",
        week(("09:00", "21:00"), ("09:00", "21:00"), None),
        holidays_of="IE",
        opens_closed=frozenset({"any"}),
        sunday_by_consent=(hm("09:00"), hm("21:00")),
    ),
    "au": Hours(
        "au.hours",
        week(("07:30", "21:00"), ("09:00", "21:00"), ("09:00", "21:00")),
        holidays_of="AU",
    ),
    "in": Hours("in.hours", every("08:00", "19:00")),
}
COUNTS = {
    "cn": (
        Count("cn.talks", 3, 1, 24, frozenset({"answered"}), OUT),
        Count(
            "cn.attempts",
            6,
            1,
            24,
            frozenset({"unanswered", "abandoned"}),
            OUT,
            "number",
        ),
    ),
    "us": (
        Count("us.frequency", 7, 7, 168, CONNECTED, BOTH, "account"),
        Count("us.wait", 1, 7, None, frozenset({"answered"}), BOTH),
    ),
    "gb": (Count("gb.abandoned", 1, None, 72, frozenset({"abandoned"}), OUT),),
    "au": (
        Count("au.week", 3, 7, 168, CONNECTED, BOTH),
        Count("au.month", 10, 31, 744, CONNECTED, BOTH),
    ),
}
PACKS = frozenset({"cn", "us", "us-nv", "us-pa", "gb", "ie", "au", "in", "eu"})
OWN_WORKDAY, OWN_RESTDAY = (hm("09:00"), hm("20:00")), (hm("10:00"), hm("17:00"))

KINDS = frozenset(
    {
        "court_document",
        "filed_contract",
        "signed_contract_record",
        "business_registration",
        "given_by_person",
        "public_register",
    }
)
OLDEST = 1826  # days of UTC since three kinds of source have supported the number
US_FLAGS = frozenset({"attorney", "cease", "do_not_call", "workplace"})

OF_COUNTRY = {"CN": "cn", "US": "us", "GB": "gb", "IE": "ie", "AU": "au", "IN": "in"}
OF_STATE = {"US-NV": "us-nv", "US-PA": "us-pa"}
OF_ZONE = {
    "Asia/Shanghai": "CN",
    "Asia/Urumqi": "CN",
    "America/New_York": "US",
    "America/Chicago": "US",
    "America/Denver": "US",
    "America/Phoenix": "US",
    "America/Los_Angeles": "US",
    "America/Anchorage": "US",
    "Pacific/Honolulu": "US",
    "Europe/London": "GB",
    "Europe/Dublin": "IE",
    "Australia/Sydney": "AU",
    "Australia/Adelaide": "AU",
    "Australia/Perth": "AU",
    "Australia/Lord_Howe": "AU",
    "Asia/Kolkata": "IN",
    "Europe/Paris": "FR",
    "Europe/Lisbon": "PT",
    "America/Toronto": "CA",
    "Asia/Tokyo": "JP",
}
# Countries that say year by year which days are holidays, and the last year they said.
ANNOUNCED = {"JP": 2026}
