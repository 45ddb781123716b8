"""An import all the way into a real vault and ledger."""

from __future__ import annotations

import asyncio
import stat
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from bench import import_contacts
from dialer.contacts import importer, review
from dialer.contacts.importer import lists_of
from dialer.contacts.listing import read, safe
from dialer.contacts.problem import FileRefused
from dialer.model import Contact
from dialer.store.port import Contacts, Refused
from tests.kit.contacts import DEMO, House, counts, line, number, only, open_house, said


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as found:
        yield found


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


async def test_two_processes_do_not_import_one_file_at_once(house: House) -> None:
    path = house.file(line(101))
    report = await house.take(path)
    lock = house.home / "import" / f"{report.batch.batch_id}.lock"
    busy = pytest.raises(FileRefused, match="another process")
    with importer.alone(lock, path.name), busy:
        await house.take(path)


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
