"""Where a person is, and which time zones that allows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from dialer.contacts.person import HAN
from dialer.contacts.phone import Phone
from dialer.contacts.problem import Bad
from dialer.contacts.rules import Rules, plain

CODE = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")
SEVERAL = re.compile(r"[;|、]")
SUFFIX = re.compile(r"(壮族|回族|维吾尔)?(省|市|自治区|特别行政区)$")


def locations(text: str, rules: Rules) -> tuple[str, ...]:
    """ISO 3166-2 or country codes out of one cell. Bad when one is unknown."""
    parts = SEVERAL.split(unicodedata.normalize("NFKC", text))
    return tuple(dict.fromkeys(_location(p.strip(), rules) for p in parts if p.strip()))


def _location(text: str, rules: Rules) -> str:
    expected = "ISO 3166-2 such as CN-32 or US-NY, or a country code"
    code = rules.places.get(SUFFIX.sub("", text), text.upper())
    match = CODE.fullmatch(code)
    if not match:
        raise Bad("is no code of a place", expected)
    country, subdivision = match.groups()
    table = rules.by_place.get(country)
    if table is None:
        raise Bad("names no country", expected)
    if subdivision and len(table) > 1 and subdivision not in table:
        raise Bad(f"names no subdivision of {country}", expected)
    return code


def zones(text: str, rules: Rules) -> tuple[str, ...]:
    """IANA zones out of one cell. Bad when one is unknown."""
    found = [part.strip() for part in SEVERAL.split(text) if part.strip()]
    expected = "an IANA zone such as Asia/Shanghai"
    for zone in found:
        if "/" not in zone or zone.startswith("Etc/"):
            raise Bad("does not say which place's time it is", expected)
        if zone not in rules.zone_names:
            raise Bad("is no IANA time zone", expected)
    return tuple(dict.fromkeys(found))


def candidates(
    by_prefix: Sequence[str],
    places: Sequence[str],
    stated: Sequence[str],
    rules: Rules,
) -> tuple[str, ...]:
    """Every zone the person may be in: by prefix, by place and as stated. A call must
    suit them all, so one more source of doubt never allows a call."""
    by_place = (zone for place in places for zone in _zones_of(place, rules))
    return tuple(dict.fromkeys((*stated, *by_place, *by_prefix)))


def _zones_of(place: str, rules: Rules) -> tuple[str, ...]:
    country, _, subdivision = place.partition("-")
    table = rules.by_place[country]
    return table.get(subdivision) or table["any"]


def with_countries(places: Sequence[str], phones: Sequence[Phone]) -> tuple[str, ...]:
    """The stated places, and the country of each number that none of them is in."""
    inside = {place.partition("-")[0] for place in places}
    more = [p.country for p in phones if p.country and p.country not in inside]
    return tuple(dict.fromkeys((*places, *more)))


def spoken(text: str, rules: Rules) -> str:
    """zh or en as stated; empty: nothing is. Bad when we do not speak it."""
    word = plain(text)
    if word and word not in rules.language_words:
        raise Bad("is no language we speak", " or ".join(rules.languages))
    return rules.language_words[word] if word else ""


def language(name: str, places: Sequence[str], rules: Rules) -> str:
    """zh or en, where it is not stated: by place, else by the script of the name."""
    if places:
        countries = {place.partition("-")[0] for place in places}
        return "zh" if countries & rules.defaults.chinese else "en"
    return "zh" if HAN.search(name) else "en"


def region(places: Sequence[str], spoken: str) -> str:
    """Where a number without country code is local."""
    return places[0].partition("-")[0] if places else {"zh": "CN"}.get(spoken, "US")
