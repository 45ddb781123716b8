"""Do calls end as they should, heard and said through a telephone?

Sixty people of bench/callees, thirty a language, each with a file that says how their
call should end. The engine calls them over the carrier in memory and hears 20 ms frames
of 8 kHz mu-law with noise 20 dB down; the recogniser is the embedded one. Nobody speaks
in a voice of our prompts: with --styles in Kokoro styles of that folder, else in voices
of the packages. What they say is rendered once and kept in the cache.

A call is right when its outcome is its file's, with the flags and stage named there.
Intervals are Wilson's at 95 %. Calls that went wrong are told turn by turn, masked.

usage: python -m bench.conversation [--json] [--lang zh|en] [--only NAME ...]
           [--lines N] [--styles FOLDER] [--callees FOLDER] [--home FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench.heard import pick, voices
from bench.outcomes import Ended, as_dict, show
from dialer import app, demo, planning
from dialer.campaign import file
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.callees import load_callees
from dialer.cli.start import prepare_home
from dialer.clock import Clock, SystemClock
from dialer.contacts import review
from dialer.demo import Script, fresh_home
from dialer.home import opened
from dialer.settings import Settings, load
from dialer.store.port import AttemptRow, Stores

FOLDER = Path(__file__).parent / "callees"
CACHE = Path.home() / ".cache" / "accord"
#: 21:05 in Shanghai and 08:05 in New York, a working day: nearly an hour for all
AT = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)


# --- the people


def cast(given: argparse.Namespace, engine_voices: Iterable[str]) -> dict[str, Callee]:
    """Who is called, by number, each with a voice."""
    styles = given.styles or given.models / "kokoro-voices"
    found = load_callees(given.callees, engine_voices=tuple(engine_voices))
    return {
        number: with_voice(callee, styles)
        for number, callee in found.items()
        if callee.language in (given.lang or callee.language)
        and (not given.only or callee.name in given.only)
    }


def with_voice(callee: Callee, styles: Path) -> Callee:
    """In one of the further styles, where there are any; always the same."""
    if not callee.voice or not any(styles.glob("*.bin")):
        return callee
    return replace(
        callee, voice=pick(voices(callee.language, styles), callee.name, "voice")
    )


def contacts(folder: Path, called: Mapping[str, Callee], target: Path) -> Path:
    """The contact file without those who are not called."""
    with (folder / "contacts.csv").open(encoding="utf-8", newline="") as source:
        rows = csv.DictReader(source)
        names = rows.fieldnames or []
        kept = [row for row in rows if _number(row["phone"]) in called]
    with target.open("w", encoding="utf-8", newline="") as file_:
        writer = csv.DictWriter(file_, names)
        writer.writeheader()
        writer.writerows(kept)
    return target


def _number(phone: str) -> str:
    digits = "".join(filter(str.isdigit, phone))
    return f"+{digits}" if phone.startswith("+") else f"+86{digits}"


# --- the calls


async def play(
    settings: Settings, script: Script, called: Mapping[str, Callee], lines: int
) -> list[Ended]:
    """Import, review, plan, call everybody, and read what the ledger says."""
    clock = SystemClock(script.at - SystemClock().now())
    witness = settings.home / "carrier.jsonl"
    async with opened(settings) as stores:
        report = await app.import_contacts(
            settings, stores, script.contacts, script.importer, clock
        )
        for reviewer in script.reviewers:
            signed = review.signed(reviewer, approved=True, note="", at=clock.now())
            await review.decide(stores.contacts, report.batch.batch_id, signed)
        made = await planning.create_campaign(stores, file.load(script.campaign), clock)
        await planning.plan(settings, stores, made.name, clock, commit=True)
        await stores.campaigns.set_state(made.campaign_id, "running", clock.now())
        async with (
            app.engine(
                settings,
                stores,
                made,
                clock,
                lines=lines,
                callees=called,
                witness=witness,
            ) as engine,
            asyncio.TaskGroup() as group,
        ):
            board = group.create_task(_watch(stores, made.campaign_id, clock))
            await engine.run()
            board.cancel()
        return await _look(stores, made.campaign_id, called, witness)


async def _watch(stores: Stores, campaign_id: str, clock: Clock) -> None:
    """A line on stderr whenever another call has ended."""
    last = ""
    while True:
        status = await stores.campaigns.status(campaign_id)
        line = ", ".join(f"{n} {name}" for name, n in sorted(status.phases.items()))
        if line != last:
            print(line, file=sys.stderr)
        last = line
        await clock.sleep(5.0)


async def _look(
    stores: Stores, campaign_id: str, called: Mapping[str, Callee], witness: Path
) -> list[Ended]:
    rows = {row.attempt_id: row async for row in stores.calls.list(campaign_id)}
    flags = await _flags(stores)
    found = []
    for name, attempt, _, got in demo.score(
        list(rows.values()), demo.calls_placed(witness), called
    ):
        callee = next(each for each in called.values() if each.name == name)
        assert callee.expect is not None
        row = rows.get(attempt)
        found.append(
            Ended(
                name,
                callee.language,
                callee.expect,
                got,
                row.stage if row else 0,
                flags.get(attempt, frozenset()),
                _seconds(row),
                tuple((await stores.calls.show(attempt))[1]) if row else (),
            )
        )
    return found


async def _flags(stores: Stores) -> dict[str, frozenset[str]]:
    """What was set in the calls, by attempt, as the journal has it."""
    found: dict[str, frozenset[str]] = {}
    seq = 0
    while rows := await stores.journal.after(seq):
        seq = rows[-1].seq
        for row in rows:
            source = json.loads(row.body).get("source", "")
            if row.kind == "flag.set" and source.startswith("call:"):
                attempt = source.removeprefix("call:")
                found[attempt] = found.get(attempt, frozenset()) | {row.subject}
    return found


def _seconds(row: AttemptRow | None) -> float:
    if row is None or row.answered_at is None or row.ended_at is None:
        return 0.0
    return round((row.ended_at - row.answered_at).total_seconds(), 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--lang", choices=("zh", "en"))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--lines", type=int, default=4, help="calls at once")
    parser.add_argument("--styles", type=Path, help="folder of Kokoro styles, *.bin")
    parser.add_argument("--callees", type=Path, default=FOLDER)
    parser.add_argument("--models", type=Path, default=CACHE / "models")
    parser.add_argument("--home", type=Path, default=CACHE / "bench-conversation")
    given = parser.parse_args()
    fresh_home(given.home)
    prepare_home(load(given.home))
    settings = load(given.home)
    kept = {"models": str(given.models), "prompts": str(CACHE / "prompts")}
    speech = settings.speech.model_copy(update=kept)
    settings = settings.model_copy(update={"speech": speech})
    called = cast(given, settings.speech.voices.values())
    if not called:
        parser.error("nobody of that name or language")
    chosen = contacts(given.callees, called, given.home / "contacts.csv")
    script = replace(Script.shipped(given.callees, chosen), at=AT)
    calls = uvloop.run(play(settings, script, called, given.lines))
    print(json.dumps(as_dict(calls), ensure_ascii=False)) if given.json else show(calls)


if __name__ == "__main__":
    main()
