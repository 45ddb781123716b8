"""SQL over the analysts' store: what it answers, and what it cannot reach."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import threading
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dialer.campaign.abandonment import standings
from dialer.cli.calls import calls
from dialer.cli.main import dialer
from dialer.cli.start import init
from dialer.clock import SystemClock
from dialer.reports import manifest
from dialer.reports.figures import figures
from dialer.reports.query import Limits, Only, Wrong, asked
from dialer.reports.questions import questions
from dialer.reports.sync import sync
from dialer.settings import Settings, shipped
from dialer.store.port import AttemptRow, Reached, StoreDown, Stores
from tests.kit.outcomes import finished, lived
from tests.kit.stores import NOW, opened

READY = questions(shipped("config") / "queries")


async def settled(home: Path) -> tuple[dict[str, AttemptRow], list[Reached]]:
    """A store in HOME/analysts. -> the ledger's finished attempts, its hours"""
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    async with opened(home) as stores:
        await lived(stores, random.Random(seed), 60)
        await sync(home / "analysts", stores, NOW)
        hours = await stores.calls.reached("spring", NOW)
        return await finished(stores), list(hours)


@pytest.fixture
async def store(
    tmp_path: Path,
) -> tuple[Path, dict[str, AttemptRow], list[Reached]]:
    return tmp_path / "analysts", *(await settled(tmp_path))


def ask(folder: Path, sql: str, only: Only = Only(), **limits: Any) -> list[Any]:  # noqa: B008
    with asked(folder, sql, only, Limits(**limits)) as answer:
        return list(answer.rows)


def test_nothing_but_the_store_is_reached_or_written(tmp_path: Path) -> None:
    folder, secret = tmp_path / "analysts", tmp_path / "secret.csv"
    secret.write_text("a\n1\n", "utf-8")
    folder.mkdir()
    for sql in (
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM read_blob('{secret}')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM read_csv('https://127.0.0.1/x.csv')",
        "SELECT * FROM sqlite_scan('ledger.db', 'attempts')",
        "SELECT * FROM duckdb_secrets()",
        f"SELECT * FROM enable_logging(storage='file', storage_path='{tmp_path}/log')",
        f"SELECT * FROM query('COPY attempts TO ''{tmp_path}/out.csv''')",
        "SELECT * FROM secret",  # a variable of ours
        f"COPY attempts TO '{tmp_path}/out.csv'",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv' (USE_TMP_FILE false)",
        f"EXPORT DATABASE '{tmp_path}/out'",
        f"ATTACH '{tmp_path}/out.db'",
        f"EXPLAIN ANALYZE COPY attempts TO '{tmp_path}/out.csv'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW attempts",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY attempts TO 'x'",
        "",
        "SELEC 1",
    ):
        with pytest.raises(Wrong):
            ask(folder, sql)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "analysts",
        "secret.csv",
    ]
    assert ask(folder, "SELECT count(*) FROM attempts") == [(0,)]
    assert len(ask(folder, "DESCRIBE attempts")) > 30


async def test_its_own_files_cannot_be_overwritten(store: Any) -> None:
    folder, ledger, _ = store
    before = {p: p.read_bytes() for p in folder.rglob("*.parquet")}
    (some, *_) = before
    for how in ("", " (USE_TMP_FILE false)"):
        with pytest.raises(Wrong, match="one SELECT"):
            ask(folder, f"COPY (SELECT 1) TO '{some}'{how}")
    assert {p: p.read_bytes() for p in folder.rglob("*.parquet")} == before
    assert ask(folder, "SELECT count(*) FROM attempts") == [(len(ledger),)]


def test_a_question_ends_in_time_within_its_memory_and_at_ctrl_c(
    tmp_path: Path,
) -> None:
    began = monotonic()
    endless = "SELECT count(*) FROM range(1000000000000) r WHERE r.range % 7 = 3"
    with pytest.raises(Wrong, match=r"stopped after 0\.2 seconds"):
        ask(tmp_path, endless, seconds=0.2)
    big = "SELECT list(range) FROM range(100000000)"
    with pytest.raises(Wrong, match=r"[Mm]emory"):
        ask(tmp_path, big, memory="50MB")
    timer = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, begun
    timer.start()  # in the background of a shell
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path, endless, seconds=60)
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert monotonic() - began < 20


async def test_ready_questions_add_up_to_the_ledger(store: Any) -> None:
    folder, ledger, hours = store

    async def listed() -> AsyncIterator[AttemptRow]:
        for row in ledger.values():
            yield row

    found = await figures(listed())
    (funnel,) = ask(folder, READY["funnel"].sql)
    assert funnel == ("spring", *(count for _, count in found.funnel.steps()))
    outcomes = ask(folder, READY["outcomes"].sql)
    assert {row[1]: row[2] for row in outcomes} == dict(found.dispositions)
    assert sum(row[3] for row in outcomes) == pytest.approx(100, abs=2)
    refused = ask(folder, READY["refusals"].sql)
    ours = sum(row.disposition == "refused" for row in ledger.values())
    assert {row[1]: row[2] for row in refused} == {"cn.consent": ours, "cap": ours}
    rows = ask(folder, READY["abandoned"].sql)
    by_rule = {row[1]: row for row in rows}
    now = max(hour.hour for hour in hours) + timedelta(hours=1)
    for one in standings(hours, now):
        if one.ceiling.hours is None:
            row = by_rule[one.ceiling.rule]
            assert row[2:3] + row[4:6] == (1, one.answered, one.abandoned)
    for name, question in READY.items():
        assert ask(folder, question.sql) is not None
        assert question.about.endswith("."), name


def test_abandoned_calls_by_each_definition(tmp_path: Path) -> None:
    """33 days: 100 answered a day, of them 4 lost on day 2, 2 on day 31."""
    sql = READY["abandoned"].sql
    made = f"""WITH attempts AS (
        SELECT 'k' AS campaign, spoke, disposition,
            TIMESTAMPTZ '2026-01-01 09:00:00+00' + to_days(CAST(day AS INTEGER))
                + to_minutes(CAST(i AS INTEGER)) AS dialing_at
        FROM range(33) d(day), range(100) n(i),
            LATERAL (SELECT CASE WHEN day = 2 AND i < 4 OR day = 31 AND i < 2
                THEN 'abandoned' ELSE 'hung_up' END AS disposition),
            LATERAL (SELECT disposition = 'hung_up' AS spoke)
    ), {sql.split("WITH", 1)[1]}"""
    rows = {row[1]: row for row in ask(tmp_path, made)}
    day = date(2026, 1, 1)
    us, gb, ours = (
        rows[f"{name}"]
        for name in ("us.abandonment", "gb.misuse", "accord.abandonment")
    )
    assert us[2] == 2
    assert us[4:8] == (300, 2, 0.67, 0.67)  # of 3,000 and 4 before: 0.13
    assert us[8].date() == us[3].date() == day + timedelta(days=30)
    assert (gb[2], gb[4:8], gb[9]) == (33, (100, 0, 0.0, 4.0), 1)
    assert gb[8].date() == day + timedelta(days=2)
    assert (ours[2], ours[4:7], ours[9]) == (1, (3300, 6, 0.18), 0)


async def test_only_a_campaign_or_some_days(store: Any) -> None:
    folder, ledger, _ = store
    days = ask(folder, "SELECT date, count(*) FROM attempts GROUP BY 1 ORDER BY 1")
    (day, count), count_sql = days[0], "SELECT count(*) FROM attempts"
    assert ask(folder, count_sql, Only(until=day)) == [(count,)]
    assert ask(folder, count_sql, Only("spring", day, day)) == [(count,)]
    (rest,) = ask(folder, count_sql, Only(since=day + timedelta(days=1)))
    assert rest == (len(ledger) - count,)
    assert ask(folder, count_sql, Only("it's")) == [(0,)]
    assert ask(folder, "SELECT count(*) FROM turns", Only("other")) == [(0,)]


# --- the commands


def typed(settings: Settings, *args: str, code: int = 0) -> Result:
    done = CliRunner().invoke(calls, list(args), obj=settings)
    assert done.exit_code == code, (done.output, done.stderr)
    return done


def test_the_commands(tmp_path: Path) -> None:
    assert "query" in calls.commands
    assert dialer.commands["calls"] is calls
    settings = Settings(home=tmp_path / "home")
    assert CliRunner().invoke(init, [], obj=settings).exit_code == 0
    synced = json.loads(typed(settings, "sync", "--json").output)
    assert synced.keys() == {"folder", "new", "entry", "files"}
    assert "0 attempts more" in typed(settings, "sync", "--rebuild").output
    cell = """SELECT '=HYPERLINK("x")' AS "=a", -1 AS n, [DATE '2026-01-02'] AS d"""
    plain = typed(settings, "query", cell, "--format", "csv").output
    ((head, n_head, _), (text, n, days)) = csv.reader(io.StringIO(plain))
    assert (head, n_head, text, n) == ("'=a", "n", """'=HYPERLINK("x")""", "-1")
    assert days == "2026-01-02"
    lines = typed(settings, "query", cell, "--format", "jsonl", "--no-sync").output
    assert json.loads(lines)["d"] == ["2026-01-02"]
    found = json.loads(
        typed(settings, "query", "FROM range(5)", "--limit", "2", "--json").output
    )
    assert found == {"columns": ["range"], "rows": [[0], [1]], "more": True}
    assert "there are more" in typed(settings, "query", "FROM range(101)").output
    listed = json.loads(typed(settings, "query", "--list", "--json").output)
    assert {one["name"] for one in listed["queries"]} == set(READY)
    assert "funnel" in typed(settings, "query", "--list").output
    for name in READY:
        typed(settings, "query", "--name", name, "--no-sync", "--campaign", "x")
    assert "--list" in typed(settings, "query", code=2).stderr
    assert "funnel" in typed(settings, "query", "--name", "x", code=2).stderr
    wrong = CliRunner().invoke(calls, ["query", "SELECT a", "--no-sync"], obj=settings)
    assert isinstance(wrong.exception, Wrong)


def test_who_cannot_catch_up_says_so_and_answers(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert CliRunner().invoke(init, [], obj=settings).exit_code == 0
    with manifest.writing(settings.analysts_folder):
        done = typed(settings, "query", "SELECT 7", "--json")
    assert "another process" in done.stderr
    assert json.loads(done.stdout)["rows"] == [[7]]


class Impatient(SystemClock):
    """Whoever sleeps three times is done."""

    slept = 0

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        if self.slept == 3:
            raise KeyboardInterrupt


def test_it_stays_and_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path / "home")
    assert CliRunner().invoke(init, [], obj=settings).exit_code == 0
    begun, clock = list[Path](), Impatient()

    async def follow(folder: Path, stores: Stores, now: datetime) -> None:
        begun.append(folder)
        if len(begun) == 2:
            raise StoreDown("gone for now")

    monkeypatch.setattr("dialer.cli.query.follow", follow)
    monkeypatch.setattr("dialer.cli.query.SystemClock", lambda: clock)
    done = typed(settings, "sync", "--every", "5")
    assert begun == [settings.analysts_folder] * 3
    assert "gone for now" in done.stderr


def test_an_analyst_needs_no_key_and_no_ledger(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "nothing here")
    found = typed(settings, "query", "SELECT count(*) FROM attempts", "--no-sync")
    assert "0" in found.output
    assert not settings.home.exists()
