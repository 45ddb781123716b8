"""`dialer agreements`: from the end of a call to an auditor with the key alone."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from dialer import repayment, settings
from dialer.agreements.state import Unfit
from dialer.agreements.sums import fresh
from dialer.cli.main import dialer
from dialer.clock import SystemClock
from dialer.evidence.log import Log
from dialer.home import opened
from dialer.model import Commitment, Disposition, Outcome
from dialer.store import keys
from dialer.store.port import StoreError, Stores
from tests.kit import stores as kit
from tests.kit.agreements import NODES
from tests.kit.leaks import no_leaks

agreements = dialer.commands["agreements"]
TOLD = (click.ClickException, StoreError, Unfit)
PARTS = (500_00, 500_00, 412_37)
TODAY = SystemClock().now().date()  # commands ask the real clock
MADE = TODAY - timedelta(days=37)
FIRST, SECOND, THIRD = (TODAY + timedelta(days=n) for n in (-24, 39, 68))


def day(ahead: int) -> str:
    """So many days after the first part is due."""
    return (FIRST + timedelta(days=ahead)).isoformat()


class Office:
    """An installation with one agreement over three parts, the first overdue."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = settings.load(home)
        self.sums = fresh("CNY", PARTS)

    async def begin(self, stores: Stores) -> None:
        await stores.vault.put({"c_000001": kit.personal()})
        await stores.vault.keep(self.sums)
        await kit.running(stores, [kit.contact(1)])
        one = await kit.dialed(stores)
        await stores.ledger.answered(one.attempt_id, kit.NOW)
        commitment = Commitment(
            "instalments",
            (FIRST, SECOND, THIRD),
            5,
            "CNY",
            self.sums.commit,
            NODES,
            MADE,
        )
        at = SystemClock().now() - timedelta(days=37)
        outcome = Outcome(Disposition.AGREED_PLAN, at, commitment=commitment)
        await stores.ledger.finish(one.attempt_id, outcome)
        self.name = f"g_{one.attempt_id}"

    def do(self, work: Callable[[Stores], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            async with opened(self.settings) as stores:
                return await work(stores)

        return asyncio.run(whole())

    def text(self, *words: str) -> str:
        result = CliRunner().invoke(agreements, words, obj=self.settings)
        assert result.exit_code == 0, result.output
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.text(*words, "--json"))

    def fails(self, *words: str) -> str:
        """What a user is told; a traceback is none."""
        result = CliRunner().invoke(agreements, words, obj=self.settings)
        assert result.exit_code != 0, result.output
        if isinstance(result.exception, TOLD):
            return str(result.exception)
        assert isinstance(result.exception, SystemExit), result.exception
        return result.output

    def state(self) -> str:
        (row,) = self.json("list")["agreements"]
        return str(row["state"])

    def pay(self, amount: str) -> Any:
        words = ("record-payment", self.name, "--amount", amount, "--on", day(1))
        return self.json(*words)["agreement"]

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.settings.ledger_db)) as db:
            db.execute(statement)
            db.commit()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    home = tmp_path / "home"
    home.mkdir()
    found = Office(home)
    keys.create(found.settings.key_file)
    found.do(found.begin)
    return found


def test_payments_lead_to_kept(office: Office) -> None:
    assert office.state() == "active"
    assert office.pay("499.99")["covered"] == 0, "a part of a part covers none"
    row = office.pay("0.01")
    assert (row["covered"], row["next_due"]) == (1, SECOND.isoformat())
    refused = ("record-payment", office.name, "--on", day(2), "--amount")
    assert "more than is still owed" in office.fails(*refused, "912.38")
    assert "more than 2 decimals" in office.fails(*refused, "1.001")
    assert office.pay("912.37")["state"] == "kept"
    assert "is kept: nothing is due" in office.fails(*refused, "1")
    kinds = [e["kind"] for e in office.json("show", office.name)["timeline"]]
    assert kinds[-2:] == ["paid", "fulfilled"]


def test_time_breaks_after_the_grace_and_a_payment_mends(office: Office) -> None:
    assert office.json("settle", "--on", day(5))["changed"] == []
    (row,) = office.json("settle", "--on", day(6))["changed"]
    assert row["state"] == "broken"
    assert office.json("settle", "--on", day(7))["changed"] == [], "once"
    assert office.pay("500")["state"] == "active"
    assert "has not come yet" in office.fails("settle", "--on", "2999-01-01")


def test_a_person_closes(office: Office) -> None:
    close = ("close", office.name, "--why", "withdrawn", "--by", "wang")
    assert office.json(*close)["agreement"]["state"] == "closed"
    assert "is closed already" in office.fails(*close)
    assert office.json("list", "--state", "active")["agreements"] == []


def test_a_new_plan_over_what_is_left_takes_its_place(office: Office) -> None:
    office.pay("500")
    first = (TODAY + timedelta(days=30)).isoformat()
    words = ["renegotiate", office.name, "--first", first, "--by", "wang"]
    nodes = [f"--confirmed={node}" for node in ("plan", "date", "final")]
    assert "3 needed" in office.fails(*words, "--months", "3", *nodes[:2])
    assert "not among" in office.fails(*words, "--months", "5", *nodes)
    row = office.json(*words, "--months", "3", *nodes)["agreement"]
    assert (row["state"], row["parts"], row["call"]) == ("active", 3, None)
    terms = office.json("show", row["agreement"])["terms"]
    assert terms["replaces"] == office.name

    async def sums(stores: Stores) -> tuple[int, ...]:
        return (await stores.vault.sums(terms["commit"])).sums

    assert sum(office.do(sums)) == sum(PARTS) - 500_00
    states = {r["agreement"]: r["state"] for r in office.json("list")["agreements"]}
    assert states == {office.name: "closed", row["agreement"]: "active"}
    assert len(office.json("replay")["agreements"]) == 2


def test_replay_gives_the_same_hash_here_and_from_the_file_alone(
    office: Office, tmp_path: Path
) -> None:
    office.pay("500")
    here = office.json("replay", office.name)
    (one,) = here["agreements"]
    assert one["states"] == ["proposed", "confirmed", "active", "active"]
    assert one["hash"] == office.json("show", office.name)["head"]
    path = tmp_path / "agreements.jsonl"
    written = office.json("export", "--out", str(path))
    assert written["digest"] == here["digest"]
    away = Office(tmp_path / "nobody")  # no installation there
    words = ("replay", "--file", str(path))
    alone = away.json(*words, "--vkey", written["vkey"])
    assert {k: v for k, v in alone.items() if k != "key_from_file"} == {
        k: v for k, v in here.items() if k != "key_from_file"
    }
    assert "compare it with the one you hold" in away.text(*words)
    assert not away.home.exists()
    assert "exists; give another name" in office.fails("export", "--out", str(path))


def test_a_tampered_file_names_the_first_event_that_does_not_fit(
    office: Office, tmp_path: Path
) -> None:
    office.pay("500")
    path = tmp_path / "agreements.jsonl"
    office.text("export", "--out", str(path))
    whole = path.read_text("utf-8").splitlines(keepends=True)

    def told(lines: list[str], *words: str) -> str:
        path.write_text("".join(lines), "utf-8")
        return office.fails("replay", "--file", str(path), *words)

    changed = whole[4].replace('covered\\":1', 'covered\\":3')
    assert changed != whole[4]
    where = f"{office.name} event 3: its signature does not hold"
    assert where in told([*whole[:4], changed])
    assert "line 1: says 4 events; there are 3" in told(whole[:-1])
    head = json.loads(whole[0])
    shorter = json.dumps({**head, "events": 3}) + "\n"
    assert "says digest" in told([shorter, *whole[1:-1]])
    assert "line 3: not JSON" in told([*whole[:2], "{\n", *whole[3:]])
    assert "line 2: missing or unknown: fee" in told(
        [whole[0], json.dumps({**json.loads(whole[1]), "fee": 1}) + "\n", *whole[2:]]
    )
    assert "line 1: the format" in told(["{}\n"])
    assert "line 1: not JSON" in told([])
    assert "not a verifier key" in told(whole, "--vkey", "x")


def test_a_changed_ledger_is_found(office: Office) -> None:
    office.sql("UPDATE agreements SET state = 'kept'")
    assert "the ledger says kept" in office.fails("replay")
    office.sql("UPDATE agreements SET state = 'active'")
    office.text("replay")
    office.sql("UPDATE agreement_events SET at = '2026-01-01T00:00:00.000000Z'")
    assert f"{office.name} event 0: its signature" in office.fails("replay")


def test_no_sum_and_no_person_leave_the_vault(office: Office) -> None:
    office.pay("500")
    office.text("export", "--out", str(office.home / "agreements.jsonl"))
    shown = office.text("show", office.name) + office.text("list")
    (office.home / "shown.txt").write_text(shown, "utf-8")

    async def log(stores: Stores) -> None:
        await Log.open(office.settings.evidence_folder).append(stores.journal)

    office.do(log)
    someone = kit.personal()
    needles = [someone.name, *someone.phones, someone.id_number, someone.account]
    no_leaks(office.home, [*needles, "50000,", "41237"])


def test_erased_sums_leave_a_chain_that_verifies(office: Office) -> None:
    with closing(sqlite3.connect(office.settings.vault_db)) as db:
        db.execute("DELETE FROM records WHERE contact_id LIKE 's_%'")
        db.commit()
    office.text("replay")
    words = ("record-payment", office.name, "--on", day(1))
    assert "no sums named" in office.fails(*words, "--amount", "500")
    row = office.json(*words, "--covers", "1")["agreement"]
    assert row["covered"] == 1
    office.text("replay")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("show", "g_none"), "no agreement named"),
        (("replay", "g_none"), "no agreement named"),
        (("record-payment", "g_1", "--on", "2026-11-03"), "either --amount or"),
        (("record-payment", "g_1", "--on", "x", "--covers", "1"), "--on"),
        (
            ("record-payment", "g_1", "--on", "2026-11-03", "--amount", "nan"),
            "no sum that was paid",
        ),
        (("close", "g_1", "--why", "replaced", "--by", "x"), "replaced"),
        (("replay", "--file", "nothing.jsonl"), "nothing.jsonl"),
    ],
)
def test_what_was_asked_wrongly(
    office: Office, words: tuple[str, ...], why: str
) -> None:
    assert why in office.fails(*words)


def test_a_day_lasts_as_long_as_it_lasts_anywhere() -> None:
    noon = kit.NOW.replace(hour=12)
    assert repayment.earliest_day(noon) == noon.date()
    before = noon - timedelta(minutes=1)
    assert repayment.earliest_day(before) == noon.date() - timedelta(days=1)
