"""The main job on one machine, from a CSV file to verified evidence.

The callees are files; the engine hears only their sound. The calendar is set to a
lawful hour (config/demo/demo.toml), and the demo says so.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import shutil
import tomllib
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer import app, planning
from dialer.campaign import file
from dialer.campaign.plan import Summary
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.callees import load_callees
from dialer.clock import Clock, SystemClock
from dialer.contacts import review
from dialer.engine import Engine
from dialer.evidence.log import check
from dialer.home import opened
from dialer.model import Turn
from dialer.reports.leaks import Search, find_leaks
from dialer.reports.sync import sync
from dialer.settings import Settings, shipped
from dialer.store.port import AgreementRow, AttemptRow, Status, Stores

KEPT = {"keys", "prompts", "models"}  # of an earlier run's home
SECRET = {"keys", "models", "vault"}  # not looked into for leaks


@dataclass(frozen=True, slots=True)
class Script:
    """What the demo plays: data files and the hour it pretends."""

    contacts: Path
    campaign: Path
    callees: Path
    at: datetime
    importer: str
    reviewers: tuple[str, str]

    @classmethod
    def shipped(cls, callees: Path | None, contacts: Path | None) -> Script:
        folder = shipped("config") / "demo"
        found = tomllib.loads((folder / "demo.toml").read_text("utf-8"))
        return cls(
            contacts or folder / "contacts.csv",
            folder / "campaign.toml",
            callees or folder / "callees",
            found["at"],
            found["importer"],
            tuple(found["reviewers"]),
        )


@dataclass(slots=True)
class Result:
    """Everything the demo has to show."""

    imported: int = 0
    rejected: int = 0
    duplicates: int = 0
    blocked: int = 0
    summary: Summary = field(default_factory=Summary)
    status: Status | None = None
    rows: list[AttemptRow] = field(default_factory=list)
    expected: list[tuple[str, str, str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    leaks: list[tuple[str, str]] = field(default_factory=list)
    entries: int = 0
    analysed: int = 0  # attempts in the analysts' store
    verified: bool = False
    problems: list[str] = field(default_factory=list)
    shown: tuple[AttemptRow, list[Turn], AgreementRow | None] | None = None
    seconds: float = 0.0

    @property
    def met(self) -> int:
        """Callees who ended as their file says."""
        return sum(wanted == got for _, _, wanted, got in self.expected)

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        dispositions = Counter(str(row.disposition or row.phase) for row in self.rows)
        return {
            "imported": self.imported,
            "rejected": self.rejected,
            "duplicates": self.duplicates,
            "blocked": self.blocked,
            "attempts": len([r for r in self.rows if r.dialing_at]),
            "answered": len([r for r in self.rows if r.answered_at]),
            "dispositions": dict(dispositions.most_common()),
            "expected_outcomes_met": self.met,
            "expected_outcomes_total": len(self.expected),
            "unexpected": [
                {"callee": name, "expected": wanted, "got": got}
                for name, _, wanted, got in self.expected
                if wanted != got
            ],
            "violations": len(self.violations),
            "violation_details": self.violations,
            "unmasked_leaks": len(self.leaks),
            "evidence": {"entries": self.entries, "verified": self.verified},
            "analysts": {"attempts": self.analysed},
            "seconds": round(self.seconds, 1),
        }


def fresh_home(home: Path) -> None:
    """Remove what an earlier demo left; its key and rendered prompts stay."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for entry in home.iterdir():
        if entry.name == "vault":
            for database in entry.glob("*.db*"):
                database.unlink()
        elif entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


Tell = Callable[[str], None]
Watch = Callable[[Stores, str, Engine, Clock], Coroutine[Any, Any, None]]


async def play(
    settings: Settings,
    script: Script,
    *,
    lines: int | None,
    tell: Tell,
    watch: Watch,
) -> Result:
    """Run the demo in a fresh home and look at what it left."""
    clock = SystemClock(script.at - SystemClock().now())
    began, result = clock.elapsed(), Result()
    callees = load_callees(
        script.callees, engine_voices=settings.speech.voices.values()
    )
    witness = settings.home / "carrier.jsonl"
    async with opened(settings) as stores:
        await _import(settings, stores, script, clock, result, tell)
        made = await planning.create_campaign(stores, file.load(script.campaign), clock)
        result.summary = await planning.plan(
            settings, stores, made.name, clock, commit=True
        )
        result.blocked = result.summary.contacts - result.summary.now
        tell(f"planned: {result.summary.now} callable now, {result.blocked} not")
        await stores.campaigns.set_state(made.campaign_id, "running", clock.now())
        tell("opening voices and recogniser")
        async with (
            app.engine(
                settings,
                stores,
                made,
                clock,
                lines=lines,
                callees=callees,
                witness=witness,
            ) as engine,
            asyncio.TaskGroup() as group,
        ):
            board = group.create_task(watch(stores, made.campaign_id, engine, clock))
            await engine.run()
            board.cancel()
        now = clock.now()
        await _look(settings, stores, made.campaign_id, now, callees, witness, result)
    result.leaks = await asyncio.to_thread(leaks, settings.home, script.contacts)
    result.seconds = clock.elapsed() - began
    return result


async def _import(
    settings: Settings,
    stores: Stores,
    script: Script,
    clock: Clock,
    result: Result,
    tell: Tell,
) -> None:
    report = await app.import_contacts(
        settings, stores, script.contacts, script.importer, clock
    )
    batch = report.batch
    result.imported, result.rejected = batch.accepted, batch.rejected
    result.duplicates = batch.duplicates
    tell(
        f"imported {batch.accepted} contacts, {batch.rejected} rejected, "
        f"{batch.duplicates} duplicates"
    )
    for reviewer in script.reviewers:
        signed = review.signed(reviewer, approved=True, note="demo", at=clock.now())
        await review.decide(stores.contacts, batch.batch_id, signed)
    tell(f"reviewed by {' and '.join(script.reviewers)}")


async def _look(
    settings: Settings,
    stores: Stores,
    campaign_id: str,
    now: datetime,
    callees: Mapping[str, Callee],
    witness: Path,
    result: Result,
) -> None:
    result.status = await stores.campaigns.status(campaign_id)
    result.rows = [row async for row in stores.calls.list(campaign_id)]
    synced = await sync(settings.analysts_folder, stores, now)
    result.analysed = synced.attempts
    placed = calls_placed(witness)
    result.expected = score(result.rows, placed, callees)
    result.violations = violations(result.rows, placed)
    report = await check(settings.evidence_folder, stores.journal)
    result.entries, result.verified = report.entries, not report.problems
    result.problems = [str(problem) for problem in report.problems]
    longest = [r for r in result.rows if r.disposition and r.answered_at]
    longest.sort(key=lambda r: r.measures.get("confirmations", 0), reverse=True)
    if longest:
        row, turns = await stores.calls.show(longest[0].attempt_id)
        result.shown = row, turns, await stores.agreements.of_call(row.attempt_id)


def calls_placed(witness: Path) -> list[dict[str, str]]:
    """The carrier's own record of calls."""
    if not witness.exists():
        return []
    return [json.loads(line) for line in witness.read_text("utf-8").splitlines()]


def score(
    rows: list[AttemptRow],
    placed: list[dict[str, str]],
    callees: Mapping[str, Callee],
) -> list[tuple[str, str, str, str]]:
    """-> (callee, attempt, expected, got), by the carrier's own record."""
    ended = {row.attempt_id: str(row.disposition or row.phase) for row in rows}
    by_number = {call["number_sha256"]: call["attempt"] for call in placed}
    found = []
    for number, callee in callees.items():
        if callee.expect is None:
            continue
        attempt = by_number.get(hashlib.sha256(number.encode()).hexdigest(), "")
        wanted = callee.expect.disposition
        found.append((callee.name, attempt, wanted, ended.get(attempt, "not called")))
    return found


def violations(rows: list[AttemptRow], placed: list[dict[str, str]]) -> list[str]:
    """What the carrier saw against what the ledger says. Empty is right.

    It shares no code with the gate: the hours are the law's, read from the row."""
    found = []
    times = Counter(call["attempt"] for call in placed)
    known = {row.attempt_id: row for row in rows}
    for attempt, count in times.items():
        if count > 1:
            found.append(f"{attempt}: dialed {count} times")
        row = known.get(attempt)
        if row is None or row.dialing_at is None:
            found.append(f"{attempt}: placed without a durable `dialing`")
            continue
        if not json.loads(row.verdict or "{}").get("allowed"):
            found.append(f"{attempt}: placed though the gate had refused")
        if not _waking_hours(row):
            found.append(f"{attempt}: placed outside 08:00-22:00 of the callee")
    per_number = Counter(call["number_sha256"] for call in placed)
    found += [f"a number was dialed {n} times" for n in per_number.values() if n > 3]
    return found


def _waking_hours(row: AttemptRow) -> bool:
    zone = "Asia/Shanghai" if row.language == "zh" else "America/New_York"
    assert row.dialing_at is not None
    hour = row.dialing_at.astimezone(ZoneInfo(zone)).hour
    return 8 <= hour < (22 if row.language == "zh" else 21)


def leaks(home: Path, contacts: Path) -> list[tuple[str, str]]:
    """Personal values of the contact file found outside the vault and the key."""
    wanted = needles(contacts)
    open_to_all = [e for e in home.iterdir() if e.name not in SECRET]
    found = []
    for entry in open_to_all:
        if entry.is_dir():
            found += find_leaks(entry, wanted)
        else:
            search = Search(wanted)
            found += [(entry.name, value) for value in search.file(entry)]
    return found


def needles(contacts: Path) -> set[str]:
    """Every name, number, ID card and account of the file: none may be found
    outside the vault."""
    found: set[str] = set()
    with contacts.open(encoding="utf-8-sig", newline="") as rows:
        for row in csv.DictReader(rows):
            for column in ("name", "phone", "id_number", "account"):
                value = (row.get(column) or "").strip()
                digits = "".join(c for c in value if c.isdigit())
                if column == "phone" and len(digits) >= 7:
                    found |= {value, digits}
                elif len(value) >= 2:
                    found.add(value)
    return found
