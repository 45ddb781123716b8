"""How long the callee waits for our answer: real audio, several lines at once.

From the end of the turn (the silence that ends it is not counted) to the first frame
of the answer being queued, as each conversation measured it. The next 20 ms tick
sends it. `python -m bench.turn_latency [--lines 4] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from uuid import uuid4
from zoneinfo import ZoneInfo

import uvloop

from bench.machine import described, machine
from dialer import planning, speaking
from dialer.call.call import prepare
from dialer.call.conversation import Conversation, Studio
from dialer.call.facts import option
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.callees import load_callees
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.port import Order
from dialer.clock import SystemClock
from dialer.offers.plans import Account, Wish, offered
from dialer.settings import Settings, Speech, shipped
from dialer.store import keys
from ivr.port import CaseFacts, Option
from speech.prompts import Recall

CACHE = Path.home() / ".cache" / "accord"
TALKERS = (
    *("agrees-to-a-plan", "promises", "disputes", "already-paid"),
    *("wants-a-person", "distress", "busy-call-back", "third-party"),
)
WISHES = (Wish("instalments", 3), Wish("instalments", 6), Wish("deferral", 1))


def offers(amount: Decimal, currency: str) -> tuple[Option, ...]:
    """As the shipped policy works them out."""
    policy = planning.offers(Settings(home=CACHE))
    account = Account(amount, currency, "", "loan", None)
    found = offered(policy, account, date(2026, 11, 24), WISHES)
    return tuple(option(plan, amount, policy, currency) for plan in found.plans)


def facts(language: str) -> CaseFacts:
    """A synthetic case."""
    zh = language == "zh"
    zone = "Asia/Shanghai" if zh else "America/New_York"
    amount = Decimal(12300)
    return CaseFacts(
        language=language,
        script="mediation",
        name="陈安宁" if zh else "Avery Stone",
        agency="和信调解服务中心" if zh else "Concord Mediation Services",
        creditor="青杉银行" if zh else "Oakline Bank",
        account_tail="1011",
        amount=amount,
        currency="CNY" if zh else "USD",
        due=date(2026, 5, 20),
        today=datetime(2026, 11, 24, 10, 30, tzinfo=ZoneInfo(zone)),
        options=offers(amount, "CNY" if zh else "USD"),
        zone=zone,
    )


async def talk(
    callee: Callee, studio: Studio, channel: LoopbackChannel
) -> tuple[list[float], list[float]]:
    """One conversation. -> latencies, and of each the wait for the recogniser."""

    async def flag(name: str) -> None:
        """Nothing is stored here."""

    async with channel.place(Order(str(uuid4()), callee.number)) as line:
        talked = await Conversation(
            studio, line, facts(callee.language), (), flag
        ).talk()
    return talked.record.latencies, talked.record.waits


async def measure(lines: int, rounds: int) -> tuple[list[float], list[float]]:
    """Keep `lines` conversations going until each talker was called `rounds` times."""
    found = load_callees(shipped("config") / "demo" / "callees")
    talkers = [c for c in found.values() if c.name[3:] in TALKERS]
    latencies, waits = list[float](), list[float]()
    clock, recall = SystemClock(), Recall()
    with TemporaryDirectory() as home:
        speech = Speech(models=str(CACHE / "models"), prompts=str(CACHE / "prompts"))
        settings = Settings(home=Path(home), speech=speech)
        keys.create(settings.key_file)
        async with (
            speaking.studio(settings, clock, recall) as studio,
            LoopbackChannel(found, clock, understands=recall.text) as channel,
        ):
            await channel.prepare(studio.prompts)
            for language in ("en", "zh"):
                await prepare(facts(language), studio)
            waiting = [c for c in talkers for _ in range(rounds)]

            async def line() -> None:
                while waiting:
                    took = await talk(waiting.pop(), studio, channel)
                    latencies.extend(took[0])
                    waits.extend(took[1])

            async with asyncio.TaskGroup() as group:
                for n in range(lines):
                    group.create_task(line(), name=f"line {n}")
    return latencies, waits


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    latencies, waits = uvloop.run(measure(asked.lines, asked.rounds))
    cuts = quantiles(latencies, n=20)
    rest = [a - b for a, b in zip(latencies, waits, strict=True)]
    result = {
        "lines": asked.lines,
        "turns": len(latencies),
        "p50_ms": round(median(latencies) * 1000),
        "p95_ms": round(cuts[18] * 1000),
        "max_ms": round(max(latencies) * 1000),
        "recogniser_wait_p50_ms": round(median(waits) * 1000),
        "recogniser_wait_p95_ms": round(quantiles(waits, n=20)[18] * 1000),
        "choice_and_queue_p50_ms": round(median(rest) * 1000, 1),
        "choice_and_queue_p95_ms": round(quantiles(rest, n=20)[18] * 1000, 1),
        "machine": machine(),
    }
    if asked.json:
        print(json.dumps(result))
        return
    print(described())
    for name, value in result.items():
        if name != "machine":
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
