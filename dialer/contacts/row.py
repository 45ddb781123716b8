"""One row of a file -> one candidate, or every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from dialer.contacts import dates, money, person, phone, place, support
from dialer.contacts.columns import Columns
from dialer.contacts.phone import Phone
from dialer.contacts.problem import Bad, Problem, masked
from dialer.contacts.provenance import Assessment, assess
from dialer.contacts.rules import Rules
from dialer.contacts.table import Row
from dialer.model import Consent, Personal, Source

T = TypeVar("T")
PARTS = ("kind", "reference", "date")  # of a source in columns of its own
NONE: tuple[str, ...] = ()
SHORT = 80  # characters of an account or creditor


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row in which everything is right. Personal: for the vault, before tokens."""

    row: int
    line: int
    personal: Personal
    phones: tuple[Phone, ...]
    zones: tuple[tuple[str, ...], ...]  # of each phone
    locations: tuple[str, ...]
    language: str
    consents: tuple[Consent, ...]
    provenance: Assessment
    flags: tuple[str, ...]
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What became of a row. `stop` are numbers that a *bad* row asks not to call: a
    wish is not lost because an amount was misspelt."""

    candidate: Candidate | None
    problems: tuple[Problem, ...] = ()
    stop: tuple[str, ...] = ()  # E.164


@dataclass(slots=True)
class _Reading:
    """The cells of one row, and what was found wrong with them so far."""

    row: Row
    columns: Columns
    problems: list[Problem] = field(default_factory=list)

    def cells(self, name: str) -> list[tuple[int, str]]:
        places = self.columns.places.get(name, ())
        return [(i, self.row.cells[i].strip()) for i in places]

    def cell(self, name: str) -> str:
        places = self.columns.places.get(name)
        return self.row.cells[places[0]].strip() if places else ""

    def take(self, name: str, read: Callable[[str], T], default: T) -> T:
        """Read a field; a Bad becomes a problem and the default goes on."""
        places = self.columns.places.get(name)
        text = self.row.cells[places[0]].strip() if places else ""
        try:
            return read(text)
        except Bad as bad:
            self.note(name, text, bad)
            return default

    def note(self, name: str, value: str, bad: Bad, index: int | None = None) -> None:
        named = self.columns.name(name) if index is None else self.columns.header[index]
        shown = masked(name, value)
        row, line = self.row.row, self.row.line
        found = Problem(row, line, named, shown, bad.reason, bad.expected)
        self.problems.append(found)


class RowReader:
    """Reads rows of one file. `today` decides what is in the future."""

    def __init__(self, columns: Columns, rules: Rules, today: date) -> None:
        self._columns = columns
        self._rules = rules
        self._today = today
        remembered = lru_cache(4096)  # few different cells fill these columns
        self._places = remembered(lambda text: place.locations(text, rules))
        self._stated = remembered(lambda text: place.zones(text, rules))
        self._code = remembered(lambda text: money.code(text, rules))
        self._yes = remembered(lambda text: support.yes(text, rules))
        self._flagged = remembered(support.flags)
        self._product = remembered(lambda t: support.word(t, rules.product_words))
        self._role = remembered(lambda t: support.word(t, rules.role_words))
        self._agreed = remembered(support.consents)
        self._within = remembered(
            lambda prefix, places, stated: place.candidates(
                prefix, places, stated, rules
            )
        )
        self._spoken = remembered(lambda text: place.spoken(text, rules))
        given = columns.places
        numbers = range(1, 10)
        self._numbered = [
            n for n in numbers if any(f"source{n}_{p}" in given for p in PARTS)
        ]

    def read(self, row: Row) -> Parsed:
        if problem := self._misshapen(row):
            return Parsed(None, (problem,))
        reading = _Reading(row, self._columns)
        name = reading.take("name", person.name, "")
        places = reading.take("location", self._places, NONE)
        language = self._language(reading, name, places)
        phones = tuple(self._phones(reading, place.region(places, language)))
        flags = self._flags(reading)
        personal = self._personal(
            reading, name, places, language=language, phones=phones
        )
        zones = self._zones(reading, places, phones)
        consents = self._consents(reading, zones)
        priority = reading.take("priority", support.priority, None)
        if reading.problems:
            stop = tuple(p.e164 for p in phones) if "do_not_call" in flags else ()
            return Parsed(None, tuple(reading.problems), stop)
        candidate = Candidate(
            row=row.row,
            line=row.line,
            personal=personal,
            phones=phones,
            zones=zones,
            locations=place.with_countries(places, phones),
            language=language,
            consents=consents,
            provenance=assess(personal.sources, self._today),
            flags=flags,
            priority=priority,
        )
        return Parsed(candidate)

    def _misshapen(self, row: Row) -> Problem | None:
        width = len(self._columns.header)
        reason = row.broken
        if not reason and len(row.cells) != width:
            reason = f"has {len(row.cells)} cells, the header {width}"
        if not reason:
            return None
        expected = f'{width} cells; one that holds the separator stands in quotes (")'
        return Problem(row.row, row.line, "(row)", "", reason, expected)

    def _personal(
        self,
        reading: _Reading,
        name: str,
        places: tuple[str, ...],
        *,
        language: str,
        phones: tuple[Phone, ...],
    ) -> Personal:
        countries = place.with_countries(places, phones)
        local = countries[0] if countries else place.region(places, language)
        amount, currency = self._money(reading, local.partition("-")[0])
        return Personal(
            name=name,
            phones=tuple(p.e164 for p in phones),
            id_number=reading.take("id_number", person.id_number, ""),
            account=reading.take("account", _short, ""),
            creditor=reading.take("creditor", _short, ""),
            amount=amount,
            currency=currency,
            due=reading.take("due_date", _due, None),
            sources=tuple(self._sources(reading)),
            product=reading.take("product", self._product, ""),
            role=reading.take("role", self._role, "") or "debtor",
        )

    def _zones(
        self, reading: _Reading, places: tuple[str, ...], phones: tuple[Phone, ...]
    ) -> tuple[tuple[str, ...], ...]:
        stated = reading.take("time_zone", self._stated, NONE)
        return tuple(self._within(p.zones, places, stated) for p in phones)

    def _consents(
        self, reading: _Reading, zones: tuple[tuple[str, ...], ...]
    ) -> tuple[Consent, ...]:
        if not reading.cell("consents"):
            return ()
        every = tuple(dict.fromkeys(zone for of in zones for zone in of))
        return reading.take("consents", lambda t: self._agreed(t, every), ())

    def _language(self, reading: _Reading, name: str, places: tuple[str, ...]) -> str:
        stated = reading.take("language", self._spoken, "")
        return stated or place.language(name, places, self._rules)

    def _flags(self, reading: _Reading) -> tuple[str, ...]:
        found = reading.take("flags", self._flagged, NONE)
        if reading.take("do_not_call", self._yes, False):
            found = (*found, "do_not_call")
        return tuple(dict.fromkeys(found)) if found else found

    def _phones(self, reading: _Reading, region: str) -> Iterator[Phone]:
        seen = set[str]()
        for index, cell in reading.cells("phone"):
            for text in phone.split(cell):
                try:
                    found = phone.read(text, region)
                except Bad as bad:
                    reading.note("phone", text, bad, index)
                    continue
                if found.e164 not in seen:
                    seen.add(found.e164)
                    yield found
        if not any(cell for _, cell in reading.cells("phone")):
            reading.note("phone", "", Bad("is missing", "at least one number"))
        if len(seen) > phone.MOST:
            many = Bad(f"holds {len(seen)} numbers", f"at most {phone.MOST}")
            reading.note("phone", "", many)

    def _money(self, reading: _Reading, country: str) -> tuple[Decimal | None, str]:
        noted = len(reading.problems)
        code = reading.take("currency", self._code, "")
        if len(reading.problems) > noted:
            return None, ""  # said once, at the currency
        nothing: tuple[Decimal | None, str] = (None, "")
        return reading.take(
            "amount", lambda t: money.read(t, code, country, self._rules), nothing
        )

    def _sources(self, reading: _Reading) -> Iterator[Source]:
        for index, cell in reading.cells("sources"):
            try:
                yield from support.sources(cell)
            except Bad as bad:
                reading.note("sources", "", bad, index)
        for n in self._numbered:
            cells = {k: reading.cell(f"source{n}_{k}") for k in PARTS}
            if not any(cells.values()):
                continue
            try:
                yield support.source(*cells.values(), place=f"source {n}")
            except Bad as bad:
                reading.note(f"source{n}_date", "", bad)


def _due(text: str) -> date | None:
    return dates.read(text) if text else None


def _short(text: str) -> str:
    found = person.tidy(text)
    if not found:
        raise Bad("is missing", "what the debt is known by")
    if len(found) > SHORT:
        raise Bad(f"has {len(found)} characters", f"at most {SHORT}")
    return found
