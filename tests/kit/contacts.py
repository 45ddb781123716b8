"""A home folder with open storage, and rows to import into it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialer.contacts import review
from dialer.contacts.importer import Order, Report, import_file
from dialer.contacts.rules import load_rules
from dialer.model import Contact
from dialer.settings import shipped
from dialer.store.keys import new_key
from dialer.store.port import Review, Stores
from dialer.store.sqlite import open_sqlite

RULES = load_rules(shipped("config") / "import.toml")
NOW = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
HEADER = "name,phone,id_number,language,location,account,creditor,amount,currency"
HEADER += ",sources,consents,do_not_call"
SOURCES = "court_document|C|2026-01-02; filed_contract|F|2026-01-02"
SOURCES += "; given_by_person|G|2026-01-02"
DEMO = shipped("config") / "demo" / "contacts.csv"


def line(n: int, **other: str) -> str:
    cells = {
        "name": f"Ann Sample {'abcdefghij'[n % 10]}",
        "phone": f"212555{n:04d}",
        "id_number": "",
        "language": "en",
        "location": "US-NY",
        "account": f"A-{n}",
        "creditor": "Harbor Lane",
        "amount": "10.00",
        "currency": "USD",
        "sources": SOURCES,
        "consents": "any|2026-01-01|2027-01-01",
        "do_not_call": "",
    }
    held = io.StringIO()
    csv.writer(held, lineterminator="").writerow({**cells, **other}.values())
    return held.getvalue()


@dataclass
class House:
    """A home folder with open storage."""

    home: Path
    stores: Stores

    def file(self, *lines: str, name: str = "people.csv") -> Path:
        path = self.home / name
        path.write_text("\n".join([HEADER, *lines, ""]), "utf-8")
        return path

    async def take(self, path: Path, stores: Stores | None = None) -> Report:
        order = Order(path, "ann", self.home / "import", {})
        with_ = stores or self.stores
        return await import_file(
            order, with_, RULES, now=NOW, progress=lambda done, total: None
        )


@asynccontextmanager
async def open_house(home: Path) -> AsyncIterator[House]:
    vault, ledger = home / "vault" / "v.db", home / "ledger" / "l.db"
    async with open_sqlite(vault, ledger, new_key()) as stores:
        yield House(home, stores)


def counts(report: Report) -> tuple[int, int, int, int]:
    b = report.batch
    return b.rows_read, b.accepted, b.rejected, b.duplicates


def number(house: House, e164: str) -> str:
    return house.stores.vault.token("number", e164)


async def only(house: House, e164: str) -> Contact:
    ((contact, _),) = await house.stores.contacts.find(number(house, e164))
    return contact


def said(name: str, approved: bool = True) -> Review:
    return review.signed(name, approved=approved, note="seen", at=NOW)
