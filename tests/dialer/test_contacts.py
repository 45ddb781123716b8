"""An import all the way into a real vault and ledger, and what is explained later."""

from __future__ import annotations

import asyncio
import csv
import io
import stat
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import import_contacts
from dialer.compliance import packs
from dialer.compliance.gate import make_judge
from dialer.contacts import importer, review, shown
from dialer.contacts.explain import explain
from dialer.contacts.importer import Order, Report, import_file, lists_of
from dialer.contacts.listing import read, safe
from dialer.contacts.problem import Bad, FileRefused
from dialer.contacts.rules import load_rules
from dialer.model import Case, Contact, Reason, Verdict
from dialer.settings import shipped
from dialer.store.keys import new_key
from dialer.store.port import Contacts, Refused, Review, Stores
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


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    vault, ledger = tmp_path / "vault" / "v.db", tmp_path / "ledger" / "l.db"
    async with open_sqlite(vault, ledger, new_key()) as stores:
        yield House(tmp_path, stores)


def counts(report: Report) -> tuple[int, int, int, int]:
    b = report.batch
    return b.rows_read, b.accepted, b.rejected, b.duplicates


async def test_the_demo_file_is_what_its_table_says(house: House) -> None:
    report = await house.take(DEMO)
    assert counts(report) == (60, 51, 7, 2)
    assert sum(report.blocked.values()) == 6
    assert [p.line for p in report.problems] == list(range(36, 43))
    columns = [p.column for p in report.problems]
    assert columns == [
        *("phone", "amount", "due_date", "name"),
        *("id_number", "language", "time_zone"),
    ]
    assert [row[1] for row in read(report.duplicates)] == ["43", "44"]
    assert not report.unchanged


async def test_at_the_demo_hour_the_gate_allows_just_the_good_rows(
    house: House,
) -> None:
    batch = (await house.take(DEMO)).batch.batch_id
    for who in ("bo", "cy"):
        await review.decide(house.stores.contacts, batch, said(who))
    judge = make_judge(packs.load(shipped("config"), today=NOW.date()))
    with DEMO.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    allowed = []
    for n in [*range(2, 36), *range(45, 62)]:
        phone, country = rows[n - 1][1], rows[n - 1][4][:2]
        found = await explain(phone, country, house.stores, judge=judge, now=NOW)
        allowed += [n] if found.contacts[0].verdict.allowed else []
    assert allowed == list(range(2, 36))


async def test_the_same_file_again_changes_nothing_and_says_so(house: House) -> None:
    first = await house.take(DEMO)
    written = report_files(house)
    last = (await house.stores.journal.after(0, 10_000))[-1].seq
    again = await house.take(DEMO)
    assert again.unchanged
    assert again.batch == first.batch
    assert (await house.stores.journal.after(0, 10_000))[-1].seq == last
    assert report_files(house) == written


def report_files(house: House) -> dict[str, bytes]:
    folder = house.home / "import"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_what_was_read_is_found_again_in_the_vault(house: House) -> None:
    await house.take(house.file(line(101, phone="2125550101;+1 212 555 0102")))
    vault = house.stores.vault
    token = vault.token("number", "+12125550102")
    ((contact, batch),) = await house.stores.contacts.find(token)
    personal = await vault.get(contact.contact_id)
    assert personal.phones == ("+12125550101", "+12125550102")
    assert personal.name == "Ann Sample b"
    assert [source.kind for source in personal.sources] == list(contact.sources)
    assert contact.masked == ("+1 212****101", "+1 212****102")
    assert contact.zones == (("America/New_York",),) * 2
    assert batch.importer == "ann"


async def test_one_person_has_one_token_over_all_their_debts(house: House) -> None:
    card = "11010519491231002X"
    await house.take(
        house.file(
            line(101, id_number=card, account="A"),
            line(102, id_number=card, account="B"),
            line(103, account="C", name="No Card"),
            line(103, account="D", name="NO CARD"),
        )
    )
    tokens = [await only(house, f"+1212555010{n}") for n in (1, 2)]
    assert tokens[0].person == tokens[1].person
    assert tokens[0].account != tokens[1].account
    third = await house.stores.contacts.find(number(house, "+12125550103"))
    assert len({contact.person for contact, _ in third}) == 1
    assert len(third) == 2


def number(house: House, e164: str) -> str:
    return house.stores.vault.token("number", e164)


async def only(house: House, e164: str) -> Contact:
    ((contact, _),) = await house.stores.contacts.find(number(house, e164))
    return contact


async def test_every_problem_of_a_row_is_listed_masked(house: House) -> None:
    bad = line(101, name="", phone="2125550101/21255", amount="1.234,50", currency="US")
    shifted = line(102, language="Marked Person", location="2125550177")
    short = "Ann,1,2"
    report = await house.take(house.file(bad, line(103), shifted, short))
    assert counts(report) == (4, 1, 3, 0)
    found = [(p.line, p.column) for p in report.problems]
    assert found[:3] == [(2, "name"), (2, "phone"), (2, "currency")]
    assert (4, "language") in found
    assert (4, "location") in found
    assert found[-1] == (5, "(row)")
    listed = list(read(report.rejects))
    assert len(listed) == len(report.problems)
    text = report.rejects.read_text("utf-8-sig")
    assert not any(word in text for word in ("Marked", "2125550177", "2125550101"))
    assert stat.S_IMODE(report.rejects.stat().st_mode) == 0o600


async def test_a_record_that_cannot_be_taken_apart_is_one_reject(house: House) -> None:
    report = await house.take(house.file(line(101), '"a"b,' + line(102), line(103)))
    assert counts(report) == (3, 2, 1, 0)
    assert report.problems[0].line == 3
    assert "closing quote" in report.problems[0].reason


async def test_duplicates_in_the_file_and_in_the_store_stay_apart(house: House) -> None:
    await house.take(house.file(line(101)))
    again = house.file(
        line(101, amount="99.00"), line(102), line(102), line(1, amount="")
    )
    report = await house.take(again)
    assert counts(report) == (4, 1, 1, 2)
    reasons = [row[1:] for row in read(report.duplicates)]
    assert ["4", "same person and account as line 3"] in reasons
    assert ["2", importer.KNOWN] in reasons
    kept = await house.stores.vault.get((await only(house, "+12125550101")).contact_id)
    assert str(kept.amount) == "10.00"


async def test_a_wish_not_to_be_called_survives_a_bad_or_repeated_row(
    house: House,
) -> None:
    await house.take(house.file(line(101), line(102)))
    rows = line(101, do_not_call="yes"), line(102, amount="?", do_not_call="yes")
    report = await house.take(house.file(*rows, name="later.csv"))
    assert counts(report) == (2, 0, 1, 1)
    for e164 in ("+12125550101", "+12125550102"):
        flags = await house.stores.flags.of([number(house, e164)])
        assert [flag.flag for flag in flags] == ["do_not_call"]
    person = (await only(house, "+12125550101")).person
    assert [f.scope for f in await house.stores.flags.of([person])] == ["person"]


class Interrupted(Exception):
    """Stands for Ctrl-C, kill or a full disk."""


class Failing:
    """The real contacts, until the chunk that fails."""

    def __init__(self, real: Contacts, chunks: int) -> None:
        self._real = real
        self._left = chunks

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def add(
        self,
        batch_id: str,
        contacts: Sequence[Contact],
        *,
        rows_read: int,
        rejected: int,
        duplicates: int,
        at: datetime,
        finished: bool = False,
    ) -> list[str]:
        if not self._left:
            raise Interrupted
        self._left -= 1
        return await self._real.add(
            batch_id,
            contacts,
            rows_read=rows_read,
            rejected=rejected,
            duplicates=duplicates,
            at=at,
            finished=finished,
        )


@pytest.mark.parametrize("chunks", [0, 1, 2, 3])
async def test_an_interrupted_import_goes_on_where_it_was(
    house: House, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "CHUNK", 4)
    rows = [line(n, amount="bad" if n % 5 == 0 else "1.00") for n in range(100, 110)]
    path = house.file(*rows, rows[1], rows[2])
    failing = Failing(house.stores.contacts, chunks)
    broken = replace(house.stores, contacts=failing)  # type: ignore[arg-type]
    with pytest.raises(Interrupted):
        await house.take(path, broken)
    ((halfway),) = await house.stores.contacts.batches()
    assert (halfway.state, halfway.rows_read) == ("importing", chunks * 4)
    with pytest.raises(Refused):
        await review.decide(house.stores.contacts, halfway.batch_id, said("bo"))
    report = await house.take(path)
    assert report.resumed_after == chunks * 4
    assert counts(report) == (12, 8, 2, 2)
    assert [row[1] for row in read(report.rejects)] == ["2", "7"]
    assert len(list(read(report.duplicates))) == 2


def said(name: str, approved: bool = True) -> Review:
    return review.signed(name, approved=approved, note="seen", at=NOW)


async def test_two_processes_do_not_import_one_file_at_once(house: House) -> None:
    path = house.file(line(101))
    report = await house.take(path)
    lock = house.home / "import" / f"{report.batch.batch_id}.lock"
    busy = pytest.raises(FileRefused, match="another process")
    with importer.alone(lock, path.name), busy:
        await house.take(path)


async def test_review_needs_two_others(house: House) -> None:
    batch = (await house.take(house.file(line(101)))).batch.batch_id
    contacts = house.stores.contacts
    for who in ("ann", "Ann "):
        with pytest.raises(Refused, match="imported this batch"):
            await review.decide(contacts, batch, said(who))
    first = await review.decide(contacts, batch[:6], said("bo"))
    assert not review.standing(first).approved
    with pytest.raises(Refused, match="already"):
        await review.decide(contacts, batch, said("BO"))
    second = await review.decide(contacts, batch, said("cy"))
    assert review.standing(second).approved
    third = await review.decide(contacts, batch, said("di", approved=False))
    assert not review.standing(third).approved


async def test_explain_tells_all_facts_and_the_verdict(house: House) -> None:
    few = SOURCES.rpartition(";")[0]
    await house.take(house.file(line(101, sources=few, do_not_call="yes")))
    asked: list[Case] = []

    def judge(case: Case, now: datetime) -> Verdict:
        asked.append(case)
        return Verdict(False, (Reason("r-1", "Act 1", "2 of 3"),), NOW)

    found = await explain("212 555 0101", "US", house.stores, judge=judge, now=NOW)
    (about,) = found.contacts
    assert found.masked == "+1 212****101"
    assert asked[0].flags == ("do_not_call",)
    assert asked[0].sources == ("court_document", "filed_contract")
    assert not about.provenance.dialable
    assert about.review.reasons == ("approved by 0 of 2 people",)
    assert {flag.scope for flag in about.flags} == {"person", "number"}
    text = "\n".join(shown.explanation_lines(found))
    for word in ("may not be called now", "r-1", "Act 1", "2 of 3", "do_not_call"):
        assert word in text
    assert "2125550101" not in text
    assert "Ann" not in text + str(shown.explanation_data(found))


async def test_explain_of_a_number_nobody_has(house: House) -> None:
    def judge(case: Case, now: datetime) -> Verdict:
        raise AssertionError("there is no case to judge")

    found = await explain("2125550199", "US", house.stores, judge=judge, now=NOW)
    assert found.contacts == ()
    assert "never called" in "\n".join(shown.explanation_lines(found))
    with pytest.raises(Bad):
        await explain("12", "US", house.stores, judge=judge, now=NOW)


async def test_nothing_personal_leaves_the_vault(house: House) -> None:
    marked = line(101, name="Markedname", phone="2125550143", id_number="MARKED77")
    await house.take(house.file(marked, line(102, name="Markedname", amount="?")))
    (house.home / "people.csv").unlink()
    for path in house.home.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in (b"Markedname", b"2125550143", b"MARKED77"):
            assert secret not in content, path


def test_lists_are_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    for text in ("=1+1", "+86", "-1", "@x", "\tx", "\rx"):
        assert safe(text) == f"'{text}"
    assert safe("x=1") == "x=1"
    assert lists_of(tmp_path, "b")[0].name == "b-rejects.csv"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Holding 200 bytes of each row would show (bench/import_contacts.py has the
    resident size of a long import)."""
    peaks = []
    for count in (4_000, 24_000):
        home = tmp_path / str(count)
        home.mkdir()
        import_contacts.write(home / "p.csv", count, seed=1)
        tracemalloc.start()
        report = asyncio.run(import_contacts.run(home / "p.csv", home))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        b = report.batch
        assert b.rows_read == count == b.accepted + b.rejected + b.duplicates
        assert sum(1 for _ in read(report.rejects)) == b.rejected
    assert peaks[1] < peaks[0] + 4_000_000, peaks
