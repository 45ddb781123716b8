"""Do-not-call lists: in, out, effective at once, for whoever comes later."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dialer import settings as own_settings
from dialer.cli.main import dialer
from dialer.compliance.gate import make_judge
from dialer.contacts import stoplist
from dialer.contacts.tokens import folded, person_key
from dialer.home import opened as opened_home
from dialer.model import Contact, Personal
from dialer.store import keys
from dialer.store.port import Campaign, FlagRow, Stores
from tests.dialer.test_gate import BOOK
from tests.kit.leaks import no_leaks
from tests.kit.stores import (
    LEASE,
    NODE,
    NOW,
    contact,
    imported,
    opened,
    personal,
    planned,
)

JUDGE = make_judge(BOOK)
NUMBER = "+8613800138000"


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened(tmp_path / "home") as found:
        yield found


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def known(stores: Stores, i: int = 1) -> tuple[Contact, Personal]:
    """A contact whose tokens are those of its personal data."""
    them, token = replace(personal(i), id_number=f"AB{i:06d}"), stores.vault.token
    debt = f"{folded(them.account)}|{folded(them.creditor)}"
    return contact(
        i,
        person=token("person", person_key(them)),
        account=token("account", debt),
        numbers=tuple(token("number", phone) for phone in them.phones),
        creditor=them.creditor,
    ), them


def listed(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, sorted({name for row in rows for name in row}))
        table.writeheader()
        table.writerows(rows)
    return path


async def taken(stores: Stores, path: Path, now: datetime = NOW) -> stoplist.Report:
    return await stoplist.take_in(path, stores, "CN", now)


def row(scope: str, them: Personal) -> dict[str, str]:
    fields = {
        "number": {"number": them.phones[0]},
        "person": {"id_number": them.id_number},
        "account": {"account": them.account.lower(), "creditor": them.creditor},
        "creditor": {"creditor": f" {them.creditor.upper()}"},
        "all": {},
    }
    return {"scope": scope, **fields[scope]}


@pytest.mark.parametrize("scope", ["number", "person", "account", "creditor", "all"])
async def test_each_scope_stops_who_is_imported_later(
    stores: Stores, tmp_path: Path, scope: str
) -> None:
    """Under one campaign and under the next."""
    them, words = known(stores)
    report = await taken(stores, listed(tmp_path / "l.csv", row(scope, words)))
    assert (report.rows, report.new, report.problems) == (1, 1, [])
    other = contact(2, creditor="Other Bank")
    await imported(stores, [them, other])
    for name in ("spring", "autumn"):
        await stores.campaigns.create(Campaign(name, name, "created", "{}", NOW))
        stood = {
            one.contact.contact_id: one.verdict
            async for chunk in stores.campaigns.why(name, [], judge=JUDGE, now=NOW)
            for one in chunk
        }
        dry = await planned(stores, name, commit=False, judge=JUDGE)
        assert {p.contact.contact_id: p.verdict for p in dry} == stood
        reasons = [r.rule for r in stood[them.contact_id].reasons]
        assert reasons == ["accord.flags.do_not_call"]
        assert stood["c_000002"].allowed is (scope != "all")


@pytest.mark.parametrize("scope", ["number", "person", "account", "creditor", "all"])
async def test_a_list_stops_the_next_dial_of_a_running_campaign(
    stores: Stores, tmp_path: Path, scope: str
) -> None:
    """The attempt is claimed already; the list comes through other connections, as
    from another process."""
    them, words = known(stores)
    await imported(stores, [them])
    await stores.campaigns.create(Campaign("c", "c", "created", "{}", NOW))
    await stores.campaigns.set_state("c", "running", NOW)
    await planned(stores, "c", judge=JUDGE)
    (one,) = await stores.ledger.claim("c", 1, node=NODE, now=NOW, lease=LEASE)
    async with opened(tmp_path / "home") as others:
        await taken(others, listed(tmp_path / "l.csv", row(scope, words)))
    verdict = await stores.ledger.dialing(
        one.attempt_id, node=NODE, now=NOW, judge=JUDGE
    )
    assert [r.rule for r in verdict.reasons] == ["accord.flags.do_not_call"]
    (ended,) = [found async for found in stores.calls.list("c")]
    assert ended.dialing_at is None


async def test_a_list_comes_out_as_it_went_in_and_into_another_installation(
    stores: Stores, tmp_path: Path
) -> None:
    _, words = known(stores)
    rows = [row(s, words) for s in ("number", "person", "account", "creditor", "all")]
    ends = {"flag": "dispute", "until": "2027-03-01"}
    rows += [{"scope": "number", "number": NUMBER, **ends}]
    rows += [{"scope": "person", "name": "李四", "number": NUMBER}]
    await taken(stores, listed(tmp_path / "in.csv", *rows))
    out = tmp_path / "out.csv"
    assert await stoplist.write_out(out, stores, NOW) == (7, 0)
    assert out.stat().st_mode & 0o777 == 0o600
    (tmp_path / "other").mkdir()
    async with opened(tmp_path / "other", keys.TenantKey(1, bytes(32))) as other:
        report = await taken(other, out)
        assert (report.new, report.problems) == (7, [])
        again = tmp_path / "again.csv"
        await stoplist.write_out(again, other, NOW)
    assert sorted(again.read_text("utf-8").splitlines()) == sorted(
        line.replace("import", "list") for line in out.read_text("utf-8").splitlines()
    )
    report = await taken(stores, tmp_path / "in.csv")
    assert (report.new, report.known) == (0, 7)


async def test_what_was_said_in_calls_is_written_out_too(
    stores: Stores, tmp_path: Path
) -> None:
    them, words = known(stores)
    await imported(stores, [them])
    await stores.vault.put({them.contact_id: words})
    said = [
        FlagRow("do_not_call", "person", them.person, NOW, "call:1"),
        FlagRow("do_not_call", "number", them.numbers[0], NOW, "call:1"),
        FlagRow("dispute", "account", them.account, NOW, "call:1"),
        FlagRow("do_not_call", "number", "n_nobody", NOW, "call:2"),
    ]
    await stores.flags.add(said)
    out = tmp_path / "out.csv"
    assert await stoplist.write_out(out, stores, NOW) == (3, 1)
    with out.open(encoding="utf-8", newline="") as file:
        found = {r["scope"]: r for r in csv.DictReader(file)}
    assert found["number"]["number"] == words.phones[0]
    assert found["person"]["id_number"] == words.id_number
    assert (found["account"]["account"], found["account"]["flag"]) == (
        words.account,
        "dispute",
    )


async def test_a_mark_that_may_end_ends(stores: Stores, tmp_path: Path) -> None:
    them, words = known(stores)
    await imported(stores, [them])
    ends = {**row("number", words), "flag": "hold", "until": "2026-11-30"}
    await taken(stores, listed(tmp_path / "l.csv", ends))
    last = datetime.fromisoformat("2026-12-01T11:59:00+00:00")  # UTC-12: still the 30th
    for now, flags in ((last, ("hold",)), (last + timedelta(minutes=1), ())):
        case = await stores.contacts.case(them.contact_id, 0, now)
        assert case.flags == flags


async def test_who_is_marked_for_a_time_is_planned_for_after_it(
    stores: Stores, tmp_path: Path
) -> None:
    them, words = known(stores)
    await imported(stores, [them])
    hold = {**row("number", words), "flag": "hold", "until": "2026-11-30"}
    await taken(stores, listed(tmp_path / "l.csv", hold))
    await stores.campaigns.create(Campaign("c", "c", "created", "{}", NOW))
    (one,) = await planned(stores, "c", commit=False, judge=JUDGE)
    # the mark ends at 20:00 in Shanghai, within the hours
    ends = datetime.fromisoformat("2026-12-01T12:00:00+00:00")
    assert one.verdict.next_allowed == ends
    never = row("person", words)
    await taken(stores, listed(tmp_path / "l.csv", never))
    (one,) = await planned(stores, "c", commit=False, judge=JUDGE)
    assert one.verdict.next_allowed is None


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"number": "12"}, "line 2, number:"),
        ({"scope": "town", "number": NUMBER}, "line 2, scope: 'town' is not known"),
        ({"number": NUMBER, "flag": "maybe"}, "line 2, flag: 'maybe' is not known"),
        (
            {"number": NUMBER, "until": "2030-01-01"},
            "line 2, until: '2030-01-01' do_not_call does not end",
        ),
        (
            {"number": NUMBER, "flag": "hold", "until": "2020-01-01"},
            "lies in the past",
        ),
        ({"number": NUMBER, "flag": "hold", "until": "03/04/2027"}, "two dates"),
        ({"scope": "person", "name": "李四"}, "cannot be told from others"),
        ({"scope": "account", "account": "A1"}, "names no creditor"),
        ({"scope": "creditor", "creditor": " "}, "names no creditor"),
        ({"scope": "number", "number": ""}, "names no number"),
    ],
)
async def test_a_row_that_cannot_be_read_is_told_and_the_rest_is_taken(
    stores: Stores, tmp_path: Path, cells: dict[str, str], told: str
) -> None:
    path = listed(tmp_path / "l.csv", cells, {"number": "13800138001"})
    report = await taken(stores, path)
    assert (report.rows, report.new) == (2, 1)
    assert told in str(report.problems[0])
    assert "13800138000" not in str(report.problems[0])


def run(home: Path, *args: str) -> Result:
    return CliRunner().invoke(dialer, ["--home", str(home), *args])


def test_the_commands(tmp_path: Path, home: Path) -> None:
    assert run(home, "init").exit_code == 0
    path = listed(tmp_path / "l.csv", {"number": NUMBER}, {"number": "nonsense"})
    done = run(home, "donotcall", "import", str(path), "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["rows"], found["new"], len(found["problems"])) == (2, 1, 1)
    out = tmp_path / "out.csv"
    args = ["donotcall", "export", str(out), "--as", "chen", "--json"]
    assert json.loads(run(home, *args).stdout)["rows"] == 1
    assert NUMBER in out.read_text("utf-8")
    assert run(home, *args).exit_code == 1  # the file is there
    no_leaks(home, [NUMBER, "13800138000"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tel\n1\n", "unknown column 'tel'"),
        ("flag\nx\n", "expected a column `scope` or `number`"),
        ("", "l.csv"),
    ],
)
def test_a_file_of_another_kind_is_refused_whole(
    tmp_path: Path, home: Path, text: str, told: str
) -> None:
    run(home, "init")
    (tmp_path / "l.csv").write_text(text, "utf-8")
    done = run(home, "donotcall", "import", str(tmp_path / "l.csv"))
    assert done.exit_code in {1, 2}
    assert told in done.stderr


@pytest.mark.slow
async def test_another_process_stops_the_next_dial(tmp_path: Path, home: Path) -> None:
    """The engine of this process holds the attempt; the list comes by the command."""
    await asyncio.to_thread(run, home, "init")
    found = own_settings.load(home, None)
    async with opened_home(found) as stores:
        token = stores.vault.token("number", NUMBER)
        await imported(stores, [contact(1, numbers=(token,))])
        await stores.campaigns.create(Campaign("c", "c", "created", "{}", NOW))
        await stores.campaigns.set_state("c", "running", NOW)
        await planned(stores, "c", judge=JUDGE)
        (one,) = await stores.ledger.claim("c", 1, node=NODE, now=NOW, lease=LEASE)
        path = listed(tmp_path / "l.csv", {"number": NUMBER})
        command = [sys.executable, "-m", "dialer", "--home", str(home)]
        done = await asyncio.create_subprocess_exec(
            *command, "donotcall", "import", str(path)
        )
        assert await done.wait() == 0
        verdict = await stores.ledger.dialing(
            one.attempt_id, node=NODE, now=NOW, judge=JUDGE
        )
        assert [r.rule for r in verdict.reasons] == ["accord.flags.do_not_call"]
